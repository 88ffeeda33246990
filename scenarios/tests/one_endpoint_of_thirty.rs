//! 3. One page of thirty-one was gone. Whoever looks at the front page never knows.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const PAGES: usize = 31;

fn sweep(nginx: &Nginx, paths: &[String]) -> Workplace {
    Workplace::with(&format!(
        "[project]\nname = \"shop\"\n[defaults.http]\nbase_url = \"{}\"\n\
         [[check]]\nid = \"every-page\"\nsummary = \"Every page has its heading\"\n\
         [check.http]\nsweep = {paths:?}\n[check.http.expect]\nstatus = 200\nbody_contains = \"<h1>\"\n",
        nginx.url()
    ))
}

fn paths() -> Vec<String> {
    (0..PAGES).map(|n| format!("/p{n}.html")).collect()
}

fn start() -> Nginx {
    let nginx = Nginx::start(&[]);
    paths().iter().for_each(|path| nginx.write(path, &format!("<h1>{path}</h1>")));
    nginx
}

#[test]
fn the_one_that_is_gone_is_named_and_so_are_those_that_lost_their_content() {
    let nginx = start();
    let workplace = sweep(&nginx, &paths());
    workplace.run(&["verify"]).exits(0);
    nginx.remove("/p17.html");
    workplace.run(&["verify"]).exits(1).says("/p17.html").says("404").never_says("/p16.html");
    nginx.write("/p3.html", "<p>no heading</p>");
    workplace.run(&["verify"]).exits(1).says("/p17.html").says("/p3.html").says("29 of 31");
}

#[test]
fn every_single_endpoint_is_able_to_turn_the_sweep_red() {
    let nginx = start();
    let workplace = sweep(&nginx, &paths());
    for path in paths().iter().step_by(6) {
        nginx.remove(path);
        workplace.run(&["verify"]).exits(1).says(path);
        nginx.write(path, "<h1>back</h1>");
    }
    workplace.run(&["verify"]).exits(0);
}

#[test]
fn a_sweep_over_nothing_is_never_a_pass() {
    let nginx = start();
    let ran = sweep(&nginx, &[]).run(&["verify"]);
    assert!(matches!(ran.code, Some(1 | 2)), "{:?}: {}", ran.code, ran.said());
}
