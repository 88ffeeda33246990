//! A data set that is judged by eight processes side by side, and what they say together.

use std::path::Path;
use std::process::Command;

use scenarios::steadfast::{Running, Workplace};

/// Records of the name cache, some of them bad; the first and a later one stand twice.
fn data(workplace: &Workplace) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").join("examples/name-cache");
    let file = workplace.path().join("data.jsonl");
    let mut generate = Command::new("python3");
    generate.arg(examples.join("gen_namecache.py")).arg(&file).args(["--records", "4000", "--bad", "3"]);
    assert!(generate.output().unwrap().status.success());
    let mut text = std::fs::read_to_string(&file).unwrap();
    let again: String = [0, 1500].map(|line| format!("{}\n", text.lines().nth(line).unwrap())).concat();
    text.push_str(&again);
    std::fs::write(&file, text).unwrap();
    std::fs::copy(examples.join("name_cache.schema.json"), workplace.path().join("contract.json")).unwrap();
}

#[test]
fn eight_parts_judged_side_by_side_are_one_run_to_the_byte() {
    let workplace = Workplace::new();
    data(&workplace);
    let check = ["contract", "check", "data.jsonl", "--contract", "contract.json"];
    let one = workplace.run(&[&check[..], &["--json", "--quarantine", "bad", "--valid", "good.jsonl"]].concat());
    one.exits(1);
    let running: Vec<Running> = (1..=8)
        .map(|part| {
            let part = format!("{part}/8");
            let own = ["--part", &part, "--quarantine", "bad", "--valid", "good.jsonl"];
            workplace.start(&[&check[..], &own].concat())
        })
        .collect();
    for (part, running) in running.into_iter().enumerate() {
        let ran = running.wait();
        ran.exits(0);
        workplace.write(&format!("part.{}", part + 1), ran.stdout);
    }
    let parts = ["part.5", "part.1", "part.8", "part.2", "part.7", "part.3", "part.6", "part.4"];
    let merge = [&["contract", "merge"], &parts[..], &["--contract", "contract.json", "--json"]].concat();
    let merged = workplace.run(&merge);
    merged.exits(1);
    assert_eq!(merged.json()["duplicates"], 2);
    assert!(merged.stdout == one.stdout, "{}\n---\n{}", merged.said(), one.said());
    // Nobody wrote over anybody: together the parts' records are those of the one run.
    for (whole, part) in [("bad/records.jsonl", "bad.{}-of-8/records.jsonl"), ("good.jsonl", "good.jsonl.{}-of-8")] {
        let read = |name: &str| std::fs::read_to_string(workplace.path().join(name)).unwrap();
        let together: String = (1..=8).map(|number| read(&part.replace("{}", &number.to_string()))).collect();
        assert!(together == read(whole), "{whole}");
    }
}
