//! No secret leaves: the server gives every header, parameter and body back in many encodings, and all that Steadfast
//! says or stores is searched.

use std::io::{Read, Write};

use scenarios::misbehaving::{Misbehaving, base64};
use scenarios::patience;
use scenarios::steadfast::Workplace;

const TOKEN: &str = "Zq7/sEcReT+w0rd\"&<x>~9";
const PASSWORD: &str = "correct horse: battery%staple";

/// A secret in all forms that a reader could turn back.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let percent = |keep: &str, upper: bool| -> String {
        let one = |byte: u8| match (keep.contains(char::from(byte)) || byte.is_ascii_alphanumeric(), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        secret.bytes().map(one).collect()
    };
    let json = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        percent("-._~", true),
        percent("-._~", false),
        percent("-._~", true).replace("%20", "+"),
        percent("-._*", true).replace("%20", "+"),
        percent("-._~!'()*", true),
        secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ];
    // Base64 depends on what stands before; the middle part is the same for each of the three alignments.
    for lead in ["", "a", "ab"] {
        let code = base64(format!("{lead}{secret}").as_bytes());
        let begin = if lead.is_empty() { 0 } else { 4 };
        let end = (lead.len() + secret.len()) / 3 * 4;
        forms.push(code[begin..end].to_owned());
        forms.push(code[begin..end].replace('+', "-").replace('/', "_"));
    }
    forms.iter().map(|form| form.clone().into_bytes()).collect()
}

/// The forms of both secrets that occur.
fn leaks(bytes: &[u8]) -> Vec<String> {
    let occurs = |form: &Vec<u8>| bytes.windows(form.len()).any(|part| part == form.as_slice());
    let all = forms(TOKEN).into_iter().chain(forms(PASSWORD));
    all.filter(occurs).map(|form| String::from_utf8_lossy(&form).into_owned()).collect()
}

fn workplace(server: &Misbehaving) -> Workplace {
    let mut workplace = Workplace::with(&format!(
        r#"
[project]
name = "echo"
[targets]
echo = "{url}"
[defaults.http]
base_url = {{ target = "echo" }}

[[check]]
id = "green"
summary = "The echo answers"
[check.http]
get = "/echo"
headers = {{ authorization = {{ bearer = {{ env = "CANARY_TOKEN" }} }}, x-token = {{ env = "CANARY_TOKEN" }} }}
query = {{ token = {{ env = "CANARY_TOKEN" }}, plain = "seen" }}
[check.http.expect]
status = 200

[[check]]
id = "red"
summary = "The echo says what it never says, so that its body is kept"
[check.http]
post = "/echo"
headers = {{ authorization = {{ basic = {{ user = "canary", password = {{ file = "canary.secret" }} }} }} }}
form = {{ password = {{ file = "canary.secret" }}, token = {{ env = "CANARY_TOKEN" }} }}
[check.http.expect]
status = 204
body_contains = "never there"
header = {{ x-echo-1 = {{ equals = "another" }} }}

[[check]]
id = "redirected"
summary = "A redirect that carries the secret"
[check.http]
get = "/redirect?to=/echo"
redirects = 2
headers = {{ authorization = {{ bearer = {{ env = "CANARY_TOKEN" }} }} }}
query = {{ token = {{ env = "CANARY_TOKEN" }} }}
[check.http.expect]
status = 201

[[check]]
id = "command"
summary = "A command that prints its environment"
[check.command]
run = ["env"]
env = {{ CANARY_TOKEN = {{ env = "CANARY_TOKEN" }} }}
[check.command.expect]
exit = 7
"#,
        url = server.url()
    ));
    workplace.write("canary.secret", format!("{PASSWORD}\n"));
    workplace.set("CANARY_TOKEN", TOKEN);
    workplace
}

#[test]
fn the_search_finds_what_the_server_gives_back() {
    let server = Misbehaving::start();
    let mut stream = std::net::TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(patience::BOUND)).unwrap();
    let asked = format!("GET /echo HTTP/1.1\r\nConnection: close\r\nX-Token: {TOKEN}\r\nX-Other: {PASSWORD}\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let found = leaks(&answer);
    assert!(found.len() >= 10, "{found:?}");
}

#[test]
fn in_nothing_that_is_said_or_stored_there_is_a_secret() {
    let server = Misbehaving::start();
    let workplace = workplace(&server);
    let mut searched = 0;
    let mut search = |what: &str, bytes: &[u8]| {
        searched += 1;
        assert!(leaks(bytes).is_empty(), "{what}: {:?}\n{}", leaks(bytes), String::from_utf8_lossy(bytes));
    };
    for line in [
        &["verify"][..],
        &["verify", "--format", "json", "--format", "human=report.txt", "--status-file", "status"],
        &["look", "green"],
        &["look", "red"],
        &["look", "redirected", "--format", "json"],
        &["look", "command"],
        &["prove"],
        &["prove", "--format", "json"],
        &["prove", "--recorded"],
        &["replay"],
        &["replay", "--format", "json"],
        &["config", "show"],
        &["history", "red"],
        &["ledger", "tail"],
        &["ledger", "export", "--format", "jsonl", "--bodies"],
    ] {
        let ran = workplace.run(line);
        assert_ne!(ran.code, Some(2), "{line:?}: {}", ran.said());
        search(&line.join(" "), &[ran.stdout, ran.stderr].concat());
    }
    // What was seen is there, only the secrets are not: otherwise nothing was searched.
    workplace
        .run(&["ledger", "export", "--format", "jsonl", "--bodies"])
        .exits(0)
        .says("x-token: ***")
        .says("plain=seen");
    workplace.run(&["verify"]).exits(1).says("never there");
    let mut pending = vec![workplace.path().to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if !path.ends_with("canary.secret") {
                search(&path.display().to_string(), &std::fs::read(&path).unwrap());
            }
        }
    }
    assert!(searched > 17, "only {searched} were searched");
}

#[test]
fn another_origin_never_gets_the_credentials() {
    let (ours, theirs) = (Misbehaving::start(), Misbehaving::start());
    let mut workplace = Workplace::with(&format!(
        "[project]\nname = \"echo\"\n[[check]]\nid = \"away\"\nsummary = \"s\"\n[check.http]\n\
         get = \"{}/redirect?to={}/echo\"\nredirects = 2\n\
         headers = {{ authorization = {{ bearer = {{ env = \"CANARY_TOKEN\" }} }} }}\n\
         [check.http.expect]\nstatus = 200\nbody_excludes = [\"uthorization\", \"***\"]\n",
        ours.url(),
        theirs.url()
    ));
    workplace.set("CANARY_TOKEN", TOKEN);
    workplace.run(&["verify"]).exits(0);
}
