//! Redis: a real one on a free loopback port, which keeps nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::patience;
use crate::ports::free_ports;

/// A running Redis.
pub struct Redis {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one; with a password it turns everybody away who does not say it.
    pub fn start(password: Option<&str>) -> Redis {
        // A port found free may be taken by another test before Redis binds it: then try another.
        patience::until("redis", || Redis::try_start(password))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    fn try_start(password: Option<&str>) -> Result<Redis, String> {
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let [port] = free_ports::<1>();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()])
            .args(password.map(|password| ["--requirepass", password]).into_iter().flatten())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start redis-server ({why}): apt-get install redis-server"));
        let mut redis = Redis { child, address: SocketAddr::from(([127, 0, 0, 1], port)), _folder: folder };
        // Ready when it answers as Redis does; gone when it could not bind.
        patience::until("redis to answer", || match redis.child.try_wait() {
            Ok(Some(status)) => Ok(Err(format!("redis ended: {status}"))),
            Ok(None) => redis.answers().map(Ok),
            Err(why) => Err(why.to_string()),
        })?;
        Ok(redis)
    }

    fn answers(&self) -> Result<(), String> {
        let say = || -> std::io::Result<[u8; 1]> {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut first = [0];
            stream.read_exact(&mut first).map(|()| first)
        };
        match say() {
            Ok([b'+' | b'-']) => Ok(()),
            Ok(other) => Err(format!("{other:?}")),
            Err(why) => Err(why.to_string()),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
