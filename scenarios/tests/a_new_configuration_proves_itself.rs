//! A team wrote its first checks from memory, and they read the status code only. `steadfast init` writes them from
//! what the site and the databases really say, and what it writes is green and can be shown to fail.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const FRONT: &str = r#"<!doctype html><html><head><title>Shop</title></head><body>
<header><nav><a href="/">Home</a> <a href="/designs/timothy.html">Timothy</a> <a href="/api/queue.json">Queue</a>
<a href="/gone.html">An old page</a> <a href="/logout">Sign out</a> <a href="https://else.example/">Else</a></nav></header>
<main><h1>Names and their meanings</h1><section><h2>On sale</h2><p>Seven designs, cut in wood.</p></section></main>
<footer>© Shop</footer></body></html>"#;

const DESIGN: &str = r#"<!doctype html><html><head><title>Timothy</title></head><body>
<header><nav><a href="/">Home</a></nav></header>
<main><h1>Timothy</h1><section><h2>Meaning</h2><p>The one who honours.</p></section></main>
<footer>© Shop</footer></body></html>"#;

const QUEUE: &str = r#"{"queue_depth":3,"workers":[{"name":"a"},{"name":"b"}]}"#;

fn shop() -> Nginx {
    Nginx::start(&[("/index.html", FRONT), ("/designs/timothy.html", DESIGN), ("/api/queue.json", QUEUE)])
}

/// A database of accounts in the workplace.
fn database(workplace: &Workplace, name: &str, accounts: usize) {
    let connection = rusqlite::Connection::open(workplace.path().join(name)).expect("a database");
    connection
        .execute_batch("create table accounts (id integer primary key, email text); create table designs (id integer)")
        .expect("its tables");
    for _ in 0..accounts {
        connection.execute("insert into accounts (email) values ('a@shop.example')", ()).expect("a row");
    }
}

fn written(workplace: &Workplace) -> String {
    std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("the configuration")
}

#[test]
fn what_init_wrote_verifies_green_and_proves_without_survivors() {
    let nginx = shop();
    let workplace = Workplace::new();
    database(&workplace, "shop.db", 40);
    workplace
        .run(&["init", "--url", &nginx.url()])
        .exits(0)
        .says("verified: 4 checks hold")
        .says("/gone.html        it answers 404")
        .says("at least 20 rows in accounts");
    let text = written(&workplace);
    assert!(text.starts_with("#:schema ./.steadfast/steadfast.schema.json\n"), "{text}");
    assert!(workplace.path().join(".steadfast/steadfast.schema.json").is_file());
    assert!(!text.contains("logout") && !text.contains("else.example"), "{text}");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");

    // What a status code does not tell, it does.
    let (before, after) = (DESIGN.find("<h1>").expect("content"), DESIGN.find("</main>").expect("its end"));
    nginx.write("/designs/timothy.html", &format!("{}{}", &DESIGN[..before], &DESIGN[after..]));
    let connection = rusqlite::Connection::open(workplace.path().join("shop.db")).expect("the database");
    connection.execute("delete from accounts where id > 3", ()).expect("a deletion");
    let report = workplace.run(&["verify", "--format", "json"]);
    report.exits(1);
    assert_eq!(report.verdict("designs-timothy"), "fail");
    assert_eq!(report.verdict("shop"), "fail");
    assert_eq!(report.verdict("front-page"), "pass");
}

#[test]
fn a_site_with_tls_gets_a_check_on_its_certificate() {
    let nginx = shop();
    let workplace = Workplace::new();
    let authority = nginx.authority();
    let url = format!("https://localhost:{}/designs/timothy.html", nginx.tls().port());
    let roots = authority.to_str().expect("a path");
    workplace.run(&["init", "--url", &url, "--roots", roots]).exits(0).says("certificate");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

#[test]
fn a_redirect_is_described_together_with_where_it_leads() {
    let nginx = shop();
    let workplace = Workplace::new();
    workplace.run(&["init", "--url", &format!("{}/moved", nginx.url()), "--links", "0"]).exits(0);
    assert!(written(&workplace).contains("location = "), "{}", written(&workplace));
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

#[test]
fn a_site_that_is_down_is_said_and_nothing_is_written() {
    let workplace = Workplace::new();
    workplace.run(&["init", "--url", "http://127.0.0.1:1/"]).exits(3).says("refused").says("Nothing was written");
    let nginx = shop();
    let url = format!("{}/error", nginx.url());
    workplace.run(&["init", "--url", &url]).exits(3).says("it answers 500").says("Nothing was written");
    let url = format!("https://localhost:{}/", nginx.expired().port());
    workplace.run(&["init", "--url", &url]).exits(3).says("bad-certificate").says("Nothing was written");
    workplace.run(&["init"]).exits(3).says("nothing to check was found");
    assert_eq!(std::fs::read_dir(workplace.path()).expect("the folder").count(), 0);
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let workplace = Workplace::with("mine");
    workplace.run(&["init", "--url", "http://127.0.0.1:1/"]).exits(2).says("never overwrites");
    assert_eq!(written(&workplace), "mine");
}

#[test]
fn a_secret_in_the_address_is_neither_written_nor_repeated() {
    let workplace = Workplace::new();
    for url in ["https://canary:hunter2hunter2@shop.example/", "https://shop.example/?access_token=hunter2hunter2"] {
        workplace.run(&["init", "--url", url]).exits(2).says("env").never_says("hunter2hunter2");
    }
}

#[test]
fn a_page_that_changes_with_every_look_is_left_out_and_the_databases_stay() {
    let nginx = shop();
    let workplace = Workplace::new();
    database(&workplace, "shop.db", 3);
    nginx.write("/index.html", "");
    workplace.run(&["init", "--url", &nginx.url()]).exits(0).says("left out").says("verified: 1 check holds");
    workplace.run(&["prove"]).exits(0);
}
