//! Programs from npm and PyPI that a test or a bench needs beside Debian's: each in `target/tools/<name>`, installed by
//! whoever needs it first, and never into the system.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with these npm packages (`"ajv@8.20.0"`) in its `node_modules`.
///
/// # Errors
/// What npm said, if it is not there or could not install.
pub fn npm(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    installed(&tools(), name, packages, |folder| {
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"]).arg(folder);
        ended_well(install.args(packages))
    })
}

/// A virtual environment with these PyPI packages (`"datasette==0.65"`); its programs are in its `bin`.
///
/// # Errors
/// What Python or pip said, if it is not there or could not install.
pub fn pypi(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    installed(&tools(), name, packages, |folder| {
        ended_well(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut install = Command::new(folder.join("bin/python"));
        ended_well(install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages))
    })
}

/// The folder of a tool: made once, also when several processes ask at a time, and made anew when other packages are
/// asked for or when an installation broke off.
fn installed(
    tools: &Path,
    name: &str,
    packages: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let folder = tools.join(name);
    let complete = tools.join(format!("{name}.installed"));
    let wanted = packages.join("\n");
    let trouble = |why: io::Error| format!("cannot install {name} into {}: {why}", tools.display());
    fs::create_dir_all(tools).map_err(trouble)?;
    let lock = File::create(tools.join(format!("{name}.lock"))).map_err(trouble)?;
    lock.lock().map_err(trouble)?;
    if fs::read_to_string(&complete).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    for old in [fs::remove_file(&complete), fs::remove_dir_all(&folder)] {
        match old {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(trouble(why)),
            _ => {}
        }
    }
    fs::create_dir_all(&folder).map_err(trouble)?;
    install(&folder)?;
    fs::write(&complete, wanted).map_err(trouble)?;
    Ok(folder)
}

/// `target/tools`, wherever cargo builds.
fn tools() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("tools")
}

fn ended_well(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|why| format!("cannot start {program}: {why}"))?;
    if ended.status.success() {
        return Ok(());
    }
    Err(format!("{program} ended with {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_made_once_and_again_for_other_packages() {
        let tools = tempfile::tempdir().expect("a folder");
        let mut times = 0;
        for packages in [["a@1"], ["a@1"], ["a@2"]] {
            installed(tools.path(), "tool", &packages, |folder| {
                times += 1;
                assert!(fs::read_dir(folder).expect("the folder").next().is_none());
                fs::write(folder.join("left"), "x").map_err(|why| why.to_string())
            })
            .expect("installed");
        }
        assert_eq!(times, 2);
    }

    #[test]
    fn an_installation_that_broke_off_is_not_taken_for_a_whole_one() {
        let tools = tempfile::tempdir().expect("a folder");
        let failed = installed(tools.path(), "tool", &["a@1"], |_| Err("no network".to_owned()));
        assert_eq!(failed, Err("no network".to_owned()));
        assert!(installed(tools.path(), "tool", &["a@1"], |_| Ok(())).is_ok());
    }
}
