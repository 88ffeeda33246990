//! The kind `command` with real programs.

use std::time::{Duration, Instant};

use crate::scene::{Scene, try_read};

fn check(scene: &Scene, table: &str, expected: &str) {
    assert_eq!(scene.said("command", table), expected, "{table}");
}

/// Whether a process whose command line holds this text is running.
fn is_running(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|entry| {
        let path = entry.path();
        let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(mark) && !stat.contains(") Z ")
    })
}

fn gone(mark: &str) {
    let began = Instant::now();
    while is_running(mark) {
        assert!(began.elapsed() < Duration::from_secs(10), "{mark} is still running");
        std::thread::yield_now();
    }
}

#[test]
fn the_exit_code_and_both_streams_are_judged() {
    let scene = Scene::new();
    let run = "run = 'echo all good; echo careful >&2; exit 3'\nshell = true\n";
    check(
        &scene,
        &format!("{run}expect.exit = 3\nexpect.stdout = 'all good'\nexpect.stderr = {{ contains = 'careful' }}"),
        "pass",
    );
    check(&scene, &format!("{run}expect.exit = [0, 1]"), "fail unequal");
    check(&scene, &format!("{run}expect.stderr = ''"), "fail unequal");
    check(&scene, "run = ['echo', '{\"n\": [1]}']\nexpect.json = { '$.n' = { count = 1 } }", "pass");
    check(&scene, "run = ['echo', '42']\nexpect.json = { '$' = { at_least = 43 } }", "fail out-of-bounds");
    check(&scene, "run = ['echo', 'no']\nexpect.json = { '$.n' = { absent = true } }", "fail not-json");
    check(&scene, "run = 'kill -9 $$'\nshell = true\nexpect.exit = 0", "fail unequal");
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let scene = Scene::new();
    check(
        &scene,
        "run = ['printf', '%s|', '$HOME; rm -rf /', '*', 'a  b']\nexpect.stdout = '$HOME; rm -rf /|*|a  b|'",
        "pass",
    );
}

#[test]
fn only_named_variables_pass() {
    let mut scene = Scene::new();
    scene.secrets.insert("CANARY_TOKEN".into(), "c4nary-t0ken".into());
    let names =
        "run = \"env | cut -d= -f1 | grep -vE '^(PWD|SHLVL|_|OLDPWD)$' | sort | tr '\\\\n' ' '\"\nshell = true\n";
    let all = scene.verdict("command", &format!("{names}expect.stdout = {{ excludes = 'CARGO' }}"));
    assert!(all.is_pass(), "{all:?}");
    check(&scene, &format!("{names}expect.stdout = {{ matches = '^(HOME )?(LANG )?PATH $' }}"), "pass");
    check(&scene, &format!("{names}pass_env = ['CARGO']\nexpect.stdout = {{ contains = 'CARGO' }}"), "pass");
    let token = "run = 'echo $TOKEN $MODE'\nshell = true\nenv = { TOKEN = { env = 'CANARY_TOKEN' }, MODE = 'dry' }\n";
    check(&scene, &format!("{token}expect.stdout = '*** dry'"), "pass");
    check(
        &scene,
        &token.replace("CANARY_TOKEN", "NOT_SET").replacen("shell", "expect.exit = 0\nshell", 1),
        "unknown missing-secret",
    );
}

#[test]
fn the_timeout_ends_everything_that_was_started() {
    let mut scene = Scene::new();
    scene.timeout = Some(Duration::from_millis(400));
    let began = Instant::now();
    check(&scene, "run = 'echo begun; sleep 7771 & sleep 7772'\nshell = true\nexpect.exit = 0", "fail command-timeout");
    let verdict = scene.verdict("command", "run = 'echo begun; sleep 7773'\nshell = true\nexpect.exit = 0");
    assert_eq!(verdict.findings()[0].detail, "its last line was: begun");
    check(&scene, "run = ['yes']\nexpect.exit = 0", "fail command-timeout");
    assert!(began.elapsed() < Duration::from_secs(30));
    ["sleep\u{0}7771", "sleep\u{0}7772", "sleep\u{0}7773"].into_iter().for_each(gone);
}

#[test]
fn what_a_program_leaves_behind_is_ended_and_holds_nothing_up() {
    let scene = Scene::new();
    let began = Instant::now();
    check(&scene, "run = 'sleep 7774 & echo done'\nshell = true\nexpect.stdout = 'done'", "pass");
    // One that has left the group can hold the streams: what was read until then is all that is known.
    check(
        &scene,
        "run = 'rm -f left; setsid sh -c \"touch left; exec sleep 8\" & while [ ! -e left ]; do :; done; echo done'\nshell = true\nexpect.stdout = { contains = 'done' }",
        "pass",
    );
    check(
        &scene,
        "run = 'rm -f left; setsid sh -c \"touch left; exec sleep 8\" & while [ ! -e left ]; do :; done; echo done'\nshell = true\nexpect.stdout = 'done'",
        "unknown beyond-the-cut",
    );
    assert!(began.elapsed() < Duration::from_secs(7), "it waited for what was left behind");
    gone("sleep\u{0}7774");
}

#[test]
fn a_look_that_is_given_up_leaves_nothing_behind() {
    let scene = Scene::new();
    let check = crate::scene::read("command", "run = 'touch begun; sleep 7775'\nshell = true\nexpect.exit = 0");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = scene.world();
    runtime.block_on(async {
        let mut look = check.observe(&world);
        let began = scene.root().join("begun");
        loop {
            tokio::select! {
                biased;
                _ = &mut look => panic!("it ended by itself"),
                () = tokio::task::yield_now() => if began.exists() { break },
            }
        }
        drop(look);
    });
    gone("sleep\u{0}7775");
}

#[test]
fn more_output_than_the_limit_is_said() {
    let scene = Scene::new();
    let run = "run = 'seq 1 100000; echo the end'\nshell = true\noutput_limit = '1KiB'\n";
    check(&scene, &format!("{run}expect.stdout = {{ contains = '99' }}"), "pass");
    check(&scene, &format!("{run}expect.stdout = {{ contains = 'the end' }}"), "unknown beyond-the-cut");
    check(&scene, &format!("{run}expect.stdout = {{ excludes = 'error' }}"), "unknown beyond-the-cut");
    check(&scene, &format!("{run}expect.json = {{ '$' = 1 }}"), "unknown beyond-the-cut");
}

#[test]
fn a_program_that_cannot_be_started_is_unknown() {
    let scene = Scene::new();
    check(&scene, "run = ['no-such-program']\nexpect.exit = 0", "unknown program-not-found");
    scene.write("plain.txt", "no program");
    check(&scene, "run = ['./plain.txt']\nexpect.exit = 0", "unknown program-not-found");
    check(&scene, "run = ['true']\nfolder = 'gone'\nexpect.exit = 0", "fail file-missing");
}

#[test]
fn a_closed_world_runs_nothing() {
    let mut scene = Scene::new();
    scene.routes = std::mem::take(&mut scene.routes).closed();
    check(&scene, "run = 'touch was-run'\nshell = true\nexpect.exit = 0", "unknown not-in-this-world");
    assert!(!scene.root().join("was-run").exists());
}

#[test]
fn combinations_that_cannot_be_meant_are_refused() {
    let check = |table: &str, what: &str| {
        let kind = steadfast_checks::kinds::kind_named("command").unwrap();
        match try_read(kind, table) {
            Ok(_) => panic!("{table} was read"),
            Err(problems) => assert!(problems.iter().any(|p| p.what.contains(what)), "{table}: {problems:#?}"),
        }
    };
    check("run = 'a | b'\nexpect.exit = 0", "a string without `shell = true`");
    check("run = ['a']\nshell = true\nexpect.exit = 0", "with an array");
    check("run = []\nexpect.exit = 0", "an empty command");
    check("run = ' '\nshell = true\nexpect.exit = 0", "an empty command");
    check("run = 3\nexpect.exit = 0", "an integer where");
    check("expect.exit = 0", "`run` is missing");
    check("run = ['a']\nexpect.exit = 300", "no exit code");
    check("run = ['a']\nenv = { 'A=B' = 'c' }\nexpect.exit = 0", "no name of a variable");
    check("run = ['a']\nenv = { A = 'c' }\npass_env = ['A']\nexpect.exit = 0", "is in `env` as well");
    check("run = ['a']\nexpect.json = {}", "no JSONPath");
    check("run = ['a']\nexpect.json = { 'depth' = 1 }", "invalid JSONPath");
}

#[test]
fn an_expectation_that_every_text_meets_is_dead() {
    let scene = Scene::new();
    let check =
        crate::scene::read("command", "run = ['echo', 'ok']\nexpect.exit = 0\nexpect.stdout = { matches = '' }");
    let proof = check.prove(&[&scene.look(&*check)], &[]).unwrap();
    assert_eq!(proof.dead().map(|claim| claim.claim.as_str()).collect::<Vec<_>>(), ["stdout.matches"]);
}
