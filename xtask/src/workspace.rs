//! What cargo says of this workspace.

use std::process::Command;

use serde_json::Value;

/// The workspace that `cargo xtask` was started in.
pub(crate) struct Workspace {
    /// Its folder.
    pub(crate) root: String,
    /// Where cargo builds.
    pub(crate) target_directory: String,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Workspace, String> {
        let asked = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|why| format!("cannot start cargo: {why}"))?;
        if !asked.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&asked.stderr)));
        }
        let said: Value =
            serde_json::from_slice(&asked.stdout).map_err(|why| format!("cargo metadata is not JSON: {why}"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("cargo metadata lacks a folder".to_owned());
        Ok(Workspace { root: text(&said["workspace_root"])?, target_directory: text(&said["target_directory"])? })
    }
}
