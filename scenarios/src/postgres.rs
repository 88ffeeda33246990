//! PostgreSQL: a private cluster of its own user, on a free loopback port and in a folder for its socket.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::patience;
use crate::ports::free_ports;

/// What a cluster is to be like. Without any of it: everybody is trusted, and nothing is encrypted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The password (scram-sha-256) of the superuser `postgres`, which every role then needs over TCP, and every other
    /// role on the socket too.
    pub password: Option<String>,
    /// Certificate and key, as PEM files: the server speaks TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Lines of `pg_hba.conf` that go before all others.
    pub access: Vec<String>,
    /// Settings of `postgresql.conf`: name and value.
    pub settings: Vec<(String, String)>,
}

/// What `pg_isready` says by its exit code.
const ACCEPTS: i32 = 0;
const REJECTS: i32 = 1;

/// A running cluster. It ends, with its data, when its value does.
pub struct Postgres {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one that trusts everybody.
    pub fn start() -> Postgres {
        Postgres::with(&Options::default())
    }

    /// Makes a cluster, starts it, and waits until it accepts.
    pub fn with(options: &Options) -> Postgres {
        let folder = tempfile::tempdir().expect("a folder for a cluster");
        give_to_its_user(folder.path());
        let mut postgres = Postgres { child: None, folder, port: 0 };
        postgres.make(options);
        // A port found free may be taken by another test before the server binds it: then try another.
        patience::until("postgres", || postgres.try_to_run());
        postgres
    }

    /// Its port on 127.0.0.1, and in the name of its socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its socket.
    pub fn sockets(&self) -> &Path {
        self.folder.path()
    }

    /// `postgres://postgres@127.0.0.1:port/database`, without a password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser, in one go; what it answers, with `|` between columns and a line for each row.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap_or_else(|why| panic!("{sql}\n{why}"))
    }

    /// The same of a server that may not answer just now.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.psql(database, sql);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned())
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        self.sql("postgres", &format!("create database \"{database}\""));
    }

    /// Stops the server and keeps the data.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGINT is the fast shutdown: clients are sent away, and nothing is left running.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT);
            let _ = child.wait();
        }
    }

    /// Starts the server again, on the same port.
    pub fn resume(&mut self) {
        assert!(self.child.is_none(), "it runs");
        patience::until("postgres on its old port", || self.try_to_run_on(self.port, ACCEPTS));
    }

    /// Starts the stopped server again as a standby that nobody may ask: it runs, and says so to everybody (57P03).
    pub fn resume_rejecting(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let signal = self.data().join("standby.signal");
        std::fs::write(&signal, "").expect("standby.signal");
        give_to_its_user(&signal);
        let file = self.data().join("postgresql.auto.conf");
        let settings = std::fs::read_to_string(&file).expect("settings");
        std::fs::write(&file, settings + "hot_standby = off\n").expect("settings");
        patience::until("postgres that rejects", || self.try_to_run_on(self.port, REJECTS));
    }

    fn make(&self, options: &Options) {
        let data = self.data();
        let mut initdb = as_its_user("initdb");
        initdb.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            "-D",
        ]);
        let mut passwords = Vec::new();
        if let Some(password) = &options.password {
            let file = self.folder.path().join("password");
            std::fs::write(&file, password).expect("a file");
            give_to_its_user(&file);
            initdb.arg(&data).arg("--pwfile").arg(&file);
            passwords =
                vec!["local all postgres trust", "local all all scram-sha-256", "host all all all scram-sha-256"];
        } else {
            initdb.arg(&data);
        }
        let made =
            initdb.output().unwrap_or_else(|why| panic!("cannot run initdb ({why}): apt-get install postgresql"));
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        if let Some((certificate, key)) = &options.tls {
            for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
                let to = data.join(to);
                std::fs::copy(from, &to).expect("a copy");
                std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).expect("its mode");
                give_to_its_user(&to);
            }
        }
        let hba = data.join("pg_hba.conf");
        let trusting = std::fs::read_to_string(&hba).expect("pg_hba.conf");
        let own = options.access.iter().map(String::as_str).chain(passwords);
        std::fs::write(&hba, own.map(|line| format!("{line}\n")).collect::<String>() + &trusting).expect("pg_hba.conf");
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\nlogging_collector = off\n\
             ssl = {}\n",
            self.folder.path().display(),
            if options.tls.is_some() { "on" } else { "off" },
        );
        for (name, value) in &options.settings {
            settings += &format!("{name} = '{}'\n", value.replace('\'', "''"));
        }
        let file = data.join("postgresql.auto.conf");
        std::fs::write(&file, settings).expect("settings");
        give_to_its_user(&file);
    }

    fn try_to_run(&mut self) -> Result<(), String> {
        let [port] = free_ports::<1>();
        self.try_to_run_on(port, ACCEPTS)
    }

    fn try_to_run_on(&mut self, port: u16, ready: i32) -> Result<(), String> {
        self.port = port;
        let log = std::fs::File::create(self.folder.path().join("log")).map_err(|why| why.to_string())?;
        let mut command = as_its_user("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &port.to_string()]).stdin(Stdio::null());
        let spawned = command.stdout(Stdio::null()).stderr(log).spawn();
        let child = self.child.insert(spawned.map_err(|why| why.to_string())?);
        let is_ready = || {
            // Over TCP, too: the socket is there first.
            let asked = Command::new(programs().join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"])
                .status();
            asked.is_ok_and(|status| status.code() == Some(ready))
        };
        let runs = patience::until("postgres to accept", || match child.try_wait() {
            Ok(Some(_)) => Ok(false),
            Ok(None) if is_ready() => Ok(true),
            Ok(None) => Err("not yet".to_owned()),
            Err(why) => Err(why.to_string()),
        });
        if runs {
            return Ok(());
        }
        self.child = None;
        Err(std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default())
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let mut child = Command::new(programs().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"])
            .arg(self.sockets())
            .args(["-p", &self.port.to_string()])
            .env_remove("PGOPTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql");
        let mut stdin = child.stdin.take().expect("a pipe");
        let sql = sql.to_owned();
        let writer = std::thread::spawn(move || {
            use std::io::Write;
            let _ = stdin.write_all(sql.as_bytes());
        });
        let output = child.wait_with_output().expect("psql");
        let _ = writer.join();
        output
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the programs of the newest PostgreSQL are that Debian has installed.
pub fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("apt-get install postgresql").flatten();
    versions.map(|version| version.path().join("bin")).max().expect("apt-get install postgresql")
}

/// A program of PostgreSQL, as the user `postgres` when we are root: it refuses to run as root.
fn as_its_user(program: &str) -> Command {
    let program = programs().join(program);
    let mut command = if geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn give_to_its_user(path: &Path) {
    if geteuid().is_root() {
        let user = User::from_name("postgres").ok().flatten().expect("apt-get install postgresql");
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("the user's own");
    }
}
