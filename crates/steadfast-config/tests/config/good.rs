//! What loads.

use steadfast_config::{load_text, to_toml};

use crate::toy::KINDS;

/// Loads it, and shows it with all defaults applied; what is shown must load to the same.
pub(crate) fn effective(text: &str) -> String {
    let project = load_text(text, KINDS).unwrap_or_else(|refusal| panic!("{refusal}"));
    let shown = to_toml(&project);
    let again = load_text(&shown, KINDS).unwrap_or_else(|refusal| panic!("{shown}\n{refusal}"));
    assert_eq!(to_toml(&again), shown);
    shown
}

#[test]
fn a_whole_project_is_shown_with_its_defaults() {
    insta::assert_snapshot!(effective(
        r#"
[project]
name = "shop"

[targets]
shop = "https://shop.example"
db = { env = "DATABASE_URL" }

[defaults.toy]
base_url = { target = "shop" }
timeout = "8s"
headers = { accept = "text/html", host = "a" }
[defaults.toy.expect]
status = 200

[gate.post-deploy]
deadline = "5m"
parallel = 4

[ledger]
path = "x.db"

[[check]]
id = "design-page"
summary = "A design page renders its meaning section"
every = "5m"
runbook = "runbooks/design-page.md"
what_to_do = "docker logs web --tail 100; steadfast look \"design-page\""
tags = ["page"]
paths = ["src/**/*.rs"]
retry = { attempts = 2, delay = "1s" }
[check.toy]
get = "/d/7d0bd618"
headers = { host = "b", authorization = { env = "TOKEN" } }
[check.toy.expect]
within = "400ms"
body_contains = ["Timothy", "<h2>Meaning"]
[check.toy.expect.json]
"$.queue_depth" = { below = 100 }
"$.errors" = { type = "array", count = { at_most = 0 } }

[[check]]
id = "weight"
severity = "warning"
gates = ["drill", "boot"]
depends_on = ["design-page"]
public = true
[check.gadget]
name = "scale"
expect = { weight = 3.5 }
"#
    ));
}

#[test]
fn a_ledger_in_a_database_is_shown_with_its_password_as_a_reference() {
    let ledger =
        "[ledger]\npassword = { env = \"LEDGER_PASSWORD\" }\nurl = \"postgres://shop@db/shop?sslmode=require\"\n";
    let shown = effective(&format!("[project]\nname = \"shop\"\n\n{ledger}"));
    assert!(shown.contains(ledger), "{shown}");
}
