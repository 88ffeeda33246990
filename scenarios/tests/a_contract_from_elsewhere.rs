//! A contract whose parts are on a server: refused unless asked for, and then followed within bounds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use scenarios::listener::Listener;
use scenarios::misbehaving::Misbehaving;
use scenarios::nginx::Nginx;
use scenarios::steadfast::{Ran, Workplace};

const PERSON: &str =
    r#"{"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "maximum": 120}}}"#;

/// A workplace with a contract that refers to the address, and two records: one that holds, one that does not.
fn referring_to(address: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace
        .write("contract.json", format!(r#"{{"type": "object", "properties": {{"who": {{"$ref": "{address}"}}}}}}"#));
    workplace.write("good.jsonl", "{\"who\": {\"age\": 7}}\n");
    workplace.write("bad.jsonl", "{\"who\": {\"age\": 700}}\n");
    workplace
}

fn check(workplace: &Workplace, file: &str, more: &[&str]) -> Ran {
    workplace.run(&[&["contract", "check", file, "--contract", "contract.json"], more].concat())
}

/// The contract is refused with these words, in less than the bound of one document and some.
#[track_caller]
fn refused(address: &str, words: &str) {
    let ran = check(&referring_to(address), "good.jsonl", &["--allow-remote"]);
    ran.exits(2).says("not a contract that can be judged by").says(words);
    assert!(ran.took < Duration::from_secs(25), "{address}: took {:?}", ran.took);
}

#[test]
fn a_remote_reference_is_refused_and_nobody_is_asked_unless_it_is_allowed() {
    let server = Listener::answering(|_| (200, PERSON.to_owned()));
    let workplace = referring_to(&format!("{}/person.json", server.url()));
    check(&workplace, "good.jsonl", &[])
        .exits(2)
        .says("a remote reference is not followed unless you say --allow-remote");
    assert_eq!(server.accepted(), 0, "asked though it was refused");
    check(&workplace, "good.jsonl", &["--allow-remote"]).exits(0);
    assert!(server.accepted() > 0);
}

#[test]
fn what_a_server_says_counts_in_the_clear_and_over_tls() {
    let nginx = Nginx::start(&[("person.json", PERSON)]);
    for address in
        [format!("{}/person.json", nginx.url()), format!("https://localhost:{}/person.json", nginx.tls().port())]
    {
        let mut workplace = referring_to(&address);
        workplace.set("SSL_CERT_FILE", &nginx.authority().display().to_string());
        check(&workplace, "good.jsonl", &["--allow-remote"]).exits(0);
        check(&workplace, "bad.jsonl", &["--allow-remote"]).exits(1).says("who.age: 700, expected at most 120");
    }
    // A certificate that nobody vouches for, and one that has run out.
    refused(&format!("https://localhost:{}/person.json", nginx.tls().port()), "certificate");
    let mut workplace = referring_to(&format!("https://localhost:{}/person.json", nginx.expired().port()));
    workplace.set("SSL_CERT_FILE", &nginx.authority().display().to_string());
    check(&workplace, "good.jsonl", &["--allow-remote"]).exits(2).says("certificate");
}

#[test]
fn documents_that_refer_to_each_other_are_followed_once_and_a_circle_is_refused() {
    let nginx = Nginx::start(&[]);
    let url = nginx.url();
    // Each level uses up input: a tree of people.
    nginx.write("person.json", &format!(r#"{{"type": "object", "properties": {{"children": {{"$ref": "{url}/people.json"}}, "age": {{"maximum": 120}}}}}}"#));
    nginx.write("people.json", &format!(r#"{{"type": "array", "items": {{"$ref": "{url}/person.json"}}}}"#));
    let workplace = referring_to(&format!("{url}/person.json"));
    workplace.write("good.jsonl", "{\"who\": {\"children\": [{\"children\": [{\"age\": 3}]}]}}\n");
    workplace.write("bad.jsonl", "{\"who\": {\"children\": [{\"children\": [{\"age\": 300}]}]}}\n");
    check(&workplace, "good.jsonl", &["--allow-remote"]).exits(0);
    check(&workplace, "bad.jsonl", &["--allow-remote"]).exits(1).says("age");
    // These use up nothing.
    nginx.write("one.json", &format!(r#"{{"$ref": "{url}/two.json"}}"#));
    nginx.write("two.json", &format!(r#"{{"$ref": "{url}/one.json"}}"#));
    refused(&format!("{url}/one.json"), "no part of a record is used up on the way");
}

#[test]
fn a_chain_of_documents_without_an_end_is_broken_off() {
    let own = Arc::new(OnceLock::<String>::new());
    let server = Listener::answering({
        let own = own.clone();
        move |before| (200, format!(r#"{{"items": {{"$ref": "{}/{before}"}}}}"#, own.wait()))
    });
    own.set(server.url()).expect("set once");
    refused(&format!("{}/start", server.url()), "more than 100 remote documents");
    assert!(server.accepted() <= 100, "{} were asked for", server.accepted());
}

#[test]
fn a_server_that_answers_badly_is_said_to() {
    let nginx = Nginx::start(&[("page.html", "<p>hello")]);
    refused(&format!("{}/nowhere.json", nginx.url()), "answered 404 instead of 200");
    refused(&format!("{}/moved", nginx.url()), "answered 302 instead of 200");
    refused(&format!("{}/loop", nginx.url()), "answered 302 instead of 200");
    refused(&format!("{}/page.html", nginx.url()), "the answer is no JSON");
    let server = Misbehaving::start();
    refused(&format!("{}/gigabyte", server.url()), "the answer is longer than 16 MiB");
    refused(&format!("{}/huge-header", server.url()), "the answer is longer than 16 MiB");
    refused(&format!("{}/short", server.url()), "broke off after 14 of 100 bytes");
    refused(&format!("{}/garbage", server.url()), "answered");
    refused("http://127.0.0.1:1/", "refused");
}

#[test]
fn a_server_that_does_not_end_is_not_waited_for() {
    let server = Misbehaving::start();
    // A byte now and then is no answer either.
    refused(&format!("{}/slow-body", server.url()), "no whole answer in 10 s");
    refused(&format!("http://{}/", server.deaf()), "no whole answer in 10 s");
}
