//! Services that let in whom they know by a certificate, and networks that are left through a proxy only.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use scenarios::certificates::Certificates;
use scenarios::nginx::Nginx;
use scenarios::patience::until;
use scenarios::ports::free_ports;
use scenarios::steadfast::Workplace;

/// A server of ours that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(what: &str, command: impl Fn(u16) -> Command) -> Server {
    until(what, || {
        let [port] = free_ports::<1>();
        let mut command = command(port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Server { child: child.map_err(|why| format!("{what}: {why}"))?, port };
        until(what, || match server.child.try_wait() {
            Ok(Some(status)) => Ok(Err(format!("{what} ended: {status}"))),
            Ok(None) => TcpStream::connect(("127.0.0.1", port)).map(|_| Ok(())).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        })?;
        Ok(server)
    })
}

/// A server that lets in whoever shows a certificate of this authority.
fn asking(certificates: &Certificates) -> Server {
    let (certificate, key) = certificates.leaf("good");
    start("openssl s_server", |port| {
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-www",
            "-Verify",
            "1",
            "-verify_return_error",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ]);
        command.arg("-CAfile").arg(certificates.authority());
        command.arg("-cert").arg(&certificate).arg("-key").arg(&key);
        command
    })
}

/// A proxy for those who know its password.
fn tinyproxy(workplace: &Workplace) -> Server {
    start("tinyproxy", |port| {
        let file = workplace.path().join(format!("tinyproxy-{port}.conf"));
        std::fs::write(
            &file,
            format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth canary correct-horse\n"),
        )
        .expect("its configuration");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    })
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let workplace = Workplace::new();
    let certificates = Certificates::write(&workplace.path().join("tls"));
    let (certificate, key) = certificates.leaf("good");
    let server = asking(&certificates);
    let (port, roots) = (server.port, certificates.authority());
    let check = |identity: &str| {
        format!(
            "[project]\nname = \"inside\"\n[[check]]\nid = \"page\"\n[check.http]\nget = \"https://localhost:{port}/\"\n\
             connect_to = [\"localhost:{port}:127.0.0.1:{port}\"]\nroots = \"{}\"\n{identity}\n\
             [check.http.expect]\nstatus = 200\nbody_contains = \"s_server\"\n",
            roots.display()
        )
    };
    let ours = format!(
        "client_certificate = {{ certificate = {{ file = \"{}\" }}, key = {{ file = \"{}\" }} }}",
        certificate.display(),
        key.display()
    );
    workplace.write("steadfast.toml", check(&ours));
    workplace.run(&["verify"]).exits(0);
    workplace.write("steadfast.toml", check(""));
    workplace.run(&["verify"]).exits(1);
    let foreign = ours.replace(&key.display().to_string(), &roots.display().to_string());
    workplace.write("steadfast.toml", check(&foreign));
    workplace.run(&["verify"]).exits(3).says("bad-client-certificate");
}

#[test]
fn what_lies_behind_a_proxy_is_reached_through_it_alone() {
    let nginx = Nginx::start(&[("/index.html", "all is well")]);
    let workplace = Workplace::new();
    let proxy = tinyproxy(&workplace);
    let check = |port: u16, url: &str| {
        format!(
            "[project]\nname = \"inside\"\n[[check]]\nid = \"page\"\n[check.http]\nget = \"{url}/\"\nroots = \"{}\"\n\
             proxy = {{ address = \"http://127.0.0.1:{port}\", user = \"canary\", password = {{ env = \"PROXY_PASSWORD\" }} }}\n\
             [check.http.expect]\nstatus = 200\nbody_contains = \"well\"\n",
            nginx.authority().display()
        )
    };
    let mut workplace = workplace;
    workplace.set("PROXY_PASSWORD", "correct-horse");
    // In the absolute form for http, through a tunnel for https.
    workplace.write("steadfast.toml", check(proxy.port, &nginx.url()));
    workplace.run(&["verify"]).exits(0);
    let secure = format!("https://localhost:{}", nginx.tls().port());
    workplace.write("steadfast.toml", check(proxy.port, &secure));
    workplace.run(&["verify"]).exits(0);
    workplace.set("PROXY_PASSWORD", "battery-staple");
    let refused = workplace.run(&["verify"]);
    assert!(matches!(refused.code, Some(1 | 3)), "{}", refused.said());
    refused.never_says("battery-staple");
    let [nobody] = free_ports::<1>();
    workplace.write("steadfast.toml", check(nobody, &nginx.url()));
    let gone = workplace.run(&["verify"]);
    assert!(matches!(gone.code, Some(1 | 3)), "{}", gone.said());
}

#[test]
fn an_imported_check_takes_its_proxy_along_and_not_its_password() {
    let nginx = Nginx::start(&[("/index.html", "all is well")]);
    let mut workplace = Workplace::new();
    let proxy = tinyproxy(&workplace);
    let through = format!("http://canary:correct-horse@127.0.0.1:{}", proxy.port);
    let gatus = format!(
        "endpoints:\n  - name: page\n    url: {}/\n    client: {{ proxy-url: '{through}' }}\n    conditions: ['[BODY] == \
         pat(*well*)']\n",
        nginx.url()
    );
    let blackbox = format!(
        "modules:\n  page:\n    prober: http\n    http: {{ proxy_url: '{through}', fail_if_body_not_matches_regexp: [well] }}\n"
    );
    let scrape = format!(
        "scrape_configs:\n  - job_name: page\n    metrics_path: /probe\n    params: {{ module: [page] }}\n    static_configs: \
         [{{ targets: ['{}'] }}]\n",
        nginx.url()
    );
    workplace.write("curl", format!("curl -x {through} {}/\n", nginx.url()));
    workplace.write("gatus", gatus);
    workplace.write("blackbox", blackbox);
    workplace.write("prometheus.yml", scrape);
    for (format, more) in [("curl", &[][..]), ("gatus", &[]), ("blackbox", &["--targets", "prometheus.yml"])] {
        let _ = std::fs::remove_file(workplace.path().join("steadfast.toml"));
        let imported = workplace.run(&[&["import", format, format], more].concat());
        imported.exits(0).says("PROXY_PASSWORD").never_says("correct-horse");
        let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("our file");
        assert!(!text.contains("correct-horse") && text.contains("proxy.user = \"canary\""), "{text}");
        // Without its password it is not let through, so it is the proxy that is asked.
        let unset = workplace.run(&["verify"]);
        unset.exits(3).says("missing-secret");
        let name = text.lines().find_map(|line| line.strip_prefix("proxy.password = { env = \"")).expect("a name");
        workplace.set(name.trim_end_matches("\" }"), "correct-horse");
        workplace.run(&["verify"]).exits(0);
        workplace.unset(name.trim_end_matches("\" }"));
    }
}

#[test]
fn an_imported_check_shows_the_certificate_that_it_showed() {
    let workplace = Workplace::new();
    let certificates = Certificates::write(&workplace.path().join("tls"));
    let (certificate, key) = certificates.leaf("good");
    let server = asking(&certificates);
    let (roots, certificate, key) = (certificates.authority(), certificate.display(), key.display());
    let line = format!(
        "curl --cert {certificate} --key {key} --cacert {} --resolve localhost:{port}:127.0.0.1 https://localhost:{port}/\n",
        roots.display(),
        port = server.port
    );
    workplace.write("probe.sh", line);
    workplace.run(&["import", "curl", "probe.sh"]).exits(0);
    workplace.run(&["verify"]).exits(0);
    let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("our file");
    let without: String =
        text.lines().filter(|line| !line.starts_with("client_certificate")).map(|line| format!("{line}\n")).collect();
    workplace.write("steadfast.toml", without);
    workplace.run(&["verify"]).exits(1);
}
