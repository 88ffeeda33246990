//! `import`: what a configuration of another tool asks for is asked for here, and what is not is said.

use scenarios::steadfast::Workplace;

/// The file that is made of `text`, spaces folded, and what was said.
#[track_caller]
fn check(format: &str, text: &str, holds: &[&str], never: &[&str]) {
    let folder = Workplace::new();
    folder.write("given", text);
    folder.run(&["import", format, "given", "--out", "made.toml"]).exits(0);
    let made = std::fs::read_to_string(folder.path().join("made.toml")).unwrap();
    holds.iter().for_each(|part| assert!(made.contains(part), "`{part}` is missing in:\n{made}"));
    never.iter().for_each(|part| assert!(!made.contains(part), "`{part}` stands in:\n{made}"));
}

#[test]
fn of_two_bounds_on_one_thing_the_strictest_is_kept_in_any_order() {
    for conditions in [
        r#""[RESPONSE_TIME] < 300", "[RESPONSE_TIME] < 800", "[CERTIFICATE_EXPIRATION] > 240h", "[CERTIFICATE_EXPIRATION] > 48h""#,
        r#""[RESPONSE_TIME] < 800", "[RESPONSE_TIME] < 300", "[CERTIFICATE_EXPIRATION] > 48h", "[CERTIFICATE_EXPIRATION] > 240h""#,
    ] {
        let text = format!(
            "endpoints: [{{ name: shop, url: https://shop.example/, conditions: [\"[STATUS] == 200\", {conditions}] }}]"
        );
        check("gatus", &text, &["within = \"300ms\"", "days_left = { at_least = 10 }"], &["800ms"]);
    }
}

#[test]
fn a_request_of_curl_that_cannot_be_made_is_not_made_into_another_one() {
    for (command, why) in [
        ("curl -d @order.json https://shop.example/orders", "`-d @order.json`: a body stands in the file of checks"),
        ("curl -F a=b https://shop.example/upload", "`-F`: no multipart form is sent"),
        ("curl -T backup.tar https://shop.example/backup", "`-T`: a body stands in the file of checks"),
        ("curl ftp://files.example/x", "`ftp://` is not asked for here"),
        ("curl 'https://shop.example/[1-1000]'", "curl makes more than 64 addresses of it"),
    ] {
        check(
            "curl",
            &format!("curl https://shop.example/\n{command}\n"),
            &[why, "get = \"https://shop.example/\""],
            &["/orders\"", "/upload\"", "/backup\"", "post =", "put ="],
        );
    }
}

#[test]
fn what_curl_was_told_is_told_here() {
    let pattern = "curl -s 'http://shop.example/{health,ready}' | grep -q '\"status\":\"ok\"'";
    let parts = ["get = \"http://shop.example/health\"", "/ready\"", r#"body_contains = ['"status":"ok"']"#];
    check("curl", pattern, &parts, &["status 200 is a guess"]);
    check("curl", "curl http://shop.example/ | jq -e .ok", &["`| jq`: what it makes of the answer is not read"], &[]);
    let alone = "curl --max-redirs 3 --resolve '*:80:127.0.0.1' -H 'accept: a/b' -H 'accept: c/d' http://shop.example/";
    check("curl", alone, &[":80:127.0.0.1:80", "accept = \"a/b, c/d\""], &["redirects"]);
    check("curl", "curl -L --max-redirs 3 http://shop.example/", &["redirects = 3"], &[]);
    let twice = "curl 'http://shop.example/list?tag=a&tag=b&api_key=hunter2hunter2'";
    check("curl", twice, &["list?tag=a&tag=b\"", "query = { api_key = { env ="], &["hunter2"]);
}
