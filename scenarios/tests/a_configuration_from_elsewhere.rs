//! A team moves from another tool. What `steadfast import` writes looks at the same things, and says what it could not
//! carry over: nobody finds out at night that a check was lost on the way.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const PAGE: &str = "<main><h1>Timothy</h1><h2>Meaning</h2></main>";

fn gatus(nginx: &Nginx) -> String {
    format!(
        "endpoints:\n  # What visitors come for\n  - name: design\n    group: core\n    url: \"{}/design.html\"\n    interval: 1m\n    \
         conditions:\n      - \"[STATUS] == 200\"\n      - \"[BODY] == pat(*<h2>Meaning*)\"\n      \
         - \"[RESPONSE_TIME] < 5000\"\n  - name: registry\n    url: \"https://shop.example/\"\n    conditions:\n      \
         - \"[DOMAIN_EXPIRATION] > 720h\"\n",
        nginx.url()
    )
}

#[test]
fn what_was_imported_from_gatus_is_green_and_goes_red_with_the_page() {
    let nginx = Nginx::start(&[("/design.html", PAGE)]);
    let workplace = Workplace::new();
    workplace.write("config.yaml", gatus(&nginx));
    let imported = workplace.run(&["import", "gatus", "config.yaml"]);
    imported.exits(0).says("1 check from config.yaml of Gatus").says("DOMAIN_EXPIRATION").says("the file loads");
    let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("our file");
    assert!(text.contains("# What visitors come for\n# From config.yaml:3\n[[check]]"), "{text}");
    workplace.run(&["config", "lint"]).exits(0);
    workplace.run(&["verify"]).exits(0);
    nginx.write("/design.html", "<main><h1>Timothy</h1></main>");
    workplace.run(&["verify"]).exits(1).says("<h2>Meaning");
}

#[test]
fn a_file_that_is_there_stays_and_half_a_file_writes_nothing() {
    let nginx = Nginx::start(&[("/design.html", PAGE)]);
    let workplace = Workplace::new();
    workplace.write("config.yaml", gatus(&nginx));
    workplace.write("steadfast.toml", "# mine\n");
    workplace.run(&["import", "gatus", "config.yaml"]).exits(2).says("never overwrites");
    assert_eq!(std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("still there"), "# mine\n");
    let whole = gatus(&nginx);
    workplace.write("half.yaml", &whole[..whole.find("conditions").expect("conditions") + 12]);
    let half = workplace.run(&["import", "gatus", "half.yaml", "--out", "half.toml"]);
    half.exits(2).says("half.yaml:").says("Nothing was written");
    assert!(!workplace.path().join("half.toml").exists());
    workplace.run(&["import", "gatus", "gone.yaml", "--out", "half.toml"]).exits(2).says("gone.yaml cannot be read");
}

#[test]
fn a_line_of_curl_is_a_check_and_its_password_is_not_in_the_file() {
    let nginx = Nginx::start(&[("/design.html", PAGE)]);
    let mut workplace = Workplace::new();
    workplace.write(
        "probes.sh",
        format!("# is it up?\ncurl -fsS -u canary:hunter2-long \\\n  {}/design.html\n", nginx.url()),
    );
    let imported = workplace.run(&["import", "curl", "probes.sh"]);
    imported.exits(0).says("to set before the checks look").never_says("hunter2");
    let text = std::fs::read_to_string(workplace.path().join("steadfast.toml")).expect("our file");
    assert!(!text.contains("hunter2"), "{text}");
    let variable =
        text.lines().find_map(|line| line.strip_prefix("#   ")?.split_once("_PASSWORD:").map(|(name, _)| name));
    workplace.run(&["verify"]).exits(3).says("missing-secret");
    workplace.set(&format!("{}_PASSWORD", variable.expect("a variable to set")), "hunter2-long");
    workplace.run(&["verify"]).exits(0);
}
