//! Bad surroundings: folders, ledgers, secrets and files that are not what they should be. A verdict or a clear error.

use std::os::unix::fs::PermissionsExt;

use scenarios::nginx::Nginx;
use scenarios::steadfast::{Workplace, binary};

fn page(nginx: &Nginx) -> String {
    format!(
        "[project]\nname = \"shop\"\n[[check]]\nid = \"page\"\nsummary = \"The page is there\"\n\
         [check.http]\nget = \"{}/\"\n[check.http.expect]\nstatus = 200\nbody_contains = \"well\"\n",
        nginx.url()
    )
}

fn start() -> Nginx {
    Nginx::start(&[("index.html", "all is well")])
}

/// Green and red are told apart although nothing can be recorded, and the person is told that nothing was.
#[track_caller]
fn check_unrecorded(nginx: &Nginx, mut verify: impl FnMut() -> scenarios::steadfast::Ran) {
    nginx.write("index.html", "all is well");
    verify().exits(0).says("nothing was recorded").says("PROCEED");
    nginx.write("index.html", "all is lost");
    verify().exits(1).says("nothing was recorded").says("HOLD");
}

#[test]
fn a_ledger_that_cannot_be_written_changes_no_verdict() {
    let nginx = start();
    let workplace = Workplace::with(&page(&nginx));
    check_unrecorded(&nginx, || workplace.run(&["verify", "--ledger", "/proc/1/nowhere/ledger.db"]));
    workplace.write(".steadfast", "a file where the folder should be");
    check_unrecorded(&nginx, || workplace.run(&["verify"]));
}

#[test]
fn a_ledger_that_is_none_changes_no_verdict() {
    let nginx = start();
    let workplace = Workplace::with(&page(&nginx));
    workplace.write("ledger.db", "this is no database, and longer than its header: ".repeat(100));
    check_unrecorded(&nginx, || workplace.run(&["verify", "--ledger", "ledger.db"]));
    let kept = std::fs::read_to_string(workplace.path().join("ledger.db")).unwrap();
    assert!(kept.starts_with("this is no database"), "somebody's file was overwritten");
}

#[test]
fn a_read_only_working_folder_changes_no_verdict() {
    let nginx = start();
    let workplace = Workplace::with(&page(&nginx));
    // Root may write everywhere, so the program runs as nobody then, from where nobody may read.
    let copy = tempfile::tempdir().unwrap();
    let program = copy.path().join("steadfast");
    std::fs::copy(binary(), &program).unwrap();
    let read_only = |path: &std::path::Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o555)).unwrap();
    read_only(copy.path());
    read_only(workplace.path());
    let probe = workplace.path().join("probe");
    let root = std::fs::write(&probe, "").is_ok();
    let _ = std::fs::remove_file(&probe);
    let program = program.to_str().unwrap().to_owned();
    check_unrecorded(&nginx, || {
        let script = format!("exec {program} verify");
        let who: &[&str] = &["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", &script];
        let (first, own): (&str, &[&str]) = if root { ("setpriv", who) } else { ("sh", &["-c", &script]) };
        workplace.start_through(first, own, &[]).wait()
    });
    std::fs::set_permissions(workplace.path(), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn however_few_files_it_may_open_it_says_so_and_blames_nobody_else() {
    let nginx = start();
    let at = nginx.url().replace("http://", "");
    let others = format!(
        "[[check]]\nid = \"tcp\"\n[check.tcp]\naddress = \"{at}\"\nexpect.within = \"9s\"\n\
         [[check]]\nid = \"files\"\n[check.files]\nglob = \"*\"\nexpect.exists = true\n\
         [[check]]\nid = \"command\"\n[check.command]\nrun = [\"true\"]\nexpect.exit = 0\n\
         [[check]]\nid = \"sql\"\n[check.sql]\ndatabase = \"shop.db\"\nquery = \"select 1\"\nexpect.scalar = 1\n"
    );
    let workplace = Workplace::with(&(page(&nginx) + &others));
    workplace.write("shop.db", "");
    let mut hindered = std::collections::BTreeSet::new();
    for limit in 4..20 {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let arguments = ["verify", "--no-ledger", "--format", "json"];
        let ran = workplace.start_through("sh", &["-c", &script], &arguments).wait();
        ran.never_says("panicked");
        match ran.code {
            // Not even the program itself could begin: the loader says so, or it does.
            Some(2 | 127) => drop(ran.says("open")),
            Some(0) => assert!(!hindered.is_empty() && limit > 9, "with {limit}"),
            Some(3) => {
                for id in ["page", "tcp", "files", "command", "sql"] {
                    match ran.verdict(id).as_str() {
                        "pass" => {}
                        _ => {
                            assert_eq!(
                                (ran.verdict(id).as_str(), ran.codes(id)[0].as_str()),
                                ("unknown", "out-of-descriptors"),
                                "{id} with {limit}: {}",
                                ran.said()
                            );
                            hindered.insert(id);
                        }
                    }
                }
            }
            code => panic!("with {limit}: {code:?}\n{}", ran.said()),
        }
    }
    assert_eq!(Vec::from_iter(hindered), ["command", "files", "page", "sql", "tcp"]);
    workplace.run(&["verify", "--no-ledger"]).exits(0);
}

#[test]
fn a_machine_that_trusts_nobody_cannot_tell_what_a_certificate_is_worth() {
    let nginx = start();
    let text = page(&nginx).replace(&nginx.url(), &format!("https://localhost:{}", nginx.tls().port()));
    let mut workplace = Workplace::with(&text);
    // The test's own authority is none that this machine trusts: that is the target's fault.
    let report = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(report.exits(1).codes("page"), ["bad-certificate"]);
    // As in a container that was built from nothing.
    workplace.write("roots.pem", "");
    workplace.set("SSL_CERT_FILE", &workplace.path().join("roots.pem").to_string_lossy());
    let report = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(report.exits(3).codes("page"), ["local-trouble"]);
    report.says("this machine has no trusted roots").says("ca-certificates");
}

#[test]
fn a_missing_secret_is_named_and_cannot_be_told() {
    let nginx = start();
    let text = page(&nginx)
        .replace("[check.http.expect]", "headers = { x-token = { env = \"NOT_SET_ANYWHERE\" } }\n[check.http.expect]");
    let workplace = Workplace::with(&text);
    let report = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(report.exits(3).codes("page"), ["missing-secret"]);
    workplace.run(&["verify"]).exits(3).says("NOT_SET_ANYWHERE");
    // What does not look needs no secret.
    workplace.run(&["config", "lint"]).exits(0);
}

#[test]
fn a_database_that_is_none_is_no_pass() {
    let workplace = Workplace::with(
        "[project]\nname = \"shop\"\n[[check]]\nid = \"db\"\nsummary = \"s\"\n[check.sql]\ndatabase = \"shop.db\"\n\
         query = \"select 1\"\n[check.sql.expect]\nscalar = 1\n",
    );
    let missing = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(missing.exits(1).codes("db"), ["file-missing"]);
    assert!(!workplace.path().join("shop.db").exists(), "a look made the file that it looked for");
    workplace.write("shop.db", "this is no database, and longer than its header: ".repeat(100));
    assert_eq!(workplace.run(&["verify", "--format", "json"]).exits(1).verdict("db"), "fail");
    workplace.write("shop.db", "");
    workplace.write("empty.toml", "");
    workplace.run(&["verify", "--config", "empty.toml"]).exits(2);
}

#[test]
fn a_regex_bomb_is_refused_or_judged_but_never_hangs() {
    let nginx = start();
    nginx.write("index.html", &"a".repeat(500_000));
    for pattern in ["(a{1000}){1000}", "(a+)+$b", "(a|aa)+$c"] {
        let text = page(&nginx).replace("body_contains = \"well\"", &format!("body_matches = '{pattern}'"));
        let ran = Workplace::with(&text).run(&["verify"]);
        assert!(matches!(ran.code, Some(1 | 2)), "{pattern}: {:?} {}", ran.code, ran.said());
        ran.never_says("panicked");
    }
}

#[test]
fn no_configuration_and_no_check_are_never_a_pass() {
    let workplace = Workplace::new();
    workplace.run(&["verify"]).exits(2).says("steadfast.toml");
    workplace.write("steadfast.toml", "[project]\nname = \"empty\"\n");
    workplace.run(&["verify"]).exits(3);
    workplace.write("steadfast.toml", [0xff, 0xfe, 0x00]);
    workplace.run(&["verify"]).exits(2);
}
