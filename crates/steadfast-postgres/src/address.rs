//! Where a Postgres server is and who signs in: a `postgres://` URL, completed from the `PG*` variables as libpq does
//! (PostgreSQL 15, 34.1.1.2 and 34.15).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use steadfast_core::secret::Secret;

use crate::password_file;

/// The parameters that are understood behind the `?` of a URL.
const PARAMETERS: [&str; 12] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "passfile",
    "sslmode",
    "sslrootcert",
    "application_name",
    "connect_timeout",
    "options",
    "channel_binding",
];

/// Where Debian's servers have their socket.
const SOCKET_FOLDER: &str = "/var/run/postgresql";

/// What is needed to connect and to sign in. Its `Display` and `Debug` show no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Where the server listens.
    pub host: Host,
    /// Who signs in.
    pub user: String,
    /// With which password, if one was given in the URL or in `PGPASSWORD`.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// The file to look for a password in, if none was given: `passfile`, `PGPASSFILE` or `~/.pgpass`.
    pub password_file: Option<PathBuf>,
    /// Whether and how TLS is used.
    pub tls: SslMode,
    /// What to hold the server's certificate to.
    pub roots: Option<Roots>,
    /// Whether the sign-in must be bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// The name that the server shows in `pg_stat_activity`.
    pub application_name: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// Settings of the session, as in `-c search_path=x`.
    pub options: Option<String>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// On a TCP port.
    Tcp {
        /// A name or an IP address, without brackets.
        name: String,
        /// The port.
        port: u16,
    },
    /// On a Unix socket: the file `.s.PGSQL.PORT` in a folder.
    Unix {
        /// The folder.
        folder: PathBuf,
        /// The number in the file's name.
        port: u16,
    },
}

/// `sslmode` (PostgreSQL 15, table 34.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it; the certificate is not looked at. `allow` is read as this.
    Prefer,
    /// TLS, or nothing; the certificate is looked at only with `sslrootcert`, and then as by `verify-ca`.
    Require,
    /// TLS with a certificate of a trusted root, whatever its name.
    VerifyCa,
    /// TLS with a certificate of a trusted root for this host.
    VerifyFull,
}

/// `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// If the server can.
    Prefer,
    /// Always, or no sign-in.
    Require,
}

/// `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// What this machine trusts: `system`.
    System,
    /// The certificates of a PEM file.
    File(PathBuf),
}

/// Why a text is no address. It repeats nothing of the text that could be a part of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAddress(String);

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoAddress {}

impl Address {
    /// Whether a text is meant as such an address.
    pub fn is_meant_by(text: &str) -> bool {
        rest(text).is_some()
    }

    /// Whether the URL itself carries a password, as user information or as a parameter.
    pub fn carries_password(text: &str) -> bool {
        Url::parse(text).is_ok_and(|url| url.get("password").is_some_and(|password| !password.is_empty()))
    }

    /// Reads a URL. What it leaves open comes from the variables that `env` knows, then from libpq's defaults.
    pub fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Address, NoAddress> {
        let url = Url::parse(text)?;
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let given = |parameter: &str, variable: &str| {
            url.get(parameter).filter(|value| !value.is_empty()).map(str::to_owned).or_else(|| env(variable))
        };
        let port = match given("port", "PGPORT") {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(bad_port)?,
            None => 5432,
        };
        let host = match given("host", "PGHOST") {
            Some(hosts) if hosts.contains(',') => {
                return no("it names several hosts; one is looked at: write one address for each");
            }
            Some(folder) if folder.starts_with('/') => Host::Unix { folder: folder.into(), port },
            Some(name) => Host::Tcp { name, port },
            None => Host::Unix { folder: SOCKET_FOLDER.into(), port },
        };
        let user = given("user", "PGUSER").or_else(|| env("USER")).or_else(|| env("LOGNAME"));
        let Some(user) = user else {
            return no("it names no user, and PGUSER is not set: write postgres://USER@HOST/DATABASE");
        };
        let tls = match given("sslmode", "PGSSLMODE").as_deref() {
            None | Some("prefer" | "allow") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-ca") => SslMode::VerifyCa,
            Some("verify-full") => SslMode::VerifyFull,
            Some(_) => return no("its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"),
        };
        let channel_binding = match given("channel_binding", "PGCHANNELBINDING").as_deref() {
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("disable") => ChannelBinding::Disable,
            Some("require") => ChannelBinding::Require,
            Some(_) => return no("its channel_binding is none of disable, prefer, require"),
        };
        let roots = given("sslrootcert", "PGSSLROOTCERT")
            .map(|roots| if roots == "system" { Roots::System } else { Roots::File(roots.into()) });
        let connect_timeout = match given("connect_timeout", "PGCONNECT_TIMEOUT").map(|seconds| seconds.parse::<u32>())
        {
            None | Some(Ok(0)) => None,
            Some(Ok(seconds)) => Some(Duration::from_secs(seconds.into())),
            Some(Err(_)) => return no("its connect_timeout is no whole number of seconds"),
        };
        let in_home = || env("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
        Ok(Address {
            host,
            database: given("dbname", "PGDATABASE").unwrap_or_else(|| user.clone()),
            user,
            password: given("password", "PGPASSWORD").map(Secret::new),
            password_file: given("passfile", "PGPASSFILE").map(PathBuf::from).or_else(in_home),
            tls,
            roots,
            channel_binding,
            application_name: given("application_name", "PGAPPNAME"),
            connect_timeout,
            options: given("options", "PGOPTIONS"),
        })
    }

    /// With the password that the text of a password file has for it, unless one is known already.
    #[must_use]
    pub fn with_password_from(mut self, file: &str) -> Address {
        if self.password.is_none() {
            self.password = password_file::find(file, &self.host, &self.database, &self.user);
        }
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@{}/{}", self.user, self.host, self.database)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Tcp { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Host::Tcp { name, port } => write!(f, "{name}:{port}"),
            Host::Unix { .. } => f.write_str(&self.socket().unwrap_or_default().display().to_string()),
        }
    }
}

impl Host {
    /// The file of a Unix socket.
    pub fn socket(&self) -> Option<PathBuf> {
        match self {
            Host::Tcp { .. } => None,
            Host::Unix { folder, port } => Some(folder.join(format!(".s.PGSQL.{port}"))),
        }
    }
}

/// A URL as parameters, in the order of their precedence.
struct Url(Vec<(String, String)>);

impl Url {
    fn parse(text: &str) -> Result<Url, NoAddress> {
        let Some(rest) = rest(text) else { return no("it does not begin with postgres:// or postgresql://") };
        if rest.contains('#') {
            return no("it has a `#` in it, which is written %23");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if database.contains('@') {
            return no(
                "its user, password and host cannot be told apart: in a password / is written %2F, @ %40, : %3A",
            );
        }
        let (sign_in, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = sign_in.split_once(':').unwrap_or((sign_in, ""));
        let (host, port) = match place.strip_prefix('[') {
            Some(v6) => {
                let Some((host, after)) = v6.split_once(']') else { return no("its IPv6 address has no closing `]`") };
                (host, after.strip_prefix(':').unwrap_or(after))
            }
            None => place.rsplit_once(':').unwrap_or((place, "")),
        };
        if !port.chars().all(|c| c.is_ascii_digit()) {
            return Err(bad_port());
        }
        let mut found = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = decode(key)?;
            if !PARAMETERS.contains(&key.as_str()) {
                return no(&format!(
                    "a parameter after the `?` is not understood; known are {}",
                    PARAMETERS.join(", ")
                ));
            }
            found.push((key, decode(value)?));
        }
        let plain = [("user", user), ("password", password), ("host", host), ("port", port), ("dbname", database)];
        for (key, value) in plain {
            found.push((key.to_owned(), decode(value)?));
        }
        if found.iter().any(|(_, value)| value.contains('\0')) {
            return no("it has a NUL in it");
        }
        Ok(Url(found))
    }

    /// What stands behind the `?` wins, as it does for libpq.
    fn get(&self, parameter: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == parameter && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

fn rest(text: &str) -> Option<&str> {
    let text = text.trim();
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

fn decode(text: &str) -> Result<String, NoAddress> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => no("a percent-encoded part of it is no UTF-8"),
    }
}

fn bad_port() -> NoAddress {
    NoAddress("its port is no number from 1 to 65535 (in a password / is written %2F, @ %40, : %3A)".into())
}

fn no<T>(why: &str) -> Result<T, NoAddress> {
    Err(NoAddress(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Address, NoAddress> {
        let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Address::parse(text, &env)
    }

    /// Asserts what an address comes to, its password shown.
    fn check(text: &str, env: &[(&str, &str)], expected: &str) {
        let address = parse(text, env).unwrap();
        let password = address.password.as_ref().map_or("no password", |password| password.expose());
        assert_eq!(format!("{address} {:?} {password}", address.tls), expected, "{text}");
    }

    fn refused(text: &str, says: &str) {
        let why = parse(text, &[("USER", "ada")]).unwrap_err().to_string();
        assert!(why.contains(says), "no `{says}` in: {why}");
        assert!(!why.contains("s3cret"), "{why}");
    }

    #[test]
    fn a_url_says_everything() {
        check("postgres://ada:s3cret@db.example:6000/shop", &[], "postgres://ada@db.example:6000/shop Prefer s3cret");
        check(
            "postgresql://ada@[::1]/shop?sslmode=verify-full",
            &[],
            "postgres://ada@[::1]:5432/shop VerifyFull no password",
        );
        check("postgres://a%40b:p%2Fq%3A%40@h/d%20e", &[], "postgres://a@b@h:5432/d e Prefer p/q:@");
        check("postgres://ada:p@ss@h/d", &[], "postgres://ada@h:5432/d Prefer p@ss");
        check("postgres://ada@%2Ftmp%2Fx:6001/d", &[], "postgres://ada@/tmp/x/.s.PGSQL.6001/d Prefer no password");
        check("postgres://ada@/d?host=/tmp/x", &[], "postgres://ada@/tmp/x/.s.PGSQL.5432/d Prefer no password");
        check("postgres://ada@h/d?password=s3cret&port=7&dbname=e", &[], "postgres://ada@h:7/e Prefer s3cret");
    }

    #[test]
    fn what_the_url_leaves_open_comes_from_the_variables() {
        let env = [
            ("PGHOST", "h"),
            ("PGPORT", "77"),
            ("PGUSER", "u"),
            ("PGPASSWORD", "w"),
            ("PGDATABASE", "d"),
            ("PGSSLMODE", "require"),
            ("PGSSLROOTCERT", "/r.pem"),
            ("PGAPPNAME", "n"),
            ("PGCONNECT_TIMEOUT", "3"),
            ("PGOPTIONS", "-c a=b"),
            ("HOME", "/home/u"),
            ("PGCHANNELBINDING", "require"),
        ];
        check("postgres://", &env, "postgres://u@h:77/d Require w");
        check("postgres://x:y@z:1/q?sslmode=disable", &env, "postgres://x@z:1/q Disable y");
        let address = parse("postgres://", &env).unwrap();
        assert_eq!(address.roots, Some(Roots::File("/r.pem".into())));
        assert_eq!(address.application_name.as_deref(), Some("n"));
        assert_eq!(address.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!(address.options.as_deref(), Some("-c a=b"));
        assert_eq!(address.password_file, Some("/home/u/.pgpass".into()));
        assert_eq!(address.channel_binding, ChannelBinding::Require);
        check(
            "postgres://",
            &[("USER", "ada")],
            "postgres://ada@/var/run/postgresql/.s.PGSQL.5432/ada Prefer no password",
        );
        check(
            "postgres://h",
            &[("LOGNAME", "ada"), ("PGDATABASE", "")],
            "postgres://ada@h:5432/ada Prefer no password",
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        refused("mysql://h/d", "does not begin with postgres://");
        refused("postgres://ada:s3cret/x@h/d", "cannot be told apart");
        refused("postgres://ada:s3cret", "port is no number");
        refused("postgres://ada:s3#cret@h/d", "%23");
        refused("postgres://h:0/d", "port is no number");
        refused("postgres://h:65536/d", "port is no number");
        refused("postgres://h1,h2/d", "several hosts");
        refused("postgres://[::1/d", "no closing `]`");
        refused("postgres://h/d?sslmode=on", "none of disable, allow");
        refused("postgres://h/d?channel_binding=on", "none of disable, prefer");
        refused("postgres://h/d?connect_timeout=soon", "no whole number");
        refused("postgres://h/d?pasword=s3cret", "is not understood");
        refused("postgres://h/%FF", "no UTF-8");
        refused("postgres://h/a%00b", "NUL");
        let why = parse("postgres://h/d", &[]).unwrap_err().to_string();
        assert!(why.contains("names no user"), "{why}");
    }

    #[test]
    fn a_password_in_a_url_is_noticed_and_never_printed() {
        assert!(Address::carries_password("postgres://ada:s3cret@h/d"));
        assert!(Address::carries_password("postgres://ada@h/d?password=s3cret"));
        assert!(!Address::carries_password("postgres://ada@h/d"));
        assert!(!Address::carries_password("postgres://ada:@h/d"));
        assert!(Address::is_meant_by("postgresql://h") && !Address::is_meant_by(".steadfast/ledger.db"));
        let address = parse("postgres://ada:s3cret@h/d", &[]).unwrap();
        assert!(!format!("{address} {address:?}").contains("s3cret"));
    }

    #[test]
    fn the_password_file_is_asked_last() {
        let with = |text: &str, env: &[(&str, &str)]| {
            let address = parse(text, env).unwrap().with_password_from("h:5432:d:ada:from-file\n");
            address.password.map(|password| password.expose().to_owned())
        };
        assert_eq!(with("postgres://ada@h/d", &[]).as_deref(), Some("from-file"));
        assert_eq!(with("postgres://ada:url@h/d", &[]).as_deref(), Some("url"));
        assert_eq!(with("postgres://ada@h/d", &[("PGPASSWORD", "env")]).as_deref(), Some("env"));
        assert_eq!(with("postgres://bob@h/d", &[]), None);
    }
}
