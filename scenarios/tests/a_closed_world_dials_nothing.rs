//! 6. A drill that quietly verifies production is the worst bug we could ship.

use scenarios::listener::Listener;
use scenarios::misbehaving::Misbehaving;
use scenarios::steadfast::Workplace;

const HEAD: &str = "[project]\nname = \"shop\"\n";

fn http(id: &str, look: &str) -> String {
    format!(
        "[[check]]\nid = \"{id}\"\nsummary = \"It answers\"\n[check.http]\n{look}\n[check.http.expect]\nstatus = 200\n"
    )
}

/// In a closed World the check is unknown, as it has no route, and production is never dialled; in an open one it is.
#[track_caller]
fn check(production: &Listener, configuration: &str, routes: &[&str]) {
    let workplace = Workplace::with(configuration);
    let mut line = vec!["verify", "--format", "json", "--only", "probe"];
    routes.iter().for_each(|route| line.extend(["--route", route]));
    let before = production.accepted();
    let closed = workplace.run(&[line.as_slice(), &["--closed"]].concat());
    assert_eq!(production.accepted(), before, "a closed World dialled production:\n{}", closed.said());
    assert_eq!(closed.exits(3).verdict("probe"), "unknown");
    assert!(closed.codes("probe").iter().all(|code| code == "not-in-this-world"), "{:?}", closed.codes("probe"));
    let open = workplace.run(&line);
    assert!(
        production.accepted() > before,
        "the open World never dialled it: this test proves nothing\n{}",
        open.said()
    );
}

#[test]
fn an_unrouted_address_is_unknown_and_gets_no_packet() {
    let production = Listener::open();
    check(&production, &format!("{HEAD}{}", http("probe", &format!("get = \"{}/\"", production.url()))), &[]);
}

#[test]
fn an_unrouted_target_is_unknown_and_gets_no_packet() {
    let production = Listener::open();
    let targets = format!("[targets]\nshop = \"{}\"\n", production.url());
    let look = "base_url = { target = \"shop\" }\nget = \"/\"";
    check(&production, &format!("{HEAD}{targets}{}", http("probe", look)), &[]);
}

#[test]
fn a_redirect_does_not_escape() {
    let (production, copy) = (Listener::open(), Misbehaving::start());
    let targets = "[targets]\nshop = \"http://shop.example\"\n";
    let look =
        format!("base_url = {{ target = \"shop\" }}\nget = \"/redirect?to={}/\"\nredirects = 3", production.url());
    check(&production, &format!("{HEAD}{targets}{}", http("probe", &look)), &[&format!("shop={}", copy.url())]);
}

#[test]
fn connect_to_does_not_escape() {
    let production = Listener::open();
    let look = format!(
        "get = \"http://shop.example/\"\nconnect_to = [\"shop.example:80:127.0.0.1:{}\"]",
        production.address().port()
    );
    check(&production, &format!("{HEAD}{}", http("probe", &look)), &[]);
}

#[test]
fn a_sweep_does_not_escape() {
    let (production, copy) = (Listener::open(), Misbehaving::start());
    let targets = "[targets]\nshop = \"http://shop.example\"\n";
    let look = format!("base_url = {{ target = \"shop\" }}\nsweep = [\"/well\", \"{}/\"]", production.url());
    check(&production, &format!("{HEAD}{targets}{}", http("probe", &look)), &[&format!("shop={}", copy.url())]);
}

#[test]
fn a_handshake_does_not_escape() {
    let production = Listener::open();
    let tls = format!(
        "[[check]]\nid = \"probe\"\nsummary = \"It is trusted\"\n[check.tls]\naddress = \"{}\"\n[check.tls.expect]\ntrusted = true\n",
        production.address()
    );
    check(&production, &format!("{HEAD}{tls}"), &[]);
}

#[test]
fn a_routed_target_leads_to_the_copy_and_its_own_absolute_links_follow_it() {
    let (production, copy) = (Listener::open(), Misbehaving::start());
    let look =
        format!("base_url = {{ target = \"shop\" }}\nget = \"/redirect?to={}/well\"\nredirects = 3", production.url());
    let workplace =
        Workplace::with(&format!("{HEAD}[targets]\nshop = \"{}\"\n{}", production.url(), http("probe", &look)));
    workplace.run(&["verify", "--closed", "--route", &format!("shop={}", copy.url())]).exits(0);
    assert_eq!(production.accepted(), 0);
}

#[test]
fn files_and_databases_outside_are_not_in_this_world_either() {
    let workplace = Workplace::with(&format!(
        "{HEAD}[[check]]\nid = \"sql\"\nsummary = \"s\"\n[check.sql]\ndatabase = \"live.db\"\nquery = \"select 1\"\n\
         [check.sql.expect]\nscalar = 1\n\
         [[check]]\nid = \"files\"\nsummary = \"s\"\n[check.files]\nglob = \"live.db\"\n[check.files.expect]\nexists = true\n"
    ));
    rusqlite::Connection::open(workplace.path().join("live.db")).unwrap().execute_batch("create table t (x)").unwrap();
    workplace.run(&["verify"]).exits(0);
    let closed = workplace.run(&["verify", "--closed", "--format", "json"]);
    for id in ["sql", "files"] {
        assert_eq!(closed.exits(3).codes(id), ["not-in-this-world"]);
    }
}

#[test]
fn no_program_is_run_as_nobody_could_tell_where_it_looks() {
    let production = Listener::open();
    let port = production.address().port();
    let command = format!(
        "[[check]]\nid = \"probe\"\nsummary = \"s\"\n[check.command]\nrun = [\"curl\", \"-s\", \"http://127.0.0.1:{port}/\"]\n\
         [check.command.expect]\nexit = 0\n"
    );
    check(&production, &format!("{HEAD}{command}"), &[]);
}
