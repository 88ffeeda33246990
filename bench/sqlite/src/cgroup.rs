//! A bound on the memory of a contender, its page cache among it: the shape of a small virtual machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A memory cgroup (version 1 or 2) that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    pub(crate) fn new(bytes: u64) -> std::io::Result<Cgroup> {
        let name = format!("steadfast-bench-{}", std::process::id());
        for (root, limit) in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")] {
            let path = Path::new(root).join(&name);
            if std::fs::create_dir(&path).is_ok() {
                if std::fs::write(path.join(limit), bytes.to_string()).is_ok() {
                    return Ok(Cgroup(path));
                }
                let _ = std::fs::remove_dir(&path);
            }
        }
        Err(std::io::Error::other("no memory cgroup can be made here"))
    }

    /// A command that enters the group and then becomes `program`.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""]).arg(&self.0).arg(program);
        command
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}
