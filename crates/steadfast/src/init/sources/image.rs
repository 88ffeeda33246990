//! Images whose name says what stands on their port.

use super::super::clue::{Ask, Base};

/// What is known of a port by the image behind it.
pub(super) enum Known {
    /// How to see it.
    Ask(Ask),
    /// Why no kind of check can.
    Unseen(&'static str),
}

/// Images of Postgres, by the last part of their name.
const POSTGRES: [&str; 10] = [
    "postgres",
    "postgresql",
    "postgis",
    "pgvector",
    "timescaledb",
    "timescaledb-ha",
    "postgresql-repmgr",
    "spilo-16",
    "pgvecto-rs",
    "paradedb",
];

/// Services that say a line: image, port, what they want to hear, how the answer begins.
const LINES: [(&str, u16, Option<&str>, &str); 12] = [
    ("redis", 6379, Some("PING\r\n"), "+PONG"),
    ("redis-stack", 6379, Some("PING\r\n"), "+PONG"),
    ("redis-stack-server", 6379, Some("PING\r\n"), "+PONG"),
    ("valkey", 6379, Some("PING\r\n"), "+PONG"),
    ("keydb", 6379, Some("PING\r\n"), "+PONG"),
    ("dragonfly", 6379, Some("PING\r\n"), "+PONG"),
    ("memcached", 11211, Some("version\r\n"), "VERSION "),
    ("beanstalkd", 11300, Some("list-tube-used\r\n"), "USING "),
    ("nats", 4222, None, "INFO {"),
    ("mailpit", 1025, None, "220 "),
    ("mailhog", 1025, None, "220 "),
    ("maildev", 1025, None, "220 "),
];

/// Services with a page of their own for the asking: image, port, path.
const PAGES: [(&str, u16, &str); 14] = [
    ("clickhouse-server", 8123, "/ping"),
    ("elasticsearch", 9200, "/"),
    ("opensearch", 9200, "/"),
    ("gitea", 3000, "/api/healthz"),
    ("forgejo", 3000, "/api/healthz"),
    ("grafana", 3000, "/api/health"),
    ("grafana-oss", 3000, "/api/health"),
    ("keycloak", 8080, "/realms/master"),
    ("loki", 3100, "/ready"),
    ("meilisearch", 7700, "/health"),
    ("minio", 9000, "/minio/health/live"),
    ("prometheus", 9090, "/-/healthy"),
    ("qdrant", 6333, "/"),
    ("vault", 8200, "/v1/sys/health"),
];

/// Services that no kind speaks to.
const MUTE: [(&str, &str); 8] = [
    ("mysql", "no kind signs in to MySQL: a `command` check can run `mysqladmin` with its password from a file"),
    ("mariadb", "no kind signs in to MariaDB: a `command` check can run `mariadb-admin` with its password from a file"),
    (
        "percona-server",
        "no kind signs in to MySQL: a `command` check can run `mysqladmin` with its password from a file",
    ),
    ("mongo", "no kind speaks to MongoDB: a `command` check can run `mongosh`"),
    ("mongodb-community-server", "no kind speaks to MongoDB: a `command` check can run `mongosh`"),
    ("kafka", "no kind speaks to Kafka: a `command` check can run `kafka-topics.sh`"),
    ("cp-kafka", "no kind speaks to Kafka: a `command` check can run `kafka-topics`"),
    ("mssql-server", "no kind speaks to SQL Server: a `command` check can run `sqlcmd`"),
];

/// What a port of an image is, if its name says so. `user` and `database` are those that the file names.
pub(super) fn known(image: &str, inside: u16, outside: u16, user: &str, database: &str) -> Option<Known> {
    let name = name_of(image);
    if is_postgres(image) && inside == 5432 {
        let (user, database) = (user.to_owned(), database.to_owned());
        return Some(Known::Ask(Ask::Postgres { port: outside, user, database }));
    }
    let line = LINES.iter().find(|(known, port, ..)| *known == name && *port == inside);
    let page = PAGES.iter().find(|(known, port, _)| *known == name && *port == inside);
    let mute = MUTE.iter().find(|(known, _)| *known == name);
    match (line, page, mute) {
        (Some((_, _, send, begins)), _, _) => Some(Known::Ask(Ask::Line { port: outside, send: *send, begins })),
        (None, Some((_, _, path)), _) => {
            Some(Known::Ask(Ask::Page { base: Base::Here(outside), path: (*path).to_owned() }))
        }
        (None, None, Some((_, why))) => Some(Known::Unseen(why)),
        (None, None, None) => None,
    }
}

/// Whether it is some Postgres.
pub(super) fn is_postgres(image: &str) -> bool {
    POSTGRES.contains(&name_of(image))
}

/// `ghcr.io/org/name:tag@sha256:...` is called `name`.
pub(super) fn name_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}
