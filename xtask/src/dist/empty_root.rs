//! The binary where there is nothing else: no loader, no library, no `/etc`, no `/proc`. What works there works in a
//! container `FROM scratch`, and on whatever distribution it is copied to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use super::tree::write;

/// What the page says as long as all is well.
const WELL: &str = "The shop is open.";

/// A run of the binary there, and how it has to end.
struct Trial {
    arguments: &'static [&'static str],
    exit: i32,
    says: &'static str,
    /// What it shows.
    shows: &'static str,
}

const TRIALS: &[Trial] = &[
    Trial { arguments: &["--version"], exit: 0, says: "steadfast ", shows: "it starts" },
    Trial {
        arguments: &["verify", "--only", "by-address"],
        exit: 0,
        says: "PROCEED",
        shows: "it looks, judges and records",
    },
    Trial {
        arguments: &["verify", "--only", "emptied"],
        exit: 1,
        says: "HOLD",
        shows: "it sees that a page has lost its content",
    },
    Trial {
        arguments: &["verify", "--only", "by-name"],
        exit: 0,
        says: "PROCEED",
        shows: "names come from /etc/hosts, whatever nsswitch.conf would load",
    },
    Trial { arguments: &["demo"], exit: 0, says: "prove", shows: "a whole shop, databases and TLS, within /tmp" },
];

/// Runs all trials, and says of each what it has shown.
pub(super) fn try_all(binary: &Path) -> Result<Vec<String>, String> {
    let root = tempfile::tempdir().map_err(|why| format!("no scratch folder: {why}"))?;
    let program = std::fs::read(binary).map_err(|why| format!("cannot read {}: {why}", binary.display()))?;
    write(&root.path().join("steadfast"), &program, 0o755)?;
    let shop = serve().map_err(|why| format!("cannot serve pages on the loopback: {why}"))?;
    let mut shown = Vec::new();
    for (number, trial) in TRIALS.iter().enumerate() {
        run(root.path(), trial)?;
        let words = trial.arguments.join(" ");
        shown.push(format!("steadfast {words:<28} exit {}  {}", trial.exit, trial.shows));
        if number == 0 {
            // Until here the binary was alone.
            furnish(root.path(), shop)?;
        }
    }
    Ok(shown)
}

/// A configuration, names, and a folder for what does not last.
fn furnish(root: &Path, shop: SocketAddr) -> Result<(), String> {
    let check = |id: &str, host: &str, page: &str| {
        format!(
            "[[check]]\nid = \"{id}\"\n[check.http]\nget = \"http://{host}:{}/{page}\"\n\
             [check.http.expect]\nstatus = 200\nbody_contains = \"{WELL}\"\n",
            shop.port()
        )
    };
    let configuration = [
        "[project]\nname = \"an empty root\"\n".to_owned(),
        check("by-address", "127.0.0.1", "open"),
        check("emptied", "127.0.0.1", "emptied"),
        check("by-name", "shop.test", "open"),
    ];
    write(&root.join("steadfast.toml"), configuration.concat().as_bytes(), 0o644)?;
    write(&root.join("etc/hosts"), b"127.0.0.1 shop.test\n", 0o644)?;
    // A dynamic binary would load libnss_trap.so. One that tries to here gets no further, and finds no name.
    write(&root.join("etc/nsswitch.conf"), b"hosts: trap [UNAVAIL=return] files\n", 0o644)?;
    std::fs::create_dir(root.join("tmp")).map_err(|why| format!("cannot make /tmp: {why}"))
}

fn run(root: &Path, trial: &Trial) -> Result<(), String> {
    let line = format!("in an empty root: steadfast {}", trial.arguments.join(" "));
    let ran = Command::new("timeout")
        .args(["--kill-after=10s", "120s", "unshare", "--map-root-user", "--wd=/"])
        .arg(format!("--root={}", root.display()))
        .arg("/steadfast")
        .args(trial.arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{line}: cannot start it by timeout and unshare: {why}"))?;
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    match ran.status.code() {
        Some(code) if code == trial.exit && said.contains(trial.says) => Ok(()),
        _ => Err(format!("{line}\nended with {} instead of {}, and said:\n{said}", ran.status, trial.exit)),
    }
}

/// A site of two pages on a free port of the loopback, for as long as this process lives.
fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // One that breaks off is no reason to leave the next one unanswered.
            let _ = answer(&mut connection);
        }
    });
    Ok(address)
}

fn answer(connection: &mut TcpStream) -> std::io::Result<()> {
    let mut asked = Vec::new();
    let mut piece = [0; 1024];
    while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = connection.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&piece[..length]);
    }
    let page = if asked.starts_with(b"GET /open ") { WELL } else { "" };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
    connection.write_all(head.as_bytes())?;
    connection.write_all(page.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_loader_does_not_start_there() {
        let refused = try_all(Path::new("/bin/true")).expect_err("it is linked dynamically");
        assert!(refused.starts_with("in an empty root: steadfast --version\nended with exit status: 127"), "{refused}");
        assert!(refused.contains("No such file or directory"), "{refused}");
    }
}
