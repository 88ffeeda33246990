//! A team had a compose file, a Dockerfile, a fly.toml, a Procfile, a `.env` and an OpenAPI document, and no check at
//! all: everything that a first check needs stood there already. `steadfast init` reads them, looks at what is up, and
//! says what it could not see. No value of `.env` goes anywhere.

use std::io::Write as _;
use std::path::Path;

use scenarios::nginx::Nginx;
use scenarios::postgres::Postgres;
use scenarios::redis::Redis;
use scenarios::steadfast::{Ran, Workplace};

const FRONT: &str = "<!doctype html><html><head><title>Shop</title></head><body><main><h1>Names and their meanings</h1>\
                     <p>Seven designs, cut in wood.</p></main></body></html>";
const HEALTH: &str = r#"{"queue_depth":3,"database":"reachable","workers":[{"name":"a"}]}"#;
const DESIGNS: &str = r#"{"designs":[{"name":"Timothy","wood":"oak"},{"name":"Ada","wood":"ash"}]}"#;

const DOCKERFILE: &str = "FROM node:22 AS build\nEXPOSE 9999\nFROM nginx:1.29\nENV PORT=80\nEXPOSE ${PORT}\n\
                          HEALTHCHECK CMD curl -f http://localhost:${PORT}/api/health.json || exit 1\n";
const FLY: &str = "app = \"shop\"\n[deploy]\nrelease_command = \"bin/migrate\"\n[http_service]\ninternal_port = 80\n\
                   force_https = true\n[[mounts]]\nsource = \"shop_data\"\ndestination = \"/data\"\n";
const PROCFILE: &str = "web: bin/serve --port $PORT\nworker: bin/work\n";
const ENV: &str = "DATABASE_URL=postgres://shop:correct-horse-battery@db/shop\nSTRIPE_SECRET_KEY='correct-horse-battery'\n\
                   SIGNING_KEY=\"-----BEGIN\ncorrect-horse-battery=\n-----END\"\nMAILER_DSN=smtp://correct-horse-battery@mail\n";

fn compose(web: u16, database: u16) -> String {
    format!(
        "name: shop\nservices:\n  web:\n    build: .\n    ports: [\"{web}:80\"]\n  db:\n    image: postgres:17\n    \
         environment: {{ POSTGRES_DB: postgres, POSTGRES_PASSWORD: correct-horse-battery }}\n    ports: \
         [\"127.0.0.1:${{DB_PORT:-{database}}}:5432\"]\n  cache:\n    image: redis:8\n    ports: [\"1:6379\"]\n  \
         worker:\n    image: shop/worker\n    expose: [\"9000\"]\n"
    )
}

fn openapi(port: u16) -> String {
    format!(
        "openapi: 3.1.0\nservers: [{{ url: 'http://localhost:{port}/api' }}]\npaths:\n  /health.json: {{ get: {{}} }}\n  \
         /designs.json: {{ get: {{}} }}\n  /designs/{{id}}: {{ get: {{ parameters: [{{ $ref: '#/components/parameters/id' \
         }}] }} }}\n  /round: {{ $ref: '#/paths/~1round' }}\ncomponents: {{ parameters: {{ id: {{ $ref: \
         '#/components/parameters/id' }} }} }}\n"
    )
}

/// A project over these ports, with everything that describes it.
fn project(web: u16, database: u16) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("compose.yaml", compose(web, database));
    workplace.write("Dockerfile", DOCKERFILE);
    workplace.write("fly.toml", FLY);
    workplace.write("Procfile", PROCFILE);
    workplace.write(".env", ENV);
    workplace.write("openapi.yaml", openapi(web));
    workplace
}

fn site() -> Nginx {
    Nginx::start(&[("/index.html", FRONT), ("/api/health.json", HEALTH), ("/api/designs.json", DESIGNS)])
}

fn database() -> Postgres {
    let postgres = Postgres::start();
    postgres.sql("postgres", "create table designs (id int); insert into designs select generate_series(1, 40)");
    postgres
}

/// Nothing secret is in what was said, and in no file but the one that it comes from.
#[track_caller]
fn nothing_leaks(workplace: &Workplace, ran: &Ran) {
    ran.never_says("correct-horse");
    let ours = [workplace.path().to_owned(), workplace.path().join(".steadfast")];
    for entry in ours.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        let given = [".env", "compose.yaml"].iter().any(|name| entry.file_name() == *name);
        let text = std::fs::read(entry.path()).unwrap_or_default();
        let leak = text.windows(13).any(|window| window == b"correct-horse");
        assert!(given || !leak, "{}", entry.path().display());
    }
}

fn written(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("steadfast.toml")).expect("the configuration")
}

#[test]
fn what_is_up_is_checked_and_what_is_not_waits_with_its_reason() {
    let (nginx, postgres) = (site(), database());
    let workplace = project(nginx.http().port(), postgres.port());
    let ran = workplace.run(&["init"]);
    ran.exits(0)
        .says("at least 20 rows in public.designs")
        .says("/api/health.json")
        .says("`cache` publishes its port 6379 as 1")
        .says("nothing listens there now")
        .says("port 9000 of `worker` is not reachable from here")
        .says("`web` listens on $PORT")
        .says("init dials only this machine and what --url names")
        .says("2 further GETs of openapi.yaml")
        .says(".env              4 names, no value");
    nothing_leaks(&workplace, &ran);
    let text = written(workplace.path());
    for part in [
        "database-url = { env = \"DATABASE_URL\" }",
        "#mailer-dsn = { env = \"MAILER_DSN\" }",
        "{ env = \"STRIPE_SECRET_KEY\" }",
        "#[check.tcp]",
        "#folder = \"/data\"",
        "#[check.http]\n#base_url = { target = \"shop\" }\n#get = \"/\"",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    workplace.run(&["config", "lint"]).exits(0).says("no problem");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");

    // What a status code does not tell, it does.
    nginx.write("/api/health.json", "{}");
    postgres.sql("postgres", "delete from designs where id > 3");
    let report = workplace.run(&["verify", "--format", "json"]);
    report.exits(1);
    assert_eq!(report.verdict("web"), "pass");
    assert_eq!(report.verdict("web-api-health-json"), "fail");
    assert_eq!(report.verdict("db"), "fail");
}

#[test]
fn where_nothing_is_up_the_file_holds_proposals_that_are_checks_once_they_are_taken_in() {
    let workplace = project(1, 2);
    // Taken in, what it speaks of would be dialled out there.
    std::fs::remove_file(workplace.path().join("fly.toml")).expect("a file less");
    let ran = workplace.run(&["init"]);
    ran.exits(3).says("Nothing that these files speak of is up").says("proposed, as comments");
    nothing_leaks(&workplace, &ran);
    workplace.run(&["config", "lint"]).exits(0).says("no check yet");
    workplace.run(&["verify"]).exits(3);
    let text = written(workplace.path());
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("#:");
    let lines = text.lines().map(|line| if is_setting(line) { &line[1..] } else { line });
    workplace.write("steadfast.toml", lines.map(|line| format!("{line}\n")).collect::<String>());
    workplace.run(&["config", "lint"]).exits(0).says("checks, no problem");
    // Nothing that was put off passes by itself.
    let report = workplace.run(&["verify", "--format", "json"]);
    let passed: Vec<&str> =
        ["web", "db", "cache", "api"].into_iter().filter(|id| report.verdict(id) == "pass").collect();
    assert!(passed.is_empty(), "{passed:?}");
}

#[test]
fn an_api_whose_answers_have_something_in_common_becomes_one_sweep() {
    let page = |name: &str| format!("<main><h1>{name}</h1><h2>What it means to us</h2></main>");
    let nginx = Nginx::start(&[("/api/health.json", ""), ("/api/designs.json", "")]);
    nginx.write("/api/health.json", r#"{"status":"all is well here","of":"health"}"#);
    nginx.write("/api/designs.json", r#"{"status":"all is well here","of":"designs"}"#);
    nginx.write("/index.html", &page("Shop"));
    let workplace = Workplace::new();
    workplace.write("openapi.yaml", openapi(nginx.http().port()));
    workplace.run(&["init"]).exits(0).says("GET 2 operations of openapi.yaml");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
    nginx.write("/api/designs.json", "{}");
    workplace.run(&["verify"]).exits(1).says("/api/designs.json");
}

#[test]
fn files_that_are_hostile_are_said_and_the_others_are_used() {
    let nginx = site();
    let workplace = Workplace::new();
    workplace.write("compose.yaml", format!("services:\n  web:\n    ports: [\"{}:80\"]\n", nginx.http().port()));
    std::fs::create_dir(workplace.path().join("Dockerfile")).expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(workplace.path().join("Procfile")).status();
    assert!(made.expect("mkfifo").success());
    // Opens, and cannot be read, not even by root.
    std::os::unix::fs::symlink("/proc/self/mem", workplace.path().join(".env")).expect("a link");
    std::os::unix::fs::symlink("/dev/zero", workplace.path().join("fly.toml")).expect("a link");
    workplace.write("openapi.json", r#"{"openapi": "3.1.0", "paths": {"/a": {"get":"#);
    workplace.write("swagger.json", vec![b' '; 10 << 20]);
    for folder in ["bomb", "deep"] {
        std::fs::create_dir(workplace.path().join(folder)).expect("a folder");
    }
    let bomb: String = (0..40).map(|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)).collect();
    workplace.write("bomb/compose.yaml", format!("a0: &a0 [x, x]\n{bomb}services: {{ a: *a40 }}\n"));
    workplace.write("bomb/openapi.yaml", format!("openapi: 3.1.0\na0: &a0 [x, x]\n{bomb}paths: *a40\n"));
    workplace.write("deep/compose.yaml", "[".repeat(1 << 20));
    let ran = workplace.run(&["init"]);
    ran.exits(0)
        .says("verified: 1 check holds")
        .says("Dockerfile        it was not read: it is a folder")
        .says("Procfile          it was not read: it is a pipe")
        .says(".env              it was not read: Input/output error")
        .says("fly.toml          it was not read: it is a device")
        .says("openapi.json      it is no JSON: EOF")
        .says("swagger.json      it was not read: it is longer than 8 MiB")
        .says("it is more than 200000")
        .says("budget")
        .never_says("*a14")
        .says("nothing of it was used");
    workplace.run(&["config", "lint"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

/// A project of one service behind one port.
fn service(image: &str, port: u16, inside: u16) -> Workplace {
    let workplace = Workplace::new();
    let text = format!("services:\n  thing:\n    image: {image}\n    ports: [\"{port}:{inside}\"]\n");
    workplace.write("compose.yaml", text);
    workplace
}

#[test]
fn a_cache_answers_as_itself_or_says_that_it_wants_a_password() {
    let open = Redis::start(None);
    let workplace = service("redis:8", open.port(), 6379);
    workplace.run(&["init"]).exits(0).says("says \"+PONG\"");
    workplace.run(&["prove"]).exits(0).says("PROVEN");
    let closed = Redis::start(Some("correct-horse-battery"));
    let workplace = service("redis:8", closed.port(), 6379);
    workplace.run(&["init"]).exits(3).says("it says \"-NOAUTH").says("in the place of \"+PONG\"");
    // Another server on that port is none of the kind.
    let nginx = site();
    let workplace = service("redis:8", nginx.http().port(), 6379);
    workplace.run(&["init"]).exits(3).says("in the place of \"+PONG\"");
}

#[test]
fn a_port_that_says_nothing_of_itself_is_held_to_nothing() {
    let redis = Redis::start(None);
    let workplace = service("shop/own", redis.port(), 7000);
    workplace.run(&["init"]).exits(3).says("speaks no HTTP and greets nobody").says("Nothing was written");
    assert!(!workplace.path().join("steadfast.toml").exists());
}

#[test]
fn a_service_that_greets_is_held_to_its_greeting() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    // It serves as long as the test lives.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(b"220 mail.shop.example ESMTP ready\r\n"));
        }
    });
    let workplace = service("shop/mail", port, 2500);
    workplace.run(&["init"]).exits(0).says("says \"220 mail.shop.example");
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

#[test]
fn a_port_with_tls_is_described_once_its_root_is_trusted() {
    let nginx = site();
    let workplace = service("shop/web", nginx.tls().port(), 443);
    workplace.run(&["init"]).exits(3).says("bad-certificate");
    std::fs::remove_file(workplace.path().join("steadfast.toml")).expect("a file less");
    let roots = nginx.authority();
    workplace.run(&["init", "--roots", roots.to_str().expect("a path")]).exits(0).says("https://localhost:");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

#[test]
fn what_the_files_ask_for_is_looked_at_on_the_site_that_url_names() {
    let nginx = site();
    let workplace = Workplace::new();
    workplace.write("Dockerfile", "FROM x\nHEALTHCHECK CMD wget -q http://127.0.0.1:8080/api/health.json\n");
    workplace.write("openapi.json", r#"{"openapi": "3.0.3", "paths": {"/api/designs.json": {"get": {}}}}"#);
    let ran = workplace.run(&["init", "--url", &nginx.url()]);
    ran.exits(0).says("api-health-json").says("GET 1 operation of openapi.json").never_says("proposed");
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}
