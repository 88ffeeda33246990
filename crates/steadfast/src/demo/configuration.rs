//! The two configurations of the demo: those of `examples/`, pointed at the shop that was just opened.

use std::path::{Path, PathBuf};

use super::shop::{PORT, Shop, TLS_ABOVE};

const GOOD: &str = include_str!("../../../../examples/shop/steadfast.toml");
const STATUS_ONLY: &str = include_str!("../../../../examples/status-only/steadfast.toml");

/// Writes both into the shop's folder: `steadfast.toml` and `status-only/steadfast.toml`.
pub(super) fn write(shop: &Shop) -> Result<(PathBuf, PathBuf), String> {
    let good = shop.folder().join("steadfast.toml");
    let status_only = shop.folder().join("status-only").join("steadfast.toml");
    std::fs::create_dir_all(status_only.with_file_name("")).map_err(|why| why.to_string())?;
    for (file, text) in [(&good, GOOD), (&status_only, STATUS_ONLY)] {
        std::fs::write(file, pointed_at(shop, text)).map_err(|why| format!("{}: {why}", file.display()))?;
    }
    Ok((good, status_only))
}

/// The example with the shop's own addresses, and its files relative to the shop's folder.
fn pointed_at(shop: &Shop, example: &str) -> String {
    let known = Path::new("/tmp").join(format!("steadfast-shop-{PORT}"));
    example
        .replace(&format!("127.0.0.1:{PORT}"), &shop.http().to_string())
        .replace(&format!("127.0.0.1:{}", PORT + TLS_ABOVE), &shop.tls().to_string())
        .replace(&format!("{}/", known.display()), "")
}
