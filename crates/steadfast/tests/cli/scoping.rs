//! `verify --changed`, `--changed-since` and `--list`, in a real git repository.

use std::process::Command;

use crate::shop::{Answer, Shop, http};

/// Checks that cover the shop's pages, its queue, and nothing; the configuration lies in a folder of the repository.
fn shop() -> Shop {
    let covering = |id: &str, paths: &str| {
        http(id, "/page", "status = 200").replace("[check.http]\n", &format!("paths = {paths}\n[check.http]\n"))
    };
    let shop = Shop::with(&format!(
        "{}{}{}",
        covering("pages", "[\"src/pages/**\", \"*.css\"]"),
        covering("queue", "[\"src/queue.rs\"]"),
        http("home", "/page", "status = 200"),
    ));
    shop.server.set("/page", Answer::Page("welcome"));
    for file in ["src/pages/a.rs", "src/queue.rs", "README.md"] {
        write(&shop, file, "one\n");
    }
    git(&shop, &["init", "--quiet", "--initial-branch=main"]);
    commit(&shop);
    shop
}

fn write(shop: &Shop, file: &str, text: &str) {
    let path = shop.path(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn git(shop: &Shop, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]).args(args);
    let output = command.current_dir(shop.folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn commit(shop: &Shop) {
    git(shop, &["add", "--all"]);
    git(shop, &["commit", "--quiet", "--message=x"]);
}

/// Runs with the PATH, on which git is; whether each part was said.
fn check(shop: &Shop, args: &[&str], exit: i32, said: &[&str]) {
    let mut command = shop.command(args);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let (code, text) = crate::shop::told(&command.output().unwrap());
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in said {
        assert!(flat.contains(part), "{part:?} is not said:\n{text}");
    }
    assert_eq!(code, exit, "{text}");
}

#[test]
fn a_change_picks_the_checks_that_cover_it_and_names_what_none_covers() {
    let shop = shop();
    check(
        &shop,
        &["verify", "post-deploy", "--changed", "src/pages/b.rs"],
        0,
        &["PROCEED post-deploy: the check holds", "pass pages"],
    );
    let said = [
        "PROCEED post-deploy: all 2 checks hold",
        "no check of gate post-deploy covers 1 of 3 changed files: README.md; name it in the `paths`",
    ];
    check(&shop, &["verify", "post-deploy", "--changed", "src/queue.rs", "README.md", "a.css"], 0, &said);
    // `*` stays within a folder, as in the files that the configuration names.
    check(
        &shop,
        &["verify", "--changed", "src/a.css"],
        3,
        &["no check covers 1 of 1 changed file: src/a.css", "CANNOT TELL no check was looked at"],
    );
}

#[test]
fn a_change_that_nothing_covers_proceeds_only_where_the_gate_says_so() {
    let shop = shop();
    check(
        &shop,
        &["verify", "post-deploy", "--changed", "README.md"],
        3,
        &["covers 1 of 1 changed file: README.md", "CANNOT TELL"],
    );
    let toml = shop.read("steadfast.toml");
    std::fs::write(
        shop.path("steadfast.toml"),
        format!("{toml}\n[gate.post-deploy]\nwhen_nothing_matches = \"proceed\"\n"),
    )
    .unwrap();
    check(
        &shop,
        &["verify", "post-deploy", "--changed", "README.md"],
        0,
        &["PROCEED post-deploy: no check covers the change", "README.md"],
    );
    // Another gate did not say so, and a gate without a change has no excuse.
    check(&shop, &["verify", "watch", "--changed", "README.md"], 3, &["CANNOT TELL"]);
    check(&shop, &["verify", "boot"], 3, &["CANNOT TELL"]);
    std::fs::write(
        shop.path("steadfast.toml"),
        format!("{toml}\n[gate.post-deploy]\nwhen_nothing_matches = \"pass\"\n"),
    )
    .unwrap();
    check(&shop, &["verify", "post-deploy", "--changed", "README.md"], 2, &["when_nothing_matches", "proceed"]);
}

#[test]
fn git_tells_what_changed_committed_or_not_and_where_a_branch_left() {
    let shop = shop();
    check(&shop, &["verify", "--changed-since", "main"], 3, &["nothing has changed"]);
    git(&shop, &["checkout", "--quiet", "-b", "topic"]);
    write(&shop, "src/pages/a.rs", "two\n");
    check(
        &shop,
        &["verify", "--changed-since", "main", "--list"],
        0,
        &["run pages covers src/pages/a.rs", "- queue covers nothing"],
    );
    commit(&shop);
    check(
        &shop,
        &["verify", "--changed-since", "main", "--list"],
        0,
        &["1 check of 3 would run", "run pages covers src/pages/a.rs"],
    );
    // What main did meanwhile is no change of this branch.
    git(&shop, &["checkout", "--quiet", "main"]);
    write(&shop, "src/queue.rs", "two\n");
    commit(&shop);
    git(&shop, &["checkout", "--quiet", "topic"]);
    check(&shop, &["verify", "--changed-since", "main", "--list"], 0, &["1 check of 3 would run", "run pages"]);
    // A file that git does not know yet, and one that moved away under a name with a space.
    write(&shop, "new.md", "new\n");
    git(&shop, &["mv", "src/queue.rs", "src/a queue.rs"]);
    check(
        &shop,
        &["verify", "--changed-since", "main"],
        0,
        &["pass queue", "pass pages", "no check covers 2 of 4 changed files: new.md, src/a queue.rs"],
    );
}

#[test]
fn a_configuration_below_the_repository_sees_its_own_files_and_names_the_others() {
    let shop = shop();
    std::fs::create_dir(shop.path("deploy")).unwrap();
    let toml = shop.read("steadfast.toml").replace("src/queue.rs", "queue/**");
    std::fs::write(shop.path("deploy/steadfast.toml"), toml).unwrap();
    commit(&shop);
    write(&shop, "deploy/queue/a.rs", "new\n");
    write(&shop, "README.md", "two\n");
    let said = ["run queue covers queue/a.rs", "no check covers 1 of 2 changed files: ../README.md"];
    check(&shop, &["verify", "--config", "deploy/steadfast.toml", "--changed-since", "HEAD", "--list"], 0, &said);
    let args = ["verify", "--config", "deploy/steadfast.toml", "--list", "--changed", "deploy/queue/a.rs", "README.md"];
    check(&shop, &args, 0, &said);
}

#[test]
fn what_git_does_not_know_and_a_gate_in_the_wrong_place_are_refused() {
    let shop = shop();
    for (args, said) in [
        (&["verify", "--changed-since", "mian"][..], "git knows no such commit, branch or tag"),
        (&["verify", "--changed-since=--output=x"], "git knows no such commit"),
        (&["verify", "--changed", "a.rs", "post-deploy"], "write the gate first: verify post-deploy --changed"),
        (&["verify", "--list", "--hold", "1s"], "cannot be used with"),
    ] {
        check(&shop, args, 2, &[said]);
    }
    assert!(!shop.path("x").exists());
    std::fs::remove_dir_all(shop.path(".git")).unwrap();
    check(&shop, &["verify", "--changed-since", "main"], 2, &["is in no repository"]);
}

#[test]
fn the_list_says_why_each_check_would_run_or_not() {
    let shop = shop();
    check(&shop, &["verify", "post-deploy", "--list"], 0, &["3 checks of 3 would run", "run home at post-deploy"]);
    let said = ["run pages --only pages", "- queue not named by --only"];
    check(&shop, &["verify", "--only", "pages", "--list"], 0, &said);
    let said = ["- home only at post-deploy", "CANNOT TELL no check would be looked at"];
    check(&shop, &["verify", "boot", "--list"], 3, &said);
    check(&shop, &["verify", "--changed", "a.css", "--list"], 0, &["- home has no `paths`, so no change picks it"]);
    assert!(!shop.path(".steadfast").exists(), "a list looks at nothing and records nothing");
}
