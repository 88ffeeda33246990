//! A folder as one file that is the same wherever and whenever it is made of the same content.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// Packs `folder` into a `.tar.gz` under the name that its first folder is to have: sorted, owned by root, and dated
/// `epoch`, which is in seconds since 1970. GNU tar and gzip are on every machine that builds packages.
pub(super) fn pack(folder: &Path, name: &str, epoch: u64, archive: &Path) -> Result<(), String> {
    let from = folder.file_name().ok_or("a folder without a name")?.to_string_lossy();
    let parent = folder.parent().ok_or("a folder without a parent")?;
    ended_well(
        Command::new("tar")
            .args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip -9n"])
            .arg(format!("--mtime=@{epoch}"))
            .arg(format!("--transform=s,^{from},{name},"))
            .arg(format!("--file={}", archive.display()))
            .arg(format!("--directory={}", parent.display()))
            .arg(&*from)
            .env("LC_ALL", "C"),
    )
}

/// The lines of `sha256sum` for these files, whose names are relative to the folder, into a file of the folder.
pub(super) fn sum(folder: &Path, files: &[&str], sums: &str) -> Result<(), String> {
    let sums = folder.join(sums);
    let file = File::create(&sums).map_err(|why| format!("cannot write {}: {why}", sums.display()))?;
    ended_well(Command::new("sha256sum").args(files).current_dir(folder).stdout(file))
}

/// The digest that stands in the folder's `SHA256SUMS` for a file.
pub(super) fn digest(folder: &Path, file: &str) -> Option<String> {
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).ok()?;
    sums.lines().find_map(|line| line.strip_suffix(file)?.strip_suffix("  ").map(str::to_owned))
}

fn ended_well(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.status().map_err(|why| format!("cannot start {program}: {why}"))?;
    if ended.success() { Ok(()) } else { Err(format!("{program} ended with {ended}, see above")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// The archive of a folder whose files were written in this order and at this time.
    fn packed(order: &[&str], age: Duration, mode: u32) -> Vec<u8> {
        let out = tempfile::tempdir().expect("a folder");
        let folder = out.path().join("tree");
        fs::create_dir(&folder).expect("a folder");
        for name in order {
            let path = folder.join(name);
            fs::write(&path, *name).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            File::options().write(true).open(path).expect("open").set_modified(SystemTime::now() - age).expect("dated");
        }
        sum(&folder, order, "SHA256SUMS").expect("summed");
        assert_eq!(digest(&folder, "b").expect("its line").len(), 64);
        assert_eq!(digest(&folder, "d"), None);
        fs::remove_file(folder.join("SHA256SUMS")).expect("removed");
        pack(&folder, "steadfast-1", 1_700_000_000, &out.path().join("a.tar.gz")).expect("packed");
        fs::read(out.path().join("a.tar.gz")).expect("read")
    }

    #[test]
    fn the_same_content_is_the_same_archive() {
        let first = packed(&["a", "b"], Duration::ZERO, 0o644);
        assert_eq!(first, packed(&["b", "a"], Duration::from_secs(86_400), 0o600));
        assert_ne!(first, packed(&["a", "b", "c"], Duration::ZERO, 0o644));
    }
}
