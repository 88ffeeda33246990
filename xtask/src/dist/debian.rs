//! The Debian package is described by `[package.metadata.deb]` of the binary's manifest, which cargo-deb reads. It names
//! what is laid out here, and has to name all of it.

use toml::{Table, Value};

use super::tree::SUMS;

/// Where the manifest, seen from its folder, has what is laid out.
const LAID_OUT: &str = "../../target/packages/steadfast/";

/// Holds the manifest's assets to the files that were laid out: every file is packed, and every asset is there.
pub(super) fn hold(manifest: &str, files: &[(String, u64)]) -> Result<(), String> {
    let assets = assets(manifest)?;
    // A Debian package has sums of its own.
    let files: Vec<&str> = files.iter().map(|(file, _)| file.as_str()).filter(|file| *file != SUMS).collect();
    if let Some(file) = files.iter().find(|file| !assets.iter().any(|asset| packs(asset, file))) {
        return Err(format!("no asset of the Debian package packs {file}: crates/steadfast/Cargo.toml"));
    }
    match assets.iter().find(|asset| !files.iter().any(|file| packs(asset, file))) {
        Some(asset) => Err(format!("an asset of the Debian package is not laid out: {LAID_OUT}{asset}")),
        None => Ok(()),
    }
}

/// Whether an asset, `bin/steadfast` or `share/man/man1/*`, stands for a file. A `*` is written at the end alone.
fn packs(asset: &str, file: &str) -> bool {
    match asset.strip_suffix('*') {
        Some(folder) => file.strip_prefix(folder).is_some_and(|name| !name.contains('/')),
        None => asset == file,
    }
}

/// The assets that are laid out here; those of the repository are cargo-deb's business.
fn assets(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: Table = manifest.parse().map_err(|why| format!("crates/steadfast/Cargo.toml: {why}"))?;
    let metadata = manifest.get("package").and_then(|package| package.get("metadata"));
    let assets = metadata.and_then(|metadata| metadata.get("deb")?.get("assets")).and_then(Value::as_array);
    let sources = assets.into_iter().flatten().filter_map(|asset| asset.get(0)?.as_str());
    Ok(sources.filter_map(|source| source.strip_prefix(LAID_OUT)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package.metadata.deb]\nassets = [\n\
        [\"../../target/packages/steadfast/bin/steadfast\", \"usr/bin/\", \"755\"],\n\
        [\"../../target/packages/steadfast/share/man/man1/*\", \"usr/share/man/man1/\", \"644\"],\n\
        [\"../../packaging/systemd/*\", \"usr/lib/systemd/system/\", \"644\"],\n]\n";

    #[track_caller]
    fn check(files: &[&str], expected: Result<(), &str>) {
        let files: Vec<(String, u64)> = files.iter().map(|file| ((*file).to_owned(), 1)).collect();
        assert_eq!(hold(MANIFEST, &files), expected.map_err(str::to_owned));
    }

    #[test]
    fn the_package_has_what_is_laid_out_and_nothing_that_is_not() {
        check(&[SUMS, "bin/steadfast", "share/man/man1/a.1", "share/man/man1/b.1"], Ok(()));
        check(
            &["bin/steadfast", "share/man/man1/a.1", "share/man/man7/c.7"],
            Err("no asset of the Debian package packs share/man/man7/c.7: crates/steadfast/Cargo.toml"),
        );
        check(
            &["bin/steadfast"],
            Err("an asset of the Debian package is not laid out: ../../target/packages/steadfast/share/man/man1/*"),
        );
    }
}
