//! Whatever stands in the file, the answer is a project or a refusal that can be printed.

use std::path::PathBuf;

use proptest::prelude::*;
use steadfast_config::{Source, load, load_text, to_toml};

use crate::toy::KINDS;

/// Loads and renders; a panic or an overflow is the only way to fail.
fn survives(bytes: &[u8]) {
    let source = Source::Given { file: PathBuf::from("no-such-folder/steadfast.toml"), bytes: bytes.to_vec() };
    if let Err(refusal) = load(source, KINDS) {
        assert!(!refusal.problems().is_empty(), "refused without a problem");
        let plain = refusal.render(false, 80);
        assert!(plain.ends_with(" in 1 file\n"), "{plain}");
        refusal.render(true, 0);
    }
}

/// Pieces of real files, so that chance reaches further than the first byte.
const PIECES: &[&str] = &[
    "[project]\n",
    "name = \"shop\"\n",
    "[[check]]\n",
    "id = \"a\"\n",
    "[check.toy]\n",
    "[check.toy.expect]\n",
    "status = 200\n",
    "[targets]\n",
    "shop = ",
    "{ env = \"A\" }",
    "\"postgres://u:p@h\"",
    "[defaults.toy]\n",
    "every = ",
    "\"1m\"\n",
    "= ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "#",
    "\\",
    ".",
    ",",
    "é",
    "\u{0}",
    "\u{feff}",
    "depends_on = [\"a\"]\n",
    "include = [\"*\"]\n",
    "1e999",
    "0x",
    "2026-11-23",
    "日本語",
    "\t",
    "gates = [\"watch\"]\n",
    "toy.expect.json.\"$.a\" = { below = 1 }\n",
    "retry = { attempts = 0 }\n",
    "within = \"99s\"\n",
    "a.b.c = 1\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&bytes);
    }

    #[test]
    fn any_mixture_of_real_pieces_is_answered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        survives(pieces.concat().as_bytes());
    }

    #[test]
    fn any_damage_to_a_good_file_is_answered(at in 0..GOOD.len(), with in any::<u8>(), cut in 0usize..20) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = with;
        survives(&bytes);
        bytes.drain(at..(at + cut).min(GOOD.len()));
        survives(&bytes);
    }

    #[test]
    fn what_is_shown_loads_to_the_same(
        summary in any::<String>(),
        header in "[a-zA-Z0-9-]{1,8}|\\PC{1,8}",
        value in any::<String>(),
        below in any::<i32>(),
        equals in prop_oneof![any::<String>().prop_map(serde_json::Value::from), any::<i64>().prop_map(serde_json::Value::from), (-1e15..1e15).prop_map(serde_json::Value::from)],
    ) {
        prop_assume!(!summary.trim().is_empty());
        let text = |text: &str| toml::de::DeValue::parse(text).is_ok();
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007f");
        let summary = quoted(&summary);
        prop_assert!(text(&summary), "{summary}");
        let file = format!(
            "[project]\nname = \"p\"\n[[check]]\nid = \"a\"\nsummary = {summary}\n[check.toy]\nheaders.{} = {}\n[check.toy.expect.json]\n\"$.a\" = {{ below = {below} }}\n\"$['b']\" = {}\n",
            quoted(&header), quoted(&value), equals.as_str().map_or_else(|| equals.to_string(), quoted),
        );
        let project = load_text(&file, KINDS).map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
        let shown = to_toml(&project);
        let again = load_text(&shown, KINDS).map_err(|refusal| TestCaseError::fail(format!("{shown}\n{refusal}")))?;
        prop_assert_eq!(to_toml(&again), shown);
        prop_assert_eq!(project.checks[0].check.written(), again.checks[0].check.written());
        prop_assert_eq!(project.checks[0].check.claim_hash(), again.checks[0].check.claim_hash());
        prop_assert_eq!(&project.checks[0].summary, &again.checks[0].summary);
    }
}

const GOOD: &str = r#"include = []
[project]
name = "shop"
[targets]
shop = "https://shop.example"
db = { env = "DATABASE_URL" }
[defaults.toy]
base_url = { target = "shop" }
timeout = "10s"
[[check]]
id = "design-page"
gates = ["post-deploy", "watch"]
every = "5m"
retry = { attempts = 2, delay = "1s" }
[check.toy]
get = "/d/7d0bd618"
[check.toy.expect]
status = 200
body_contains = ["Timothy", '<h2>Meaning']
body_matches = """
a+"""
[check.toy.expect.json]
"$.queue_depth" = { below = 100 }
"#;

#[test]
fn the_good_file_is_good() {
    load_text(GOOD, KINDS).unwrap_or_else(|refusal| panic!("{refusal}"));
}

#[test]
fn depth_and_length_are_bounded() {
    survives("a.".repeat(500_000).as_bytes());
    survives(format!("{} = 1", vec!["a"; 100_000].join(".")).as_bytes());
    survives(format!("[{}]", vec!["a"; 100_000].join(".")).as_bytes());
    survives(format!("x = {}", "[".repeat(500_000)).as_bytes());
    survives(format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes());
    survives(format!("x = {}", "{a=".repeat(100_000)).as_bytes());
    survives(format!("x = \"{}\"", "é".repeat(500_000)).as_bytes());
    survives("[[check]]\n".repeat(2_000).as_bytes());
}
