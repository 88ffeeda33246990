//! 8. The watcher's role lost its right to read a table. Nobody knew whether the table was well, and nothing was red.

use scenarios::postgres::{Options, Postgres};
use scenarios::steadfast::Workplace;

fn shop() -> (Postgres, Workplace) {
    let postgres = Postgres::with(&Options { password: Some("correct-horse".into()), ..Options::default() });
    postgres.create("shop");
    postgres.sql(
        "shop",
        "create role watcher login password 'w4tching-eyes'; create table accounts (id int);
         insert into accounts values (1), (2); grant select on accounts to watcher",
    );
    let mut workplace = Workplace::with(&format!(
        "[project]\nname = \"shop\"\n\
         [[check]]\nid = \"accounts\"\nsummary = \"People have accounts\"\n\
         [check.sql]\ndatabase = \"postgres://watcher@127.0.0.1:{}/shop\"\npassword = {{ env = \"WATCHER_PASSWORD\" }}\n\
         query = \"select count(*) from accounts\"\n[check.sql.expect]\nscalar = {{ at_least = 1, type = \"integer\" }}\n",
        postgres.port()
    ));
    workplace.set("WATCHER_PASSWORD", "w4tching-eyes");
    (postgres, workplace)
}

/// The exit code, the verdict, and the code of the finding.
#[track_caller]
fn check(workplace: &Workplace, exit: i32, verdict: &str, codes: &[&str]) {
    let report = workplace.run(&["verify", "--format", "json"]);
    report.exits(exit).never_says("w4tching-eyes");
    assert_eq!(
        (report.verdict("accounts").as_str(), report.codes("accounts")),
        (verdict, codes.iter().map(|code| (*code).to_owned()).collect())
    );
}

#[test]
fn a_revoked_right_cannot_tell_and_a_refused_role_is_red() {
    let (mut postgres, workplace) = shop();
    check(&workplace, 0, "pass", &[]);
    postgres.sql("shop", "revoke select on accounts from watcher");
    check(&workplace, 3, "unknown", &["permission-denied"]);
    workplace.run(&["verify"]).exits(3).says("permission denied for table accounts (42501)");
    postgres.sql("shop", "grant select on accounts to watcher; alter role watcher password 'another'");
    check(&workplace, 1, "fail", &["sign-in-failed"]);
    postgres.sql("shop", "alter role watcher password 'w4tching-eyes'");
    postgres.sql("postgres", "alter database shop rename to store");
    check(&workplace, 1, "fail", &["no-such-database"]);
    postgres.sql("postgres", "alter database store rename to shop");
    check(&workplace, 0, "pass", &[]);
    postgres.stop();
    check(&workplace, 1, "fail", &["refused"]);
    postgres.resume_rejecting();
    check(&workplace, 1, "fail", &["not-accepting"]);
}

#[test]
fn the_password_is_in_no_file_and_no_argument() {
    let (_postgres, workplace) = shop();
    workplace.run(&["verify"]).exits(0).never_says("w4tching-eyes");
    for entry in walk(workplace.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        let holds = bytes.windows(13).any(|window| window == b"w4tching-eyes");
        assert!(!holds, "it is in {}", entry.display());
    }
    let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).unwrap();
    let written = text.replace("watcher@", "watcher:w4tching-eyes@");
    workplace.write("steadfast.toml", written);
    workplace.run(&["verify"]).exits(2).says("an address with a password in it").never_says("w4tching-eyes");
    let url = "postgres://watcher:w4tching-eyes@127.0.0.1:1/shop";
    workplace.run(&["look", url]).exits(2).says("PGPASSWORD").never_says("w4tching-eyes");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
