//! Applications from PyPI, each in an environment of its own: what people really run before their databases.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience;
use crate::ports::free_ports;

/// A running application. It ends with its value.
pub struct Application {
    child: Child,
    port: u16,
}

impl Application {
    /// Starts what `command` makes of a free port, and waits until it accepts there.
    pub fn start(what: &str, command: impl Fn(u16) -> Command) -> Application {
        // A port found free may be taken by another test before the application binds it: then try another.
        patience::until(what, || {
            let [port] = free_ports::<1>();
            let mut command = command(port);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().map_err(|why| why.to_string())?;
            let mut application = Application { child, port };
            patience::until(what, || match application.child.try_wait() {
                Ok(Some(status)) => Ok(Err(format!("{what} ended: {status}"))),
                Ok(None) => TcpStream::connect(("127.0.0.1", port)).map(|_| Ok(())).map_err(|why| why.to_string()),
                Err(why) => Err(why.to_string()),
            })?;
            Ok(application)
        })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request with curl, whose answer must be a good one.
    pub fn request(&self, method: &str, path: &str, json: &str) {
        let sent = Command::new("curl")
            .args(["-sS", "--fail-with-body", "-X", method, "-H", "content-type: application/json", "-d", json])
            .arg(format!("{}{path}", self.url()))
            .output()
            .expect("apt-get install curl");
        assert!(sent.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&sent.stdout));
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
