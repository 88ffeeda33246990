//! The demo tells the truth, and leaves nothing behind.

use std::net::TcpStream;
use std::path::PathBuf;

use scenarios::patience;
use scenarios::steadfast::Workplace;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

#[test]
fn every_story_turns_out_as_told_and_nothing_is_left() {
    let mut workplace = Workplace::new();
    std::fs::create_dir(workplace.path().join("tmp")).unwrap();
    let tmp = workplace.path().join("tmp");
    workplace.set("TMPDIR", tmp.to_str().unwrap());
    let ran = workplace.run(&["demo"]);
    ran.exits(0).says("As told: 5 outages").never_says("not as told");
    for check in ["design-page", "accounts", "design-record", "certificate", "backups"] {
        ran.says(&format!("HOLD  {check}"));
    }
    assert!(ran.said().lines().all(|line| line.chars().count() <= 80), "wider than 80 columns:\n{}", ran.said());
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "something is left over");
}

#[test]
fn an_interrupted_demo_leaves_nothing_either() {
    let mut workplace = Workplace::new();
    std::fs::create_dir(workplace.path().join("tmp")).unwrap();
    let tmp = workplace.path().join("tmp");
    workplace.set("TMPDIR", tmp.to_str().unwrap());
    let running = workplace.start(&["demo"]);
    patience::until("the first story", || if running.said().contains("1/5") { Ok(()) } else { Err(running.said()) });
    running.interrupt();
    running.wait().exits(130);
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "something is left over");
}

#[test]
fn the_kept_shop_is_what_the_examples_look_at() {
    // A pair of ports, as TLS takes 363 above the other.
    let (workplace, running, port) = patience::until("a free pair of ports", || {
        let [port] = scenarios::ports::free_ports();
        let workplace = Workplace::new();
        let mut running = workplace.start(&["demo", "--keep", "--port", &port.to_string()]);
        patience::until("the shop to open", || match running.is_over() {
            true => Ok(Err(running.said())),
            false if running.said().contains("Ctrl-C") => Ok(Ok(())),
            false => Err(running.said()),
        })?;
        Ok((workplace, running, port))
    });
    let folder = PathBuf::from(format!("/tmp/steadfast-shop-{port}"));
    let tls = port + 363;
    let moved = |name: &str| {
        let text = std::fs::read_to_string(format!("{EXAMPLES}/{name}/steadfast.toml")).unwrap();
        let text = text.replace("18080", &port.to_string()).replace("18443", &tls.to_string());
        let file = format!("{name}.toml");
        workplace.write(&file, text);
        file
    };
    let (shop, status_only) = (moved("shop"), moved("status-only"));
    let verify = ["verify", "post-deploy", "--config", &shop];
    workplace.run(&verify).exits(0);
    workplace.run(&["prove", "--config", &shop]).exits(0).says("PROVEN").never_says("brittle").never_says("dead");
    workplace.run(&["prove", "--config", &status_only]).exits(1).says("NOT PROVEN");

    let template = folder.join("templates/design.html");
    let well = std::fs::read_to_string(&template).unwrap();
    let gone: String = well.lines().filter(|line| !line.contains("eaning")).collect();
    std::fs::write(&template, gone).unwrap();
    workplace.run(&verify).exits(1).says("design-page");
    workplace.run(&["verify", "--config", &status_only]).exits(0);
    std::fs::write(&template, well).unwrap();
    workplace.run(&verify).exits(0);

    running.interrupt();
    running.wait().exits(0);
    assert!(!folder.exists(), "its folder is left over");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it still listens");
    workplace.run(&verify).exits(1).says("refused");
}
