//! 9. The application published an empty database: every page of it was there, and said "0 rows".

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use scenarios::application::Application;
use scenarios::steadfast::Workplace;

/// Datasette, which publishes an SQLite file as pages and JSON.
fn datasette(database: &Path) -> Application {
    let program = xtask::tools::pypi("datasette", &["datasette==0.65.1"]).unwrap().join("bin/datasette");
    Application::start("datasette", |port| {
        let mut command = Command::new(&program);
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]).arg(database);
        command
    })
}

fn sql(workplace: &Workplace, statements: &str) {
    Connection::open(workplace.path().join("shop.db")).unwrap().execute_batch(statements).unwrap();
}

/// The verdicts on the page, the JSON and the file.
#[track_caller]
fn check(workplace: &Workplace, code: i32, verdicts: [&str; 3]) {
    let report = workplace.run(&["verify", "--format", "json"]);
    report.exits(code);
    let seen = ["page", "json", "file"].map(|id| report.verdict(id));
    assert_eq!(seen, verdicts.map(str::to_owned), "{:#}", report.json());
}

#[test]
fn an_empty_table_behind_a_page_that_answers_is_red_in_the_answer_and_in_the_file() {
    let workplace = Workplace::new();
    sql(
        &workplace,
        "create table designs (id integer primary key, name text); insert into designs values (1, 'Timothy'), (2, 'Ada')",
    );
    let datasette = datasette(&workplace.path().join("shop.db"));
    workplace.write(
        "steadfast.toml",
        format!(
            "[project]\nname = \"shop\"\n\
             [[check]]\nid = \"page\"\nsummary = \"The page of the designs is there\"\n\
             [check.http]\nget = \"{url}/shop/designs\"\n[check.http.expect]\nstatus = 200\n\
             [[check]]\nid = \"json\"\nsummary = \"Designs are published\"\n\
             [check.http]\nget = \"{url}/shop/designs.json?_shape=objects\"\n[check.http.expect]\nstatus = 200\n\
             json.\"$.rows\" = {{ count = {{ at_least = 1 }} }}\n\
             [[check]]\nid = \"file\"\nsummary = \"The file holds designs\"\n\
             [check.sql]\ndatabase = \"shop.db\"\nquery = \"select count(*) from designs\"\n\
             [check.sql.expect]\nscalar = {{ at_least = 1, type = \"integer\" }}\n",
            url = datasette.url()
        ),
    );
    check(&workplace, 0, ["pass", "pass", "pass"]);
    sql(&workplace, "delete from designs");
    check(&workplace, 1, ["pass", "fail", "fail"]);
    sql(&workplace, "insert into designs values (3, 'Eve')");
    check(&workplace, 0, ["pass", "pass", "pass"]);
}
