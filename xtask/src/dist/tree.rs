//! What is shipped, laid out below a folder as it is below `/usr`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of the repository that go along.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// The sums of all other files, by their paths below the folder.
pub(super) const SUMS: &str = "share/doc/steadfast/SHA256SUMS";

/// Where a shell that is installed by a distribution looks for what completes our commands.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/steadfast"),
    ("fish", "share/fish/vendor_completions.d/steadfast.fish"),
    ("zsh", "share/zsh/site-functions/_steadfast"),
];

/// A folder that is being filled.
pub(super) struct Tree {
    folder: PathBuf,
}

impl Tree {
    /// Lays all out anew: the binary, what it says of itself, and the documents.
    pub(super) fn lay(folder: PathBuf, root: &Path, binary: &Path, licences: &str) -> Result<Tree, String> {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|why| format!("cannot take {} away: {why}", folder.display()))?;
        }
        let tree = Tree { folder };
        let program = fs::read(binary).map_err(|why| format!("cannot read {}: {why}", binary.display()))?;
        tree.write("bin/steadfast", &program, 0o755)?;
        tree.ask(&["man", "--out", &tree.folder.join("share/man").to_string_lossy()])?;
        for (shell, path) in COMPLETIONS {
            tree.write(path, &tree.ask(&["completions", shell])?, 0o644)?;
        }
        for name in DOCUMENTS {
            let text = fs::read(root.join(name)).map_err(|why| format!("cannot read {name}: {why}"))?;
            tree.write(&format!("share/doc/steadfast/{name}"), &text, 0o644)?;
        }
        tree.write("share/doc/steadfast/THIRD-PARTY-LICENSES.txt", licences.as_bytes(), 0o644)?;
        let files = tree.files()?;
        super::archive::sum(&tree.folder, &files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), SUMS)?;
        Ok(tree)
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every file: its path below the folder, and its bytes; in the order of the paths.
    pub(super) fn files(&self) -> Result<Vec<(String, u64)>, String> {
        let mut files = Vec::new();
        walk(&self.folder, "", &mut files).map_err(|why| format!("cannot list {}: {why}", self.folder.display()))?;
        files.sort();
        Ok(files)
    }

    /// What the binary prints.
    fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let line = format!("steadfast {}", arguments.join(" "));
        let ran = Command::new(self.folder.join("bin/steadfast"))
            .args(arguments)
            .output()
            .map_err(|why| format!("cannot start {line}: {why}"))?;
        match ran.status.success() {
            true => Ok(ran.stdout),
            false => Err(format!("{line} ended with {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr).trim())),
        }
    }

    fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), String> {
        write(&self.folder.join(path), content, mode)
    }
}

/// Writes a file with this mode, and the folders above it.
pub(super) fn write(file: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))
        .and_then(|()| fs::write(file, content))
        .and_then(|()| fs::set_permissions(file, fs::Permissions::from_mode(mode)))
        .map_err(|why| format!("cannot write {}: {why}", file.display()))
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, u64)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push((path, entry.metadata()?.len()));
        }
    }
    Ok(())
}
