//! 2. The authentication tables were wiped. /health touches no table and stayed green.

use rusqlite::Connection;
use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

fn shop(nginx: &Nginx) -> Workplace {
    let workplace = Workplace::with(&format!(
        "[project]\nname = \"shop\"\n[targets]\ndb = \"shop.db\"\n\
         [[check]]\nid = \"health\"\nsummary = \"The health endpoint answers\"\n\
         [check.http]\nget = \"{}/health.txt\"\n[check.http.expect]\nstatus = 200\n\
         [[check]]\nid = \"sessions\"\nsummary = \"The auth tables exist and hold sessions\"\n\
         [check.sql]\ndatabase = {{ target = \"db\" }}\nquery = \"select count(*) from sessions\"\n\
         [check.sql.expect]\nscalar = {{ at_least = 1 }}\ntables = [\"sessions\", \"accounts\"]\n",
        nginx.url()
    ));
    sql(&workplace, "create table accounts (id); create table sessions (id); insert into sessions values (1), (2);");
    workplace
}

fn sql(workplace: &Workplace, statements: &str) {
    Connection::open(workplace.path().join("shop.db")).unwrap().execute_batch(statements).unwrap();
}

/// The verdicts on health and on sessions.
#[track_caller]
fn check(workplace: &Workplace, code: i32, sessions: &str) {
    let report = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(report.exits(code).verdict("health"), "pass");
    assert_eq!(report.verdict("sessions"), sessions, "{:#}", report.json());
}

#[test]
fn emptied_and_dropped_tables_hold_while_health_stays_green() {
    let nginx = Nginx::start(&[("health.txt", "ok")]);
    let workplace = shop(&nginx);
    check(&workplace, 0, "pass");
    sql(&workplace, "delete from sessions");
    check(&workplace, 1, "fail");
    sql(&workplace, "drop table sessions");
    check(&workplace, 1, "fail");
    sql(&workplace, "create table sessions (id); insert into sessions values (3)");
    check(&workplace, 0, "pass");
}

#[test]
fn a_look_never_changes_the_database() {
    let nginx = Nginx::start(&[("health.txt", "ok")]);
    let workplace = shop(&nginx);
    let file = workplace.path().join("shop.db");
    let before = std::fs::read(&file).unwrap();
    let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).unwrap();
    workplace
        .write("steadfast.toml", text.replace("select count(*) from sessions", "delete from sessions returning 1"));
    assert_ne!(workplace.run(&["verify"]).code, Some(0));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}
