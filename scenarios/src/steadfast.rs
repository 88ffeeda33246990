//! The real binary in a folder of its own: nothing of the machine's environment, everything it said kept.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No command of ours takes longer than this; one that does hangs.
const BOUND: Duration = Duration::from_secs(60);

/// A folder to work in, with an environment of its own.
pub struct Workplace {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What a command said and how it ended.
pub struct Ran {
    line: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

/// A command that is still running. Dropped, it is killed.
pub struct Running {
    child: Child,
    line: String,
    began: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Workplace {
    /// An empty folder.
    pub fn new() -> Workplace {
        Workplace { folder: tempfile::tempdir().expect("a temporary folder"), environment: Vec::new() }
    }

    /// A folder with this `steadfast.toml`.
    pub fn with(configuration: &str) -> Workplace {
        let workplace = Workplace::new();
        workplace.write("steadfast.toml", configuration);
        workplace
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).expect("a file in the workplace");
    }

    /// Sets a variable for every command from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).wait()
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_by(binary().as_os_str(), &[], arguments)
    }

    /// Starts a command by way of another program, which gets the binary's path and the arguments after its own.
    pub fn start_through(&self, program: &str, own: &[&str], arguments: &[&str]) -> Running {
        let mut before: Vec<&OsStr> = own.iter().map(OsStr::new).collect();
        before.push(binary().as_os_str());
        self.start_by(OsStr::new(program), &before, arguments)
    }

    fn start_by(&self, program: &OsStr, before: &[&OsStr], arguments: &[&str]) -> Running {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Outside the folder, so that a read-only one can be tested.
        let said = std::env::temp_dir().join(format!("steadfast-said-{}-{number}", std::process::id()));
        let (stdout, stderr) = (said.with_extension("out"), said.with_extension("err"));
        let child = Command::new(program)
            .args(before)
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path())
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("a file for the output"))
            .stderr(File::create(&stderr).expect("a file for the complaints"))
            .spawn()
            .expect("the binary starts");
        let line = format!("steadfast {}", arguments.join(" "));
        Running { child, line, began: Instant::now(), stdout, stderr }
    }
}

impl Default for Workplace {
    fn default() -> Self {
        Workplace::new()
    }
}

impl Running {
    /// What it printed until now.
    pub fn said(&self) -> String {
        [&self.stdout, &self.stderr]
            .map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned())
            .concat()
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        let process = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).expect("it is still there");
    }

    /// Ends it without asking.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits for its end; one that hangs fails the test with what it had said.
    pub fn wait(mut self) -> Ran {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            assert!(self.began.elapsed() < BOUND, "`{}` hangs; it had said:\n{}", self.line, self.said());
            std::thread::park_timeout(Duration::from_millis(2));
        };
        Ran {
            line: self.line.clone(),
            code: status.code(),
            stdout: std::fs::read(&self.stdout).unwrap_or_default(),
            stderr: std::fs::read(&self.stderr).unwrap_or_default(),
            took: self.began.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in [&self.stdout, &self.stderr] {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Ran {
    /// All that it said, for people.
    pub fn said(&self) -> String {
        let mut said = String::from_utf8_lossy(&self.stdout).into_owned();
        let _ = write!(said, "{}", String::from_utf8_lossy(&self.stderr));
        said
    }

    /// It must have ended with this code, and without a panic.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Ran {
        assert_eq!(self.code, Some(code), "`{}` said:\n{}", self.line, self.said());
        assert!(!self.said().contains("panicked at"), "`{}` panicked:\n{}", self.line, self.said());
        self
    }

    /// It must have said this.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Ran {
        assert!(self.said().contains(text), "`{}` does not say `{text}`:\n{}", self.line, self.said());
        self
    }

    /// It must have said this, wherever its lines were broken.
    #[track_caller]
    pub fn tells(&self, text: &str) -> &Ran {
        let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = in_one_line(&self.said());
        assert!(said.contains(&in_one_line(text)), "`{}` does not tell `{text}`:\n{}", self.line, self.said());
        self
    }

    /// It must not have said this.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Ran {
        assert!(!self.said().contains(text), "`{}` says `{text}`:\n{}", self.line, self.said());
        self
    }

    /// The report that it printed as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|why| panic!("`{}` printed no JSON ({why}):\n{}", self.line, self.said()))
    }

    /// The verdict on one check, of a JSON report.
    #[track_caller]
    pub fn verdict(&self, id: &str) -> String {
        self.check(id)["verdict"].as_str().unwrap_or_default().to_owned()
    }

    /// The codes of one check's findings, of a JSON report.
    #[track_caller]
    pub fn codes(&self, id: &str) -> Vec<String> {
        let check = self.check(id);
        let findings = check["findings"].as_array().cloned().unwrap_or_default();
        findings.iter().map(|finding| finding["code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[track_caller]
    fn check(&self, id: &str) -> Value {
        let report = self.json();
        let checks = report["checks"].as_array().cloned().unwrap_or_default();
        checks.into_iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id} in {report:#}"))
    }
}

/// The binary: `STEADFAST_BIN`, or built now with the profile of these tests.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("STEADFAST_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    // target/<profile>/deps/<this test>, or target/<profile>/<this bench>
    let test = std::env::current_exe().expect("this test's own path");
    let folder = test.parent().expect("the folder of this test");
    let profile = if folder.ends_with("deps") { folder.parent().expect("the profile's folder") } else { folder };
    let target = profile.parent().expect("the target folder");
    let name = match profile.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "steadfast", "--profile", name, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "steadfast does not build");
    profile.join("steadfast")
}
