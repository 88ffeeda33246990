//! Completions in a real bash, and the pages of the manual, by the real binary.

use std::path::Path;
use std::process::Command;

use crate::shop::{Shop, http};

fn shop() -> Shop {
    Shop::with(&format!(
        "{}{}",
        http("front-page", "/", "status = 200").replace("summary", "tags = [\"web\", \"front\"]\nsummary"),
        http("queue", "/queue", "status = 200"),
    ))
}

/// What a real bash offers for this line, with the script that the binary prints.
fn offered(shop: &Shop, line: &str) -> Vec<String> {
    const ASK: &str = r#"
        source <(steadfast completions bash)
        COMP_LINE=$1 COMP_POINT=${#1}
        _steadfast
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let binary = Path::new(env!("CARGO_BIN_EXE_steadfast")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", binary.display());
    let ran = Command::new("bash")
        .args(["--noprofile", "--norc", "-c", ASK, "bash", line])
        .current_dir(shop.folder.path())
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    // Outside an interactive line, compopt has nothing to set; anything else would be said by bash itself.
    let text = String::from_utf8(ran.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[track_caller]
fn check(line: &str, expected: &[&str]) {
    assert_eq!(offered(&shop(), line), expected, "{line}");
}

#[test]
fn bash_is_offered_commands_flags_and_gates() {
    check("steadfast ver", &["verify", "version"]);
    check("steadfast verify --status", &["--status-file"]);
    check("steadfast verify post", &["post-deploy"]);
    check("steadfast explain too-o", &["too-old"]);
}

#[test]
fn bash_is_offered_the_ids_and_tags_of_this_configuration() {
    check("steadfast verify --only ", &["front-page", "queue", "tag:front", "tag:web"]);
    check("steadfast prove --only=qu", &["queue"]);
    check("steadfast look fro", &["front-page"]);
    check("steadfast replay --check q", &["queue"]);
    check("steadfast verify --route s", &["shop="]);
}

#[test]
fn bash_is_offered_only_what_stands_behind_the_colon_at_which_it_splits_words() {
    check("steadfast verify --only tag:w", &["web"]);
}

#[test]
fn the_configuration_that_the_line_names_is_the_one_that_is_read() {
    let shop = shop();
    let other = std::fs::read_to_string(shop.path("steadfast.toml")).unwrap().replace("queue", "other");
    std::fs::write(shop.path("other.toml"), other).unwrap();
    assert_eq!(offered(&shop, "steadfast verify --config other.toml --only o"), ["other"]);
}

#[test]
fn a_broken_configuration_completes_nothing_and_says_nothing() {
    let shop = shop();
    shop.configure("[[check]\n");
    assert_eq!(offered(&shop, "steadfast verify --only "), [""; 0]);
    assert_eq!(offered(&shop, "steadfast ver"), ["verify", "version"]);
}

#[test]
fn zsh_and_fish_get_a_script_that_asks_the_binary() {
    let shop = shop();
    for shell in ["zsh", "fish"] {
        let output = shop.command(&["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("STEADFAST_COMPLETE"), "{text}");
    }
    // In a folder of `fpath` it is read at the first completion: it has to answer that one, too.
    let (code, zsh) = shop.run(&["completions", "zsh"]);
    assert!(code == 0 && zsh.starts_with("#compdef steadfast\n"), "{zsh}");
    let end = "if [[ $funcstack[1] == _steadfast ]]; then\n    _clap_dynamic_completer_steadfast \"$@\"\nelse\n    \
               compdef _clap_dynamic_completer_steadfast steadfast\nfi\n";
    assert!(zsh.ends_with(end) && zsh.matches("\ncompdef ").count() == 0, "{zsh}");
    assert_eq!(shop.run(&["completions", "tcsh"]).0, 2);
}

#[test]
fn every_command_and_every_kind_has_its_page_of_the_manual() {
    let shop = shop();
    let (code, text) = shop.run(&["man", "--out", "man"]);
    assert_eq!(code, 0, "{text}");
    for (page, says) in [
        ("man1/steadfast.1", "EXIT STATUS"),
        ("man1/steadfast-verify.1", "Tolerate red for so long"),
        ("man1/steadfast-config-lint.1", "Reads all files"),
        ("man7/steadfast-http.7", "body_contains"),
        ("man7/steadfast-sql.7", "check.sql.expect"),
    ] {
        let roff = shop.read(&format!("man/{page}")).replace('\\', "");
        assert!(roff.contains(".TH") && roff.contains(says), "{page}:\n{roff}");
    }
    let (code, text) = shop.run(&["man", "nothing"]);
    assert!(code == 2 && text.contains("there are"), "{text}");
}
