//! What an image `FROM scratch` is built from: the `Containerfile` and the files that it copies.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::tree::{Tree, write};

/// Where the image has its roots, and where the binary looks for them first.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// Where distributions keep the roots that they trust: Debian and Alpine, Fedora, openSUSE.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Lays it out anew, with the roots that this machine trusts. Returns where these came from.
pub(super) fn lay(folder: &Path, root: &Path, tree: &Tree) -> Result<PathBuf, String> {
    let of = |path: &Path| format!("cannot lay out {}", path.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|why| format!("{}: {why}", of(folder)))?;
    }
    let read = |path: &Path| fs::read(path).map_err(|why| format!("cannot read {}: {why}", path.display()));
    let bundle = bundle()?;
    let image = folder.join("root");
    write(&folder.join("Containerfile"), &read(&root.join("Containerfile"))?, 0o644)?;
    write(&image.join("bin/steadfast"), &read(&tree.folder().join("bin/steadfast"))?, 0o755)?;
    write(&image.join(ROOTS), &read(&bundle)?, 0o644)?;
    write(&image.join("etc/passwd"), b"root:x:0:0::/:/\nsteadfast:x:65532:65532::/work:/\n", 0o644)?;
    write(&image.join("etc/group"), b"root:x:0:\nsteadfast:x:65532:\n", 0o644)?;
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-LICENSES.txt"] {
        let path = format!("share/doc/steadfast/{name}");
        write(&image.join("usr").join(&path), &read(&tree.folder().join(&path))?, 0o644)?;
    }
    for (empty, mode) in [(image.join("tmp"), 0o1777), (folder.join("work"), 0o755)] {
        fs::create_dir_all(&empty)
            .and_then(|()| fs::set_permissions(&empty, fs::Permissions::from_mode(mode)))
            .map_err(|why| format!("{}: {why}", of(&empty)))?;
    }
    Ok(bundle)
}

/// The roots to put in: those of `SSL_CERT_FILE`, else this machine's.
fn bundle() -> Result<PathBuf, String> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut known = named.into_iter().chain(BUNDLES.map(PathBuf::from));
    known.find(|file| file.is_file()).ok_or_else(|| {
        format!(
            "the image is to have the roots that this machine trusts, and there are none in {}: \
             install ca-certificates, or name a file in SSL_CERT_FILE",
            BUNDLES.join(", ")
        )
    })
}
