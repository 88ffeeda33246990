//! Installs what is missing of [`PACKAGES`], and leaves the machine otherwise as it was: no service is started, and no
//! main cluster of Postgres is made.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{PACKAGES, Package};

const POLICY: &str = "/usr/sbin/policy-rc.d";
const CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Why the packages are not all there.
pub(crate) enum Refusal {
    /// Nobody allowed us to install: the message says what to do.
    NotAllowed(String),
    /// It was tried.
    Failed(String),
}

/// Sees to it that every package is there.
pub(crate) fn install_missing() -> Result<(), Refusal> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !package.is_there()).collect();
    if missing.is_empty() {
        println!("all {} packages are there", PACKAGES.len());
        return namespaces();
    }
    missing.iter().for_each(|package| println!("missing: {:<16} {}", package.name, package.reason));
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if is_root() {
        install(&names).map_err(Refusal::Failed)?;
    } else if std::env::var_os("CI").is_some_and(|value| value == "true") {
        install_as_root().map_err(Refusal::Failed)?;
    } else {
        return Err(Refusal::NotAllowed(format!(
            "Install them, then run it again (it installs only as root or with CI=true):\n\n  \
             sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        )));
    }
    match PACKAGES.iter().find(|package| !package.is_there()) {
        Some(package) => Err(Refusal::Failed(format!("apt-get ended well, but {} is still not there", package.name))),
        None => namespaces(),
    }
}

/// Tests of names and of ping have an island to themselves: a user namespace with its own network and mounts. Linux
/// lets everybody make one, unless it was told not to.
fn namespaces() -> Result<(), Refusal> {
    let made = Command::new("unshare").args(["--map-root-user", "--net", "--mount", "true"]).output();
    let why = match made {
        Ok(made) if made.status.success() => return Ok(()),
        Ok(made) => String::from_utf8_lossy(&made.stderr).trim().to_owned(),
        Err(why) => why.to_string(),
    };
    Err(Refusal::NotAllowed(format!(
        "Some tests need a user namespace with a network of its own, and this user may make none ({why}). Allow it, \
         then run it again:\n\n  \
         sudo sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 \
         kernel.apparmor_restrict_unprivileged_userns=0\n\n\
         (a key that this kernel does not know is not in its way; in a container: --security-opt seccomp=unconfined)"
    )))
}

/// Whether this process may install: `/proc/self` belongs to the user that it runs as.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// This same step, by sudo, where CI runs as somebody else.
fn install_as_root() -> Result<(), String> {
    let me = std::env::current_exe().map_err(|why| format!("cannot find this program: {why}"))?;
    let status = Command::new("sudo")
        .args(["-n", "--"])
        .arg(me)
        .args(["test", "--only", "packages"])
        .status()
        .map_err(|why| format!("CI=true but neither root nor sudo: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("sudo ended with {status}")) }
}

fn install(names: &[&str]) -> Result<(), String> {
    let policy = Stand::in_for(Path::new(POLICY), "#!/bin/sh\nexit 101\n", 0o755)
        .map_err(|why| format!("cannot deny the start of services by {POLICY}: {why}"))?;
    let cluster = Stand::in_for(Path::new(CLUSTER), "create_main_cluster = false\n", 0o644)
        .map_err(|why| format!("cannot write {CLUSTER}: {why}"))?;
    let installed = apt(&["update"]).and_then(|()| {
        apt(&[&["install", "--yes", "--no-install-recommends", "--option", "Dpkg::Options::=--force-confold"], names]
            .concat())
    });
    let restored = policy.put_back().and(cluster.put_back());
    installed?;
    restored.map_err(|why| format!("cannot put {POLICY} and {CLUSTER} back: {why}"))
}

fn apt(arguments: &[&str]) -> Result<(), String> {
    println!("$ apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(["--quiet", "--option", "Dpkg::Use-Pty=0", "--option", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("UCF_FORCE_CONFFOLD", "1")
        .status()
        .map_err(|why| format!("cannot start apt-get ({why}): on another system install the like of these by hand"))?;
    if status.success() { Ok(()) } else { Err(format!("apt-get {} ended with {status}", arguments.join(" "))) }
}

/// A file of ours in the place of one of the system's, until it is put back.
struct Stand {
    path: PathBuf,
    ours: &'static str,
    /// What stood there, with its mode.
    before: Option<(Vec<u8>, u32)>,
    done: bool,
}

impl Stand {
    fn in_for(path: &Path, ours: &'static str, mode: u32) -> io::Result<Stand> {
        let before = match fs::read(path) {
            Ok(bytes) => Some((bytes, fs::metadata(path)?.mode())),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(why),
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let stand = Stand { path: path.to_owned(), ours, before, done: false };
        fs::write(path, ours)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(stand)
    }

    fn put_back(mut self) -> io::Result<()> {
        self.restore()
    }

    fn restore(&mut self) -> io::Result<()> {
        self.done = true;
        if fs::read(&self.path).is_ok_and(|now| now != self.ours.as_bytes()) {
            // A package brought its own in the meantime.
            return Ok(());
        }
        let brought = PathBuf::from(format!("{}.ucf-dist", self.path.display()));
        match &self.before {
            Some((bytes, mode)) => {
                fs::write(&self.path, bytes)?;
                fs::set_permissions(&self.path, fs::Permissions::from_mode(*mode))
            }
            None if brought.exists() => fs::rename(brought, &self.path),
            None => match fs::remove_file(&self.path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
                _ => Ok(()),
            },
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if !self.done
            && let Err(why) = self.restore()
        {
            eprintln!("cannot put {} back: {why}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_there_is_put_back_with_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy");
        fs::write(&path, "theirs").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("mode");
        let stand = Stand::in_for(&path, "ours", 0o755).expect("stands");
        assert_eq!(fs::read_to_string(&path).expect("read"), "ours");
        stand.put_back().expect("put back");
        assert_eq!(fs::read_to_string(&path).expect("read"), "theirs");
        assert_eq!(fs::metadata(&path).expect("mode").mode() & 0o777, 0o640);
    }

    #[test]
    fn where_nothing_stood_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("etc/policy");
        drop(Stand::in_for(&path, "ours", 0o755).expect("stands"));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_a_package_brought_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy");
        let stand = Stand::in_for(&path, "ours", 0o755).expect("stands");
        fs::write(&path, "the package's").expect("written");
        stand.put_back().expect("put back");
        assert_eq!(fs::read_to_string(&path).expect("read"), "the package's");
    }
}
