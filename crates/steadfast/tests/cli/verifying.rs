//! `verify`: exit codes, formats, the status file, the ledger in trouble.

use crate::shop::{Answer, Shop, http};

fn check(checks: &str, args: &[&str], exit: i32, said: &str) {
    let shop = Shop::with(checks);
    shop.server.set("/home", Answer::Page("welcome"));
    let (code, text) = shop.run(args);
    assert!(code == exit && text.contains(said), "exit {code}, not {exit} with {said:?}:\n{text}");
}

#[test]
fn every_decision_has_its_exit_code() {
    let good = http("home", "/home", "status = 200\nbody_contains = [\"welcome\"]");
    let bad = http("page", "/gone", "status = 200");
    check(&good, &["verify", "post-deploy"], 0, "PROCEED  post-deploy: the check holds");
    check(&format!("{good}{bad}"), &["verify", "post-deploy"], 1, "HOLD  post-deploy: 1 of 2 checks fails: page");
    check(&good, &["verify", "--closed"], 3, "CANNOT TELL  1 of 1 check could not be judged: home");
    check(&good, &["verify", "boot"], 3, "CANNOT TELL  boot: no check was looked at");
    check(&good, &["verify"], 0, "no gate given: all checks");
    check("[[check]]\nid = 1", &["verify"], 2, "a string");
    check(&good, &["verify", "--only", "hoem"], 2, "did you mean `home`?");
    check(&good, &["verify", "--only", "home", "boot"], 2, "check `home` is not at gate boot, only at post-deploy");
    check(&good, &["verify", "psot-deploy"], 2, "'post-deploy'");
    check(&good, &["verify", "--format", "human", "--format", "json"], 2, "two formats for standard output would mix");
    check(&good, &["verify", "--parallel", "0"], 2, "--parallel");
    check(&good, &["verify", "--wait", "5"], 2, "write 5s");
    check(&good, &["verify", "--route", "shop"], 2, "it is FROM=TO");
    check(&good, &["verify", "--route", "shopp=http://127.0.0.1:1"], 2, "neither a target");
}

#[test]
fn a_stopped_server_fails_its_checks() {
    let shop = Shop::with(&http("home", "/home", "status = 200"));
    let (code, text) = shop.run(&["verify", "--route", "shop=http://127.0.0.1:1"]);
    assert!(code == 1 && text.contains("• refused"), "exit {code}:\n{text}");
}

#[test]
fn the_status_file_tells_each_decision_and_never_keeps_an_old_pass() {
    let good = http("home", "/home", "status = 200");
    let shop = Shop::with(&good);
    shop.server.set("/home", Answer::Page("welcome"));
    let status_after = |args: &[&str]| {
        shop.run(&[args, &["--status-file", "status"]].concat());
        let line = shop.read("status");
        let (time, rest) = line.split_once(' ').unwrap();
        time.parse::<jiff::Timestamp>().unwrap();
        rest.to_owned()
    };
    assert_eq!(status_after(&["verify"]), "PASS\n");
    assert_eq!(status_after(&["verify", "--closed"]), "UNKNOWN home\n");
    shop.configure(&format!("{good}{}{}", http("b", "/b", "status = 200"), http("a", "/a", "status = 200")));
    assert_eq!(status_after(&["verify"]), "FAIL b a\n");
    shop.configure(&good);
    assert_eq!(status_after(&["verify"]), "PASS\n");
    shop.configure("this is no configuration");
    assert_eq!(status_after(&["verify"]), "UNKNOWN\n");
}

#[test]
fn several_formats_at_once_tell_the_same() {
    let shop = Shop::with(&http("home", "/home", "status = 200"));
    shop.server.set("/home", Answer::Page("welcome"));
    let (code, text) = shop.run(&["verify", "--format", "human", "--format", "json=report.json", "--seed", "7"]);
    let report: serde_json::Value = serde_json::from_str(&shop.read("report.json")).unwrap();
    assert_eq!((code, report["decision"].as_str(), report["seed"].as_u64()), (0, Some("proceed"), Some(7)));
    assert!(text.contains(report["run"].as_str().unwrap()), "{text}");
    let (_, schema) = shop.run(&["schema", "report"]);
    assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap().is_object());
}

#[test]
fn a_ledger_that_cannot_be_written_is_a_warning_and_the_verdict_is_right_still() {
    for (expect, exit, decision) in [("status = 200", 0, "PROCEED"), ("status = 500", 1, "HOLD")] {
        let shop = Shop::with(&http("home", "/home", expect));
        shop.server.set("/home", Answer::Page("welcome"));
        // A file where a folder would have to be: not even root can write there.
        std::fs::write(shop.path("a-file"), "").unwrap();
        let (code, text) = shop.run(&["verify", "--ledger", "a-file/ledger.db"]);
        assert!(code == exit && text.contains("nothing was recorded: "), "exit {code}:\n{text}");
        assert!(text.lines().last().unwrap().starts_with(decision), "{text}");
    }
}

#[test]
fn without_a_ledger_nothing_is_left_behind() {
    let shop = Shop::with(&http("home", "/home", "status = 200"));
    shop.run(&["verify", "--no-ledger"]);
    assert!(!shop.path(".steadfast").exists());
    shop.run(&["verify"]);
    assert!(shop.path(".steadfast/ledger.db").exists());
}

#[test]
fn waiting_ends_with_the_first_green() {
    let shop = Shop::with(&http("home", "/home", "status = 200"));
    // The first request hangs; while it does, the page comes up.
    shop.server.set("/home", Answer::Never);
    let toml = shop.read("steadfast.toml").replace("[check.http]", "timeout = \"200ms\"\n[check.http]");
    std::fs::write(shop.path("steadfast.toml"), toml).unwrap();
    let child = shop.command(&["verify", "--wait", "60s"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(shop.server.asked.recv().unwrap(), "/home");
    shop.server.set("/home", Answer::Page("welcome"));
    let (code, text) = crate::shop::told(&child.wait_with_output().unwrap());
    assert!(code == 0 && text.contains("all green after ") && text.contains("2 runs"), "exit {code}:\n{text}");
}
