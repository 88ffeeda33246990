//! Servers that lie, stall and flood: a verdict each, in bounded time and memory, without a panic.

use std::fmt::Write as _;
use std::time::Duration;

use scenarios::misbehaving::Misbehaving;
use scenarios::steadfast::Workplace;

/// Path, verdict, and the codes of its findings.
const VERDICTS: &[(&str, &str, &[&str])] = &[
    ("/well", "fail", &["not-contained"]),
    ("/slow-headers", "fail", &["timeout"]),
    ("/slow-body", "fail", &["timeout"]),
    ("/hang", "fail", &["timeout"]),
    ("/endless-body", "unknown", &["beyond-the-cut"]),
    ("/gigabyte", "unknown", &["beyond-the-cut"]),
    ("/bomb", "unknown", &["beyond-the-cut"]),
    ("/no-gzip", "fail", &["bad-encoding"]),
    ("/short", "fail", &["bad-length"]),
    ("/long", "fail", &["bad-length"]),
    ("/two-lengths", "fail", &["bad-protocol"]),
    ("/bad-chunk", "fail", &["bad-protocol"]),
    ("/huge-chunk", "fail", &["bad-protocol"]),
    ("/many-headers", "fail", &["bad-protocol"]),
    ("/huge-header", "fail", &["bad-protocol"]),
    ("/huge-status", "fail", &["bad-protocol"]),
    ("/continue-for-ever", "fail", &["bad-protocol"]),
    ("/deep-json", "fail", &["not-contained"]),
    ("/invalid-utf8", "fail", &["not-contained"]),
    ("/http-0.9", "fail", &["bad-protocol"]),
    ("/garbage", "fail", &["bad-protocol"]),
    ("/nothing", "fail", &["reset"]),
    ("/redirect-loop", "fail", &["unequal", "not-contained"]),
    ("/redirect", "fail", &["unequal", "not-contained"]),
    ("/terminal", "fail", &["not-contained"]),
    ("/echo", "fail", &["not-contained"]),
    ("/reset", "fail", &["reset"]),
];

/// What one process may take at the most. The bodies amount to more than three gigabytes.
const MEMORY: &str = "1500000";

fn configuration(server: &Misbehaving) -> String {
    let mut text = format!(
        "[project]\nname = \"liars\"\n[targets]\nliar = \"{}\"\n[defaults.http]\nbase_url = {{ target = \"liar\" }}\ntimeout = \"3s\"\n",
        server.url()
    );
    for path in Misbehaving::paths() {
        let id = path.trim_start_matches('/').replace('.', "-");
        let _ = write!(
            text,
            "[[check]]\nid = \"{id}\"\nsummary = \"It tells the truth\"\n[check.http]\nget = \"{path}\"\nredirects = 5\n\
             [check.http.expect]\nstatus = 200\nbody_contains = \"the whole truth\"\n"
        );
    }
    text
}

#[test]
fn every_lie_gets_its_verdict() {
    let server = Misbehaving::start();
    let workplace = Workplace::with(&configuration(&server));
    let limit = format!("ulimit -v {MEMORY}; exec \"$@\"");
    let report = workplace.start_through("sh", &["-c", &limit, "sh"], &["verify", "--format", "json"]).wait();
    report.exits(1);
    assert!(Misbehaving::paths().eq(VERDICTS.iter().map(|(path, ..)| *path)), "a misbehaviour without its verdict");
    for (path, verdict, codes) in VERDICTS {
        let id = path.trim_start_matches('/').replace('.', "-");
        assert_eq!(
            (report.verdict(&id).as_str(), report.codes(&id)),
            (*verdict, codes.iter().map(|c| (*c).to_owned()).collect()),
            "{path}"
        );
    }
    assert!(
        report.took < Duration::from_secs(30),
        "its timeouts are 3 s, all at the same time; it took {:?}",
        report.took
    );
}

#[test]
fn the_bound_on_memory_is_one() {
    // The test above proves something only if a program that keeps the bodies does not get through.
    let limit = format!("ulimit -v {MEMORY}; head -c 2000000000 /dev/zero | tail -c 1900000000 > /dev/null");
    let ran = std::process::Command::new("sh").args(["-c", &limit]).output().unwrap();
    assert!(!ran.status.success());
}

#[test]
fn a_look_at_a_flood_is_bounded_too_and_a_terminal_is_told_nothing() {
    let server = Misbehaving::start();
    let workplace = Workplace::new();
    for path in ["/bomb", "/gigabyte", "/deep-json", "/invalid-utf8", "/many-headers"] {
        let ran = workplace.run(&["look", "--timeout", "3s", &format!("{}{path}", server.url())]);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{path}: {:?} {}", ran.code, ran.said());
        ran.never_says("panicked");
    }
    let ran = workplace.run(&["look", &format!("{}/terminal", server.url())]);
    ran.exits(0).says("hello").never_says("\u{1b}").never_says("\u{7}");
}

#[test]
fn a_port_that_takes_connections_and_never_answers_is_a_timeout_for_every_kind() {
    let server = Misbehaving::start();
    let deaf = server.deaf();
    let workplace = Workplace::with(&format!(
        "[project]\nname = \"deaf\"\n\
         [[check]]\nid = \"http\"\nsummary = \"s\"\ntimeout = \"1s\"\n[check.http]\nget = \"http://{deaf}/\"\n[check.http.expect]\nstatus = 200\n\
         [[check]]\nid = \"https\"\nsummary = \"s\"\ntimeout = \"1s\"\n[check.http]\nget = \"https://{deaf}/\"\n[check.http.expect]\nstatus = 200\n\
         [[check]]\nid = \"tls\"\nsummary = \"s\"\ntimeout = \"1s\"\n[check.tls]\naddress = \"{deaf}\"\n[check.tls.expect]\ntrusted = true\n"
    ));
    let report = workplace.run(&["verify", "--format", "json"]);
    for id in ["http", "https", "tls"] {
        assert_eq!(report.exits(1).codes(id), ["timeout"], "{id}");
    }
}
