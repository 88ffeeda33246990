//! An island: a network, and a view of the file system, of a test's own. There it is root, port 53 is free, and
//! `/etc/resolv.conf` may say what it likes; nothing of it reaches the machine.
//!
//! The test runs itself again in new namespaces, which Linux gives everybody (user_namespaces(7)).

use std::path::Path;
use std::process::{Command, Stdio};

/// Set on the island to the name of the test that runs there.
const ISLAND: &str = "STEADFAST_ISLAND";

/// Runs the work of the test with this name on an island, whose only network is its loopback.
pub fn on_an_island(test: &str, work: impl FnOnce()) {
    if std::env::var(ISLAND).is_ok_and(|name| name == test) {
        run("ip", &["link", "set", "lo", "up"]);
        work();
        return;
    }
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "--"])
        .arg(std::env::current_exe().expect("this test's own path"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ISLAND, test)
        .env("STEADFAST_BIN", crate::steadfast::binary())
        .env_remove("NEXTEST_EXECUTION_MODE")
        .stdin(Stdio::null())
        .output()
        .expect("unshare(1), of util-linux");
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!said.contains("unshare failed"), "this user may make no namespaces (user_namespaces(7)):\n{said}");
    assert!(ran.status.success(), "on the island:\n{said}");
    assert!(said.contains("1 passed"), "no test is called {test}:\n{said}");
}

/// On the island: what stands in a file of the system, seen by this test alone.
pub fn replace(path: &str, folder: &Path, text: &str) {
    let file = folder.join(path.trim_start_matches('/').replace('/', "-"));
    std::fs::write(&file, text).expect("a file");
    run("mount", &["--bind", &file.display().to_string(), path]);
}

/// On the island: runs a command that must end well.
pub fn run(program: &str, arguments: &[&str]) {
    let ran = Command::new(program).args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    let ran = ran.unwrap_or_else(|why| panic!("cannot start {program}: {why}"));
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
