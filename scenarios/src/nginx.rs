//! nginx: static pages, basic auth, redirects, gzip, and HTTP/2 with TLS. Pages are files that a test may change.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::certificates::Certificates;
use crate::patience;
use crate::ports::free_ports;

/// A running nginx with a folder of pages.
pub struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    http: SocketAddr,
    tls: SocketAddr,
    expired: SocketAddr,
    certificates: Certificates,
}

impl Nginx {
    /// Starts it with these pages: path below the root, and content.
    pub fn start(pages: &[(&str, &str)]) -> Nginx {
        // A port found free may be taken by another test before nginx binds it: then try others.
        patience::until("nginx", || Nginx::try_start(pages, free_ports()))
    }

    fn try_start(pages: &[(&str, &str)], ports: [u16; 3]) -> Result<Nginx, String> {
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let root = folder.path();
        // The workers of an nginx that root starts run as nobody.
        open_to_all(root);
        let html = root.join("html");
        std::fs::create_dir(&html).map_err(|why| why.to_string())?;
        open_to_all(&html);
        let certificates = Certificates::write(&root.join("tls"));
        std::fs::write(root.join("users"), "canary:{PLAIN}correct-horse-battery\n").map_err(|why| why.to_string())?;
        std::fs::write(root.join("nginx.conf"), configuration(root, ports, &certificates))
            .map_err(|why| why.to_string())?;
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-p"])
            .arg(root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start nginx ({why}): apt-get install nginx-light"));
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut nginx =
            Nginx { child, folder, http: at(ports[0]), tls: at(ports[1]), expired: at(ports[2]), certificates };
        for (path, content) in pages {
            nginx.write(path, content);
        }
        // Its own file says that it is ready: it is written once all ports are bound. That one of them accepts says
        // little: nginx tries to bind the others for seconds, and the one may be somebody else's.
        let bound = nginx.folder.path().join("pid");
        patience::until("nginx to bind its ports", || match nginx.child.try_wait() {
            Ok(Some(_)) => Ok(None),
            Ok(None) if bound.exists() => Ok(Some(())),
            Ok(None) => Err("not yet".to_owned()),
            Err(why) => Err(why.to_string()),
        })
        .ok_or_else(|| {
            let mut said = String::new();
            if let Some(mut stderr) = nginx.child.stderr.take() {
                let _ = stderr.read_to_string(&mut said);
            }
            format!("nginx ended: {said}")
        })?;
        Ok(nginx)
    }

    /// Where it answers in the clear.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where it answers with TLS and HTTP/2, with a good certificate for `localhost`.
    pub fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// Where it answers with an expired certificate.
    pub fn expired(&self) -> SocketAddr {
        self.expired
    }

    /// The certificate to trust.
    pub fn authority(&self) -> PathBuf {
        self.certificates.authority()
    }

    /// Writes a page, in one step, so that no half page is ever served.
    pub fn write(&self, path: &str, content: &str) {
        let file = self.folder.path().join("html").join(path.trim_start_matches('/'));
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).expect("a folder for the page");
            open_to_all(parent);
        }
        let next = file.with_extension("next");
        std::fs::write(&next, content).expect("the page");
        std::fs::rename(&next, &file).expect("the page");
    }

    /// Takes a page away.
    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join("html").join(path.trim_start_matches('/'))).expect("the page");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM lets the master take its workers with it; KILL would leave them.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn configuration(root: &Path, ports: [u16; 3], certificates: &Certificates) -> String {
    let root = root.display();
    let tls = |name: &str| {
        let (certificate, key) = certificates.leaf(name);
        format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display())
    };
    let locations = "
        location = /moved { return 302 /; }
        location = /moved-for-ever { return 301 /index.html; }
        location = /loop { return 302 /loop; }
        location /private/ { auth_basic private; auth_basic_user_file users; }
        location = /api/echo { default_type application/json; return 200 '{\"method\":\"$request_method\"}'; }
        location = /requests { stub_status; }
        location = /error { return 500 'broken'; }";
    format!(
        "daemon off; worker_processes 1; pid {root}/pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; server_tokens off; keepalive_requests 1000000;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    types {{ text/html html; application/json json; text/plain txt; application/xml xml; }}
    default_type text/plain;
    gzip on; gzip_min_length 1; gzip_types application/json text/plain;
    root {root}/html; index index.html;
    server {{ listen 127.0.0.1:{}; server_name localhost; {locations} }}
    server {{ listen 127.0.0.1:{} ssl http2; server_name localhost; {} {locations} }}
    server {{ listen 127.0.0.1:{} ssl; server_name localhost; {} }}
}}
",
        ports[0],
        ports[1],
        tls("good"),
        ports[2],
        tls("expired"),
    )
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("a readable folder");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_nginx_that_cannot_bind_all_its_ports_is_never_taken_for_ready() {
        let ports = free_ports();
        // It accepts at the port that was asked for, and is not nginx.
        let somebody_else = std::net::TcpListener::bind(("127.0.0.1", ports[2])).unwrap();
        let started = Nginx::try_start(&[], ports).err();
        assert!(started.as_deref().is_some_and(|why| why.contains("Address already in use")), "{started:?}");
        drop(somebody_else);
    }
}
