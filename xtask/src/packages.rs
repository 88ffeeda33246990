//! THE list of what the tests need from Debian. A line here is all it takes to use one more real component.

use std::path::Path;

/// A Debian package that a test or a bench starts for real.
pub(crate) struct Package {
    /// Its name for apt.
    pub(crate) name: &'static str,
    /// What shows that it is there, however it came there.
    sign: Sign,
    /// What we use it for.
    pub(crate) reason: &'static str,
}

enum Sign {
    /// A program on the path, in an `sbin`, or of some version of Postgres.
    Program(&'static str),
    /// A file.
    File(&'static str),
}

/// Every package, by name.
pub(crate) const PACKAGES: &[Package] = &[
    Package {
        name: "bind9",
        sign: Sign::Program("named"),
        reason: "a name server with zones of our own for the dns kind",
    },
    Package {
        name: "ca-certificates",
        sign: Sign::File("/etc/ssl/certs/ca-certificates.crt"),
        reason: "the system's trusted roots, which the http and tls kinds use by default",
    },
    Package {
        name: "curl",
        sign: Sign::Program("curl"),
        reason: "the copyable curl lines of findings are run and compared",
    },
    Package {
        name: "dovecot-imapd",
        sign: Sign::Program("dovecot"),
        reason: "an IMAP server for the tls kind, which offers STARTTLS",
    },
    Package {
        name: "iproute2",
        sign: Sign::Program("ip"),
        reason: "brings up the loopback, and takes away routes, on the island that a test of names or ping has to itself",
    },
    Package {
        name: "knot",
        sign: Sign::Program("knotd"),
        reason: "the zone's second name server, of another make, which may disagree with the first",
    },
    Package { name: "libxml2-utils", sign: Sign::Program("xmllint"), reason: "holds the junit report to its schema" },
    Package {
        name: "nginx",
        sign: Sign::Program("nginx"),
        reason: "a real web server in scenarios: static pages, basic auth, redirects, gzip, HTTP/2",
    },
    Package { name: "openssl", sign: Sign::Program("openssl"), reason: "a TLS peer that is not rustls" },
    Package {
        name: "pgbouncer",
        sign: Sign::Program("pgbouncer"),
        reason: "a pool in transaction mode between the sql kind and Postgres",
    },
    Package {
        name: "postgresql",
        sign: Sign::Program("postgres"),
        reason: "private clusters for the sql kind and the ledger; no main cluster is made",
    },
    Package {
        name: "redis-server",
        sign: Sign::Program("redis-server"),
        reason: "a real service for the tcp kind, which answers PING",
    },
    Package {
        name: "sqlite3",
        sign: Sign::Program("sqlite3"),
        reason: "databases written by another SQLite than the one we bundle",
    },
    Package {
        name: "strace",
        sign: Sign::Program("strace"),
        reason: "shows which addresses and files a process touches",
    },
    Package {
        name: "unbound",
        sign: Sign::Program("unbound"),
        reason: "a resolver for the dns kind, over UDP, TCP and TLS",
    },
    Package {
        name: "util-linux",
        sign: Sign::Program("unshare"),
        reason: "unshare: the island of a test of names or ping is a user namespace with a network of its own",
    },
];

impl Package {
    /// Whether it is on this machine.
    pub(crate) fn is_there(&self) -> bool {
        match self.sign {
            Sign::File(path) => Path::new(path).exists(),
            Sign::Program(name) => folders().iter().any(|folder| Path::new(folder).join(name).is_file()),
        }
    }
}

/// Where programs are: the path, and where Debian keeps those that it leaves out of a person's path.
fn folders() -> Vec<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders: Vec<String> = path.split(':').map(str::to_owned).collect();
    folders.extend(["/usr/sbin", "/sbin"].map(str::to_owned));
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin").to_string_lossy().into_owned()));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_stand_in_order_each_once_and_with_a_reason() {
        assert!(PACKAGES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(PACKAGES.iter().all(|package| package.reason.len() > 10));
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_there() {
        let made_up = Package { name: "x", sign: Sign::Program("no-such-program-of-steadfast"), reason: "" };
        assert!(!made_up.is_there());
        assert!(Package { name: "x", sign: Sign::Program("sh"), reason: "" }.is_there());
    }
}
