//! A release is compared with the one before it. Where that one is not whole, what is missing in it cannot be missed in
//! the new one: that is no pass.

use scenarios::steadfast::Workplace;

const CONTRACT: &str = r#"{"type": "object", "x-key": "/id", "required": ["id"],
  "properties": {"id": {"type": "string"}, "people": {"type": "array", "x-regression": {"populatedToEmpty": 0}}}, "x-regression": {"gone": 0}}"#;
const ANNA: &str = "{\"id\":\"anna\",\"people\":[1]}\n";
const BERT: &str = "{\"id\":\"bert\",\"people\":[1]}\n";

fn workplace(before: &str, now: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("c.json", CONTRACT);
    workplace.write("before.jsonl", before);
    workplace.write("now.jsonl", now);
    workplace
}

fn check(before: &str, now: &str, code: i32, says: &str) {
    let workplace = workplace(before, now);
    let check = ["contract", "check", "now.jsonl", "--contract", "c.json", "--previous", "before.jsonl"];
    workplace.run(&check).exits(code).says(says);
}

#[test]
fn an_earlier_release_that_is_cut_short_or_empty_is_never_a_pass() {
    let both = [ANNA, BERT].concat();
    check(&both, &both, 0, "HOLDS  now.jsonl: 2 records");
    check(&both, ANNA, 1, "1 key gone");
    let cut = &both[..both.len() - 9];
    check(cut, ANNA, 3, "the earlier release: before.jsonl: the last record is cut short (byte 27)");
    check("", ANNA, 3, "the earlier release: before.jsonl: there is no record in it");
    // What is wrong all the same, is: broken beats cannot tell.
    check(cut, "{\"id\":\"anna\",\"people\":[]}\n", 1, "people: 1 populated became empty");
}

#[test]
fn a_wrong_call_is_said_before_anything_is_judged() {
    let workplace = workplace(ANNA, ANNA);
    let on = ["contract", "check", "no-such.jsonl", "--contract", "c.json"];
    workplace.run(&[&on[..], &["--baseline", "nowhere"]].concat()).exits(2).says("nowhere: cannot be read");
    workplace
        .run(&[&on[..], &["--previous", "before.jsonl", "--accept-regression", "persons=1"]].concat())
        .exits(2)
        .says("--accept-regression persons: not watched; watched are people, gone and new");
}

#[test]
fn a_baseline_that_cannot_be_written_leaves_the_report() {
    let workplace = workplace(ANNA, &[ANNA, BERT].concat());
    workplace
        .run(&["contract", "accept", "now.jsonl", "--contract", "c.json", "--baseline", "no/such/folder/b"])
        .exits(3)
        .says("CANNOT TELL  now.jsonl: 2 records")
        .says("no/such/folder/b: cannot be made")
        .says("not accepted");
}
