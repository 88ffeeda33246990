//! pgbouncer: a pool before a Postgres cluster, in transaction mode. Its users and databases are the cluster's.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::patience;
use crate::ports::free_ports;
use crate::postgres::Postgres;

/// A running pool.
pub struct PgBouncer {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// Starts one before a cluster that trusts everybody, with one server connection for each user and database.
    pub fn before(postgres: &Postgres) -> PgBouncer {
        patience::until("pgbouncer", || PgBouncer::try_start(postgres))
    }

    /// `postgres://postgres@127.0.0.1:port/database`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn try_start(postgres: &Postgres) -> Result<PgBouncer, String> {
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let [port] = free_ports::<1>();
        let file = folder.path().join("pgbouncer.ini");
        let configuration = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 1\n",
            postgres.port()
        )
        // With auth_type = any everybody is this user of the cluster.
        .replace(" port=", " user=postgres port=");
        std::fs::write(&file, configuration).map_err(|why| why.to_string())?;
        // It refuses to run as root, and its own user has to read the file.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .map_err(|why| why.to_string())?;
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "/usr/sbin/pgbouncer"]);
            command
        } else {
            Command::new("/usr/sbin/pgbouncer")
        };
        let child = command
            .args(["-q"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start pgbouncer ({why}): apt-get install pgbouncer"));
        let mut pool = PgBouncer { child, port, _folder: folder };
        patience::until("pgbouncer to accept", || match pool.child.try_wait() {
            Ok(Some(status)) => Ok(Err(format!("pgbouncer ended: {status}"))),
            Ok(None) => TcpStream::connect(("127.0.0.1", port)).map(|_| Ok(())).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        })?;
        Ok(pool)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
