//! Keys, paths and names come from outside. A terminal obeys some of what may stand in them, so people are shown it
//! spelled out; programs get it as it is.

use scenarios::steadfast::Workplace;

#[test]
fn what_a_record_says_is_shown_and_never_obeyed() {
    let workplace = Workplace::new();
    workplace
        .write("c.json", r#"{"x-key": "/id", "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}}"#);
    workplace.write("x.jsonl", "{\"id\":\"\\u001b[2Jgone\\n\\u202etxt\",\"n\":\"\"}\n");
    let check = ["contract", "check", "x.jsonl", "--contract", "c.json"];
    workplace.run(&check).exits(1).says(r"(key \u{1b}[2Jgone\n\u{202e}txt)");
    let told = workplace.run(&[&check[..], &["--json"]].concat()).json();
    assert_eq!(told["findings"][0]["key"], "\u{1b}[2Jgone\n\u{202e}txt");
}
