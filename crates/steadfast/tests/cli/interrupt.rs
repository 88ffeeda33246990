//! A signal ends a run in good order, with what was seen.

use std::process::{Command, Stdio};

use crate::shop::{Answer, Shop, http, told};

fn check(signal: &str) {
    let quick = http("quick", "/quick", "status = 200");
    let hanging = http("hanging", "/hanging", "status = 200");
    let shop = Shop::with(&format!("{quick}{hanging}"));
    shop.server.set("/quick", Answer::Page("welcome"));
    shop.server.set("/hanging", Answer::Never);
    // One at a time, and with a seed by which the quick one is first.
    let args = ["verify", "--parallel", "1", "--seed", "1", "--status-file", "status", "--format", "json=r.json"];
    let args = [&args[..], &["--format", "human"]].concat();
    let child = shop.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(shop.server.asked.recv().unwrap(), "/hanging");
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let (code, text) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("pass  quick") && text.contains("not looked at: hanging"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("INTERRUPTED  1 of 2 checks seen"), "{text}");
    assert!(shop.read("status").contains(" UNKNOWN"), "{}", shop.read("status"));
    let report: serde_json::Value = serde_json::from_str(&shop.read("r.json")).unwrap();
    assert_eq!((report["exit"].as_u64(), report["unseen"][0].as_str()), (Some(130), Some("hanging")));
}

#[test]
fn ctrl_c_ends_a_run_with_what_was_seen() {
    check("-INT");
}

#[test]
fn a_supervisor_ends_a_run_with_what_was_seen() {
    check("-TERM");
}
