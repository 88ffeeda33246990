//! 5. The team had two canaries, one per pipeline. Neither could fail.

use scenarios::nginx::Nginx;
use scenarios::steadfast::{Ran, Workplace};

const PAGE: &str = "<html><head><title>Lantern</title></head><body><header>Lantern Prints</header><nav>Designs</nav>\
                    <main><h1>Timothy</h1><h2>Meaning of the name</h2><p>Honouring what was entrusted.</p></main>\
                    <footer>since 1987</footer></body></html>";

fn configuration(nginx: &Nginx, page: &str, record: &str) -> String {
    format!(
        "[project]\nname = \"shop\"\n[defaults.http]\nbase_url = \"{}\"\n\
         [[check]]\nid = \"page\"\nsummary = \"The page answers\"\n\
         [check.http]\nget = \"/timothy.html\"\n[check.http.expect]\nstatus = 200\n{page}\n\
         [[check]]\nid = \"record\"\nsummary = \"The record answers\"\n\
         [check.http]\nget = \"/timothy.json\"\n[check.http.expect]\nstatus = 200\n{record}\n",
        nginx.url()
    )
}

fn start() -> Nginx {
    Nginx::start(&[("timothy.html", PAGE), ("timothy.json", r#"{"id":"7d0bd618","layers":[{"name":"outline"}]}"#)])
}

/// The lines of TOML that `prove` suggests for a check.
fn suggested(ran: &Ran, id: &str) -> String {
    let said = ran.said();
    let (_, after) =
        said.split_once(&format!("check `{id}`")).or_else(|| said.split_once(&format!("`{id}` "))).unwrap();
    let mut parts = after.split("\n\n");
    parts.next();
    parts.next().unwrap_or_else(|| panic!("no TOML for {id}:\n{said}")).to_owned()
}

#[test]
fn status_codes_alone_are_fooled_and_what_prove_suggests_mends_it() {
    let nginx = start();
    let workplace = Workplace::with(&configuration(&nginx, "", ""));
    workplace.run(&["verify"]).exits(0);
    let naive = workplace.run(&["prove"]);
    naive.exits(1).says("login page").says("shell").says("empty").says("NOT PROVEN");

    let (page, record) = (suggested(&naive, "page"), suggested(&naive, "record"));
    workplace.write("steadfast.toml", configuration(&nginx, &page, &record));
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN").never_says("survived");
}

#[test]
fn a_brittle_expectation_is_told_from_a_good_one() {
    let nginx = start();
    let order = "body_contains = '{\"id\":\"7d0bd618\",\"layers\":'";
    let workplace = Workplace::with(&configuration(&nginx, "body_contains = \"Meaning\"", order));
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove", "--only", "record"]).exits(1).says("brittle");
}

#[test]
fn nothing_green_is_neither_proven_nor_refuted() {
    let nginx = start();
    let workplace = Workplace::with(&configuration(&nginx, "", ""));
    drop(nginx);
    workplace.run(&["prove"]).exits(3).says("no green observation");
    workplace.run(&["prove", "--recorded"]).exits(3);
}

#[test]
fn what_was_recorded_green_is_proven_without_looking() {
    let nginx = start();
    let workplace = Workplace::with(&configuration(&nginx, "", ""));
    workplace.run(&["verify"]).exits(0);
    drop(nginx);
    workplace.run(&["prove", "--recorded"]).exits(1).says("login page");
}
