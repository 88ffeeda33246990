//! `.pgpass`: a line for each server, `host:port:database:user:password` (PostgreSQL 15, 34.16).

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use steadfast_core::secret::Secret;

use crate::address::Host;

/// The text of a password file; `None` if there is none. An error says why it cannot be used: as libpq does, one that
/// others can read is not.
pub fn read(path: &Path) -> Result<Option<String>, String> {
    let unusable = |why: String| format!("the password file {}: {why}", path.display());
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(why) => return Err(unusable(why.to_string())),
    };
    if !metadata.is_file() {
        return Err(unusable("it is no regular file".into()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(unusable(format!("others can read it; `chmod 0600 {}`", path.display())));
    }
    std::fs::read_to_string(path).map(Some).map_err(|why| unusable(why.to_string()))
}

/// The password of the first line that fits. `*` fits everything; a socket in the standard folder is called `localhost`.
pub fn find(text: &str, host: &Host, database: &str, user: &str) -> Option<Secret> {
    let (host, port) = match host {
        Host::Tcp { name, port } => (name.as_str(), port),
        Host::Unix { folder, port } if folder == Path::new("/var/run/postgresql") => ("localhost", port),
        Host::Unix { folder, port } => (folder.to_str()?, port),
    };
    let wanted = [host, &port.to_string(), database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line.strip_suffix('\r').unwrap_or(line);
        for value in wanted {
            let (field, after) = field(rest)?;
            if !field.fits(value) {
                return None;
            }
            rest = after;
        }
        let password = unescape(rest);
        (!password.is_empty()).then(|| Secret::new(password))
    })
}

/// A field as it stands.
struct Field<'text>(&'text str);

impl Field<'_> {
    fn fits(&self, value: &str) -> bool {
        self.0 == "*" || unescape(self.0) == value
    }
}

/// Up to the next colon that no backslash stands before.
fn field(text: &str) -> Option<(Field<'_>, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return Some((Field(&text[..at]), &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        plain.extend(if c == '\\' { letters.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, host: &str, expected: Option<&str>) {
        let host = if host.starts_with('/') {
            Host::Unix { folder: host.into(), port: 5432 }
        } else {
            Host::Tcp { name: host.into(), port: 5432 }
        };
        let found = find(file, &host, "shop", "ada");
        assert_eq!(found.as_ref().map(Secret::expose), expected, "{file}");
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        check("h:5432:shop:ada:one\nh:5432:shop:ada:two", "h", Some("one"));
        check("# h:5432:shop:ada:no\nother:*:*:*:no\r\n*:*:*:ada:yes\r\n", "h", Some("yes"));
        check("h:5433:shop:ada:no\nh:5432:other:ada:no\nh:5432:shop:bob:no", "h", None);
        check("", "h", None);
        check("h:5432:shop\n:::\nh:5432:shop:ada:", "h", None);
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        assert_eq!(read(&path), Ok(None));
        std::fs::write(&path, "*:*:*:*:s3cret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let why = read(&path).unwrap_err();
        assert!(why.contains("chmod 0600") && !why.contains("s3cret"), "{why}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("*:*:*:*:s3cret"));
        assert!(read(folder.path()).unwrap_err().contains("no regular file"));
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        check(r"\:\:1:5432:shop:ada:a\:b\\c", "::1", Some(r"a:b\c"));
        check(r"h:*:*:*:a:b", "h", Some("a:b"));
    }

    #[test]
    fn a_socket_has_its_folder_or_localhost() {
        check("localhost:*:*:*:local", "/var/run/postgresql", Some("local"));
        check("/tmp:*:*:*:folder", "/tmp", Some("folder"));
    }
}
