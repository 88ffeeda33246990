//! 7. The records were deleted from Postgres. The application's front page and its own heartbeat stayed green.

use std::path::PathBuf;
use std::process::Command;

use scenarios::application::Application;
use scenarios::postgres::Postgres;
use scenarios::steadfast::Workplace;

/// Kinto, a store of JSON records: the folder of its programs.
fn programs() -> PathBuf {
    let packages =
        ["kinto==26.5.0", "SQLAlchemy==2.1.9", "zope.sqlalchemy==4.1", "psycopg2-binary==2.9.13", "setuptools==79.0.1"];
    xtask::tools::pypi("kinto", &packages).unwrap().join("bin")
}

/// Kinto over its own tables in a database `kinto`, with one design in it.
fn kinto(postgres: &Postgres, workplace: &Workplace) -> Application {
    postgres.create("kinto");
    let url = postgres.url("kinto").replace("postgres://", "postgresql://");
    let write = |port: u16| {
        workplace.write(
        "kinto.ini",
        format!(
            "[app:main]\nuse = egg:kinto\nkinto.storage_backend = kinto.core.storage.postgresql\nkinto.storage_url = {url}\n\
             kinto.permission_backend = kinto.core.permission.postgresql\nkinto.permission_url = {url}\n\
             kinto.cache_backend = kinto.core.cache.memory\nkinto.bucket_create_principals = system.Everyone\n\
             kinto.bucket_write_principals = system.Everyone\nkinto.bucket_read_principals = system.Everyone\n\
             kinto.userid_hmac_secret = a-test\n[server:main]\nuse = egg:waitress#main\nhost = 127.0.0.1\nport = {port}\n"
        ),
    )
    };
    let program = programs().join("kinto");
    let ini = workplace.path().join("kinto.ini");
    // The one who migrates listens nowhere.
    write(1);
    let migrated = Command::new(&program).args(["migrate", "--ini"]).arg(&ini).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let application = Application::start("kinto", |port| {
        write(port);
        let mut command = Command::new(&program);
        command.args(["start", "--ini"]).arg(&ini);
        command
    });
    application.request("PUT", "/v1/buckets/shop", "{}");
    application.request("PUT", "/v1/buckets/shop/collections/designs", "{}");
    application.request("POST", "/v1/buckets/shop/collections/designs/records", "{\"data\": {\"name\": \"Timothy\"}}");
    application
}

fn configure(workplace: &Workplace, application: &Application) {
    let configuration = format!(
        "[project]\nname = \"shop\"\n[targets]\ndb = {{ env = \"DATABASE_URL\" }}\n\
         [[check]]\nid = \"front\"\nsummary = \"The application answers\"\n\
         [check.http]\nget = \"{url}/v1/\"\n[check.http.expect]\nstatus = 200\n\
         [[check]]\nid = \"heartbeat\"\nsummary = \"The application says that it is well\"\n\
         [check.http]\nget = \"{url}/v1/__heartbeat__\"\n[check.http.expect]\nstatus = 200\n\
         json.\"$.storage\" = true\n\
         [[check]]\nid = \"designs\"\nsummary = \"There are designs\"\n\
         [check.sql]\ndatabase = {{ target = \"db\" }}\n\
         query = \"select count(*) as live, max(last_modified at time zone 'UTC') as newest from objects where resource_name = 'record' and not deleted\"\n\
         [check.sql.expect]\nrow.live = {{ at_least = 1, type = \"integer\" }}\n\
         newest = {{ column = \"newest\", younger_than = \"26h\" }}\n\
         [[check]]\nid = \"schema\"\nsummary = \"The tables of the last migration are there\"\n\
         [check.sql]\ndatabase = {{ target = \"db\" }}\n\
         [check.sql.expect]\ntables = [\"access_control_entries\", \"metadata\", \"objects\", \"timestamps\", \"user_principals\"]\n\
         columns = {{ objects = [\"data\", \"deleted\"] }}\n",
        url = application.url()
    );
    workplace.write("steadfast.toml", configuration);
}

/// The verdicts on the front page, the heartbeat, the designs and the schema.
#[track_caller]
fn check(workplace: &Workplace, code: i32, verdicts: [&str; 4]) {
    let report = workplace.run(&["verify", "--format", "json"]);
    report.exits(code);
    let seen = ["front", "heartbeat", "designs", "schema"].map(|id| report.verdict(id));
    assert_eq!(seen, verdicts.map(str::to_owned), "{:#}", report.json());
}

#[test]
fn deleted_records_and_dropped_tables_hold_while_the_application_says_that_it_is_well() {
    let postgres = Postgres::start();
    let mut workplace = Workplace::new();
    let application = kinto(&postgres, &workplace);
    configure(&workplace, &application);
    check(&workplace, 3, ["pass", "pass", "unknown", "unknown"]);
    workplace.set("DATABASE_URL", &postgres.url("kinto"));
    check(&workplace, 0, ["pass", "pass", "pass", "pass"]);
    workplace.run(&["prove", "--only", "designs"]).exits(0);

    postgres.sql("kinto", "create table kept as select * from objects; delete from objects");
    check(&workplace, 1, ["pass", "pass", "fail", "pass"]);
    postgres.sql("kinto", "insert into objects select * from kept; alter table objects rename column deleted to gone");
    check(&workplace, 1, ["pass", "fail", "fail", "fail"]);
    postgres.sql("kinto", "alter table objects rename column gone to deleted; drop table kept");
    check(&workplace, 0, ["pass", "pass", "pass", "pass"]);
}

#[test]
fn a_drill_asks_the_restored_copy_and_never_production() {
    let (production, copy) = (Postgres::start(), Postgres::start());
    let (mut workplace, scratch) = (Workplace::new(), Workplace::new());
    let application = kinto(&production, &workplace);
    let _restored = kinto(&copy, &scratch);
    configure(&workplace, &application);
    workplace.set("DATABASE_URL", &production.url("kinto"));
    let route = format!("db={}", copy.url("kinto"));
    let asked = || {
        let report = workplace.run(&["verify", "--format", "json", "--closed", "--route", &route]);
        ["front", "designs", "schema"].map(|id| report.verdict(id))
    };
    assert_eq!(asked(), ["unknown", "pass", "pass"]);
    copy.sql("kinto", "delete from objects");
    assert_eq!(asked(), ["unknown", "fail", "pass"]);
    assert_eq!(production.sql("kinto", "select count(*) > 0 from objects"), "t");
}
