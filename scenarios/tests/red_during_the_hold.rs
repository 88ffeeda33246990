//! 4. The deploy was green for a moment, and red a minute later, when nobody looked any more.

use scenarios::listener::Listener;
use scenarios::steadfast::{Ran, Workplace};

fn verify(server: &Listener, options: &[&str]) -> Ran {
    let workplace = Workplace::with(&format!(
        "[project]\nname = \"shop\"\n[[check]]\nid = \"page\"\nsummary = \"The page is there\"\n\
         [check.http]\nget = \"{}/\"\n[check.http.expect]\nstatus = 200\nbody_contains = \"well\"\n",
        server.url()
    ));
    let mut line = vec!["verify", "post-deploy", "--format", "json", "--status-file", "status", "--interval", "50ms"];
    line.extend(options);
    let ran = workplace.run(&line);
    let status = std::fs::read_to_string(workplace.path().join("status")).unwrap();
    let word = if ran.code == Some(0) { " PASS" } else { " FAIL page" };
    assert!(status.contains(word), "{status}");
    ran
}

fn answer(well: bool) -> (u16, String) {
    if well { (200, "all is well".into()) } else { (500, "starting or broken".into()) }
}

#[test]
fn red_before_the_first_green_is_tolerated_and_red_after_it_is_not() {
    let server = Listener::answering(|before| answer((3..8).contains(&before)));
    let ran = verify(&server, &["--wait", "30s", "--hold", "30s"]);
    let report = ran.exits(1).json();
    assert_eq!(report["held"]["confirmed"], serde_json::json!(["page"]), "{report:#}");
    assert!(report["held"]["green_after"].is_number(), "{report:#}");
}

#[test]
fn a_hold_that_stays_green_proceeds() {
    let server = Listener::answering(|before| answer(before >= 2));
    let report = verify(&server, &["--wait", "30s", "--hold", "500ms"]).exits(0).json();
    assert!(report["held"]["runs"].as_u64().unwrap() >= 4, "{report:#}");
}

#[test]
fn never_green_holds_when_the_waiting_is_over() {
    let server = Listener::answering(|_| answer(false));
    let report = verify(&server, &["--wait", "400ms", "--hold", "30s"]).exits(1).json();
    assert!(report["held"]["green_after"].is_null(), "{report:#}");
}
