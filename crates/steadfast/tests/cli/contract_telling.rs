//! What `contract` tells people.

use scenarios::steadfast::Workplace;

#[test]
fn a_key_that_stands_in_two_files_is_told_with_both() {
    let folder = Workplace::new();
    folder.write("c.json", r#"{"x-key": "/id", "properties": {"id": {"type": "string"}}}"#);
    folder.write("a.jsonl", "{\"id\":\"x\"}\n{\"id\":\"y\"}\n{\"id\":\"y\"}\n");
    folder.write("b.jsonl", "{\"id\":\"z\"}\n{\"id\":\"x\"}\n");
    let ran = folder.run(&["contract", "check", "a.jsonl", "b.jsonl", "--contract", "c.json"]);
    ran.exits(1).tells("x: line 1 of a.jsonl and line 2 of b.jsonl").tells("y: line 2 and line 3");
}
