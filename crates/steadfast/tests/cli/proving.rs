//! `prove`, `replay`, `look` and `explain`, by the real binary.

use crate::shop::{Answer, Shop, http};

const PAGE: &str = "<html><head><title>Shop</title></head><body><nav>Home Cart Account</nav><main><h1>Timothy</h1>\
                    <h2>Meaning</h2><p>The one who honours: a Greek name with a long history.</p></main>\
                    <footer>Contact and imprint</footer></body></html>";
const SHELL: &str = "<html><head><title>Shop</title></head><body><nav>Home Cart Account</nav><main></main>\
                     <footer>Contact and imprint</footer></body></html>";

#[test]
fn a_status_only_check_is_fooled_and_what_prove_suggests_makes_it_whole() {
    let shop = Shop::with(&http("page", "/d/1", "status = 200"));
    shop.server.set("/d/1", Answer::Page(PAGE));
    let (code, text) = shop.run(&["prove"]);
    assert!(code == 1 && text.contains("survived       shell: "), "exit {code}:\n{text}");
    assert!(text.contains("NOT PROVEN  1 of 1 is fooled, dead or brittle: page"), "{text}");
    let pasted: Vec<&str> = text.lines().filter(|line| line.contains(" = ")).collect();
    shop.configure(&http("page", "/d/1", &format!("status = 200\n{}", pasted.join("\n"))));
    let (code, text) = shop.run(&["prove"]);
    assert!(code == 0 && text.contains("PROVEN  1 check shown to be able to fail"), "exit {code}:\n{text}");
    // From the ledger, without looking, once a green run is there.
    let (code, text) = shop.run(&["prove", "--recorded"]);
    assert!(code == 3 && text.contains("no green observation"), "exit {code}:\n{text}");
    shop.run(&["verify"]);
    let (code, text) = shop.run(&["prove", "--recorded", "--closed"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn what_went_unnoticed_yesterday_is_caught_by_todays_check() {
    let shop = Shop::with(&http("page", "/d/1", "status = 200"));
    shop.server.set("/d/1", Answer::Page(SHELL));
    let (code, text) = shop.run(&["replay"]);
    assert!(code == 2 && text.contains("steadfast verify"), "exit {code}:\n{text}");
    assert_eq!(shop.run(&["verify"]).0, 0);
    let (code, text) = shop.run(&["replay"]);
    assert!(code == 0 && text.contains("SAME  today's verdict is the recorded one, 1 of 1"), "exit {code}:\n{text}");
    shop.configure(&http("page", "/d/1", "status = 200\nbody_contains = [\"<h2>Meaning\"]"));
    let (code, text) = shop.run(&["replay", "--check", "page", "--since", "1h"]);
    assert!(code == 1 && text.contains("recorded as pass, today fail"), "exit {code}:\n{text}");
    assert!(text.contains("DIFFERS  1 of 1 would be judged differently today; 1 would be caught now"), "{text}");
    let (code, text) = shop.run(&["replay", "--run", "no-such-run"]);
    assert!(code == 3 && text.contains("CANNOT TELL  nothing could be judged"), "exit {code}:\n{text}");
}

#[test]
fn a_look_shows_what_was_seen_and_a_check_that_can_be_used_as_it_stands() {
    let shop = Shop::with(&http("page", "/d/1", "status = 200"));
    shop.server.set("/d/1", Answer::Page(PAGE));
    let url = format!("http://{}/d/1", shop.server.address);
    for what in ["page", &url] {
        let (code, text) = shop.run(&["look", what]);
        assert!(code == 0 && text.contains("first_byte") && text.contains("Timothy"), "exit {code}:\n{text}");
        let check = &text[text.find("[[check]]").unwrap()..];
        shop.configure(check);
        let (code, text) = shop.run(&["prove", "--no-ledger"]);
        assert_eq!(code, 0, "{check}\n{text}");
        shop.configure(&http("page", "/d/1", "status = 200"));
    }
    let (code, text) = shop.run(&["look", "page", "--format", "json"]);
    let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(code == 0 && stored["outcome"]["seen"].is_array(), "{text}");
    assert_eq!(shop.run(&["look", "pgae"]).0, 2);
    assert_eq!(shop.run(&["look", "gopher://x"]).0, 2);
    assert_eq!(shop.run(&["look", "http://127.0.0.1:1/", "--timeout", "5s"]).0, 1);
    assert_eq!(shop.run(&["look", "page", "--closed"]).0, 3);
}

#[test]
fn everything_that_can_be_explained_is() {
    let shop = Shop::with("");
    let (code, contents) = shop.run(&["explain"]);
    assert_eq!(code, 0);
    for topic in ["http", "too-old", "not-in-this-world", "gates", "exit-codes"] {
        let (code, text) = shop.run(&["explain", topic]);
        assert!(code == 0 && text.lines().count() > 2, "{topic}: {text}");
        assert!(contents.contains(topic), "{topic} is not in the contents:\n{contents}");
    }
    let (code, text) = shop.run(&["explain", "tooold"]);
    assert!(code == 2 && text.contains("did you mean `too-old`?"), "{text}");
}
