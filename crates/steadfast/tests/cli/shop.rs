//! A folder with a configuration, and a small server that answers as the test wants.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use unicode_width::UnicodeWidthStr;

/// What a path answers: 200 with this body, or nothing for ever.
#[derive(Clone)]
pub(crate) enum Answer {
    Page(&'static str),
    Never,
}

/// A server; it ends with the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, Answer>>>,
    /// Tells the path of each request as it comes in.
    pub(crate) asked: Receiver<String>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pages: Arc<Mutex<HashMap<String, Answer>>> = Arc::default();
        let (sender, asked) = channel();
        let shared = Arc::clone(&pages);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, sender) = (Arc::clone(&shared), sender.clone());
                std::thread::spawn(move || answer(stream, &pages, &sender));
            }
        });
        Server { address, pages, asked }
    }

    pub(crate) fn set(&self, path: &str, answer: Answer) {
        self.pages.lock().unwrap().insert(path.to_owned(), answer);
    }
}

fn answer(stream: TcpStream, pages: &Mutex<HashMap<String, Answer>>, asked: &Sender<String>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    let answer = pages.lock().ok()?.get(&path).cloned();
    let (status, body) = match answer {
        Some(Answer::Page(body)) => ("200 OK", body),
        Some(Answer::Never) => {
            asked.send(path).ok()?;
            // Until the other side gives up.
            lines.next();
            return None;
        }
        None => ("404 Not Found", "no such page"),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n", body.len());
    (&stream).write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).ok()
}

/// A project's folder.
pub(crate) struct Shop {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
}

impl Shop {
    /// With these checks, whose target is the server.
    pub(crate) fn with(checks: &str) -> Shop {
        let shop = Shop { folder: tempfile::tempdir().unwrap(), server: Server::start() };
        shop.configure(checks);
        shop
    }

    pub(crate) fn configure(&self, checks: &str) {
        let address = self.server.address;
        let head = format!(
            "[project]\nname = \"shop\"\n[targets]\nshop = \"http://{address}\"\n\
             [defaults.http]\nbase_url = {{ target = \"shop\" }}\n"
        );
        std::fs::write(self.path("steadfast.toml"), format!("{head}{checks}")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary in this folder, with an environment that says nothing.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        command
    }

    /// Runs the binary; its exit code and what it wrote to standard output and standard error.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        told(&self.command(args).output().unwrap())
    }
}

/// The exit code, and all that was written. No line is wider than 80 columns, but for what is to be pasted.
pub(crate) fn told(output: &Output) -> (i32, String) {
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "colours in a pipe: {out}{err}");
    let pasted = |line: &&str| line.contains(" = ") || line.contains("\": ") || line.trim_start().starts_with('\'');
    for line in out.lines().filter(|line| !pasted(line)) {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
    (output.status.code().unwrap(), format!("{out}{err}"))
}

/// An HTTP check.
pub(crate) fn http(id: &str, path: &str, expect: &str) -> String {
    format!(
        "[[check]]\nid = \"{id}\"\nsummary = \"The page {path}\"\ngates = [\"post-deploy\"]\n\
         [check.http]\nget = \"{path}\"\n[check.http.expect]\n{expect}\n"
    )
}
