//! A project whose ledger is a Postgres database: every command answers as it does for a file, and a server that is gone
//! changes no verdict.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use scenarios::patience;
use scenarios::postgres::{Options as Cluster, Postgres};
use serde_json::Value;
use steadfast_core::ledger::{Batch, Ledger};
use steadfast_ledger::conformance::sample::{one_of_each, run};
use steadfast_ledger::sqlite::{Options, SqliteLedger};
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse";

/// A check that holds, and one that waits in the middle for a file `go`.
const CHECKS: &str = r#"
[[check]]
id = "holds"
[check.command]
run = ["true"]
[check.command.expect]
exit = 0

[[check]]
id = "waits"
gates = ["pre-deploy"]
[check.command]
run = ["sh", "-c", "touch started; while [ ! -e go ]; do sleep 0.05; done"]
[check.command.expect]
exit = 0

[[check]]
id = "fails"
gates = ["drill"]
[check.command]
run = ["false"]
[check.command.expect]
exit = 0
"#;

/// A project in a folder.
struct Shop(TempDir);

impl Shop {
    /// With these lines below `[ledger]`.
    fn with(ledger: &str) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[project]\nname = \"shop\"\n\n[ledger]\n{ledger}\n{CHECKS}");
        std::fs::write(folder.path().join("steadfast.toml"), text).unwrap();
        Shop(folder)
    }

    fn in_a_database(server: &Postgres) -> Shop {
        Shop::with(&format!("url = \"{}\"\npassword = {{ env = \"LEDGER_PASSWORD\" }}", server.url("postgres")))
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(line.split_whitespace()).current_dir(self.folder()).env("LEDGER_PASSWORD", PASSWORD);
        for name in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGPASSFILE", "PGSSLMODE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs it; everything that it says, if the exit code is this one.
    fn check(&self, line: &str, code: i32) -> (String, String) {
        checked(self.command(line).output().unwrap(), line, code)
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

fn checked(output: Output, line: &str, code: i32) -> (String, String) {
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{line}: {out}{err}");
    assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{line} shows the password: {out}{err}");
    (out, err)
}

fn server() -> Postgres {
    Postgres::with(&Cluster { password: Some(PASSWORD.into()), ..Cluster::default() })
}

fn commit(shop: &Shop, batches: impl IntoIterator<Item = Batch>) {
    let ledger = SqliteLedger::open(shop.folder().join(".steadfast/ledger.db"), Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for batch in batches {
        runtime.block_on(ledger.commit(batch)).unwrap();
    }
}

#[test]
fn every_command_answers_as_it_does_for_a_file() {
    let server = server();
    let file = Shop::with("path = \".steadfast/ledger.db\"");
    let database = Shop::in_a_database(&server);
    commit(&file, [one_of_each(), run("run-2", 20, 3)]);
    file.check("verify --only holds --only fails", 1);

    let nothing = database.check("ledger tail", 3).1;
    assert!(nothing.contains("holds no ledger yet") && nothing.contains("postgres://postgres@127.0.0.1"), "{nothing}");
    let url = server.url("postgres");
    let copied = file.command(&format!("ledger copy --to {url}")).env("PGPASSWORD", PASSWORD).output().unwrap();
    let (said, _) = checked(copied, "ledger copy", 0);
    assert!(said.contains("Copied 17 records and 6 payloads to postgres://postgres@127.0.0.1"), "{said}");
    let head = said.lines().find(|line| line.starts_with("17:")).unwrap().to_owned();

    for line in [
        "ledger tail",
        "ledger tail -n 3 --format json",
        "ledger tail --run run-2 --check check-1",
        "ledger export",
        "ledger export --bodies --check b",
        "ledger export --since 2026-09-21T14:13:25Z",
        &format!("ledger verify --head {head}"),
        "ledger verify --format json",
        "ledger rebuild",
        "ledger rebuild --format json",
        "history check-1 --format json",
        "history b --format json",
        "replay --format json",
    ] {
        let expected = file.command(line).output().unwrap();
        assert!(!expected.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&expected.stderr));
        let (out, _) = database.check(line, expected.status.code().unwrap());
        assert_eq!(out.as_bytes(), expected.stdout, "{line}");
    }
    assert!(database.check("ledger verify --head 3:00", 2).1.contains("a head is SEQ:CHAIN"));
    let zeros = format!("ledger verify --head 3:{}", "0".repeat(64));
    assert!(database.check(&zeros, 1).0.contains("postgres://postgres@127.0.0.1"));

    let pruned = |shop: &Shop| {
        let pruned: Value = serde_json::from_str(&shop.check("ledger prune --keep 0s --format json", 0).0).unwrap();
        (pruned["dropped"].clone(), pruned["bytes"].clone())
    };
    assert_eq!(pruned(&database), pruned(&file));
    database.check("ledger verify", 0);

    // And back into another file.
    let back = "ledger copy --to back.db --format json";
    let copied: Value = serde_json::from_str(&database.check(back, 0).0).unwrap();
    let verified: Value =
        serde_json::from_str(&database.check("ledger verify --ledger back.db --format json", 0).0).unwrap();
    assert_eq!((&copied["records"], &copied["head"]), (&18.into(), &verified["head"]));
    let other = file.check("ledger copy --to other.db", 0).0;
    assert!(other.contains("Copied 18 records"), "{other}");
    // Both were pruned, each at its own moment: two histories.
    let other = file.folder().join("other.db");
    let refused = database.check(&format!("ledger copy --to {}", other.display()), 3).1;
    assert!(refused.contains("another history"), "{refused}");
}

#[test]
fn runs_are_recorded_and_a_server_that_is_gone_changes_no_verdict() {
    let mut server = server();
    let shop = Shop::in_a_database(&server);
    let (_, said) = shop.check("verify --only holds", 0);
    assert!(!said.contains("recorded"), "{said}");
    shop.check("verify --only fails", 1);
    let (tail, _) = shop.check("ledger tail", 0);
    assert!(tail.contains("holds") && tail.contains("fails"), "{tail}");

    // Stopped in the middle of a run.
    let running = shop.start("verify --only waits");
    patience::until("the check to begin", || match shop.folder().join("started").exists() {
        true => Ok(()),
        false => Err("not yet".to_owned()),
    });
    server.stop();
    std::fs::write(shop.folder().join("go"), "").unwrap();
    let (out, err) = checked(running.wait_with_output().unwrap(), "verify --only waits", 0);
    assert!(format!("{out}{err}").contains("nothing was recorded"), "{out}{err}");

    // Down from the beginning.
    for (line, code) in [("verify --only holds", 0), ("verify --only fails", 1)] {
        let began = Instant::now();
        let (out, err) = shop.check(line, code);
        let said = format!("{out}{err}");
        assert!(said.contains("nothing was recorded") && said.contains("cannot be reached"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(10), "it is known at once");
    }
    let json: Value = serde_json::from_str(&shop.check("verify --only holds --format json", 0).0).unwrap();
    assert!(json["warnings"].to_string().contains("nothing was recorded"), "{json}");
    assert!(shop.check("ledger verify", 3).1.contains("cannot be reached"));

    server.resume();
    shop.check("verify --only holds", 0);
    let (tail, _) = shop.check("ledger tail", 0);
    assert!(!tail.contains("waits"), "{tail}");
    shop.check("ledger verify", 0);
}

#[test]
fn a_ledger_that_may_only_be_read_changes_no_verdict() {
    let server = server();
    let shop = Shop::in_a_database(&server);
    shop.check("verify --only holds", 0);
    server.sql("postgres", "ALTER DATABASE postgres SET default_transaction_read_only = on");
    for (line, code) in [("verify --only holds", 0), ("verify --only fails", 1)] {
        let (out, err) = shop.check(line, code);
        let said = format!("{out}{err}");
        assert!(said.contains("nothing was recorded") && said.contains("is it a standby"), "{said}");
    }
    shop.check("ledger verify", 0);
}

#[test]
fn the_password_comes_from_a_secret_a_variable_or_a_file_and_is_never_shown() {
    let server = server();
    let url = server.url("postgres");
    let with_password = url.replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let shop = Shop::in_a_database(&server);
    shop.check("verify --only holds", 0);
    let shown = shop.check("config show", 0).0;
    assert!(shown.contains("password = { env = \"LEDGER_PASSWORD\" }") || shown.contains("LEDGER_PASSWORD"), "{shown}");

    let wrong = shop.command("verify --only holds").env("LEDGER_PASSWORD", "wrong-donkey").output().unwrap();
    let (out, err) = checked(wrong, "a wrong password", 0);
    let said = format!("{out}{err}");
    assert!(said.contains("password authentication failed") && !said.contains("wrong-donkey"), "{said}");
    let unset = shop.command("verify --only holds").env_remove("LEDGER_PASSWORD").output().unwrap();
    let (out, err) = checked(unset, "no password", 0);
    assert!(format!("{out}{err}").contains("LEDGER_PASSWORD is not set"), "{out}{err}");

    let whole = Shop::with("url = { file = \"address\" }");
    std::fs::write(whole.folder().join("address"), format!("{with_password}\n")).unwrap();
    whole.check("verify --only holds", 0);
    let (said, _) = whole.check("ledger verify", 0);
    assert!(said.contains("Intact: 6 records"), "{said}");

    let plain = Shop::with(&format!("url = \"{url}\""));
    let by_variable = plain.command("ledger verify").env("PGPASSWORD", PASSWORD).output().unwrap();
    checked(by_variable, "PGPASSWORD", 0);
    let file = plain.folder().join("pgpass");
    std::fs::write(&file, format!("*:*:*:*:{PASSWORD}\n")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    checked(plain.command("ledger verify").env("PGPASSFILE", &file).output().unwrap(), "PGPASSFILE", 0);

    // Everybody can see the arguments of a program.
    let refused = plain.check(&format!("ledger verify --ledger {with_password}"), 2).1;
    assert!(refused.contains("--ledger <PLACE>") && refused.contains("PGPASSWORD or ~/.pgpass"), "{refused}");
    let written = Shop::with(&format!("url = \"{with_password}\""));
    assert!(written.check("verify --only holds", 2).1.contains("a password in the address"));
    assert!(written.check("ledger verify", 2).1.contains("has a password in it"));
}
