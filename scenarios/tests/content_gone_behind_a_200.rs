//! 1. A deploy shipped a template without its content. Every page answered 200 for 88 minutes.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const WELL: &str = "<html><body><nav>Designs</nav><main><h1>Timothy</h1><h2>Meaning of the name</h2>\
                    <p>Honouring what was entrusted.</p></main><footer>1987</footer></body></html>";
const GONE: &str = "<html><body><nav>Designs</nav><main></main><footer>1987</footer></body></html>";

fn configuration(nginx: &Nginx, more: &str) -> String {
    format!(
        "[project]\nname = \"shop\"\n[targets]\nshop = \"{}\"\n[defaults.http]\nbase_url = {{ target = \"shop\" }}\n\
         [[check]]\nid = \"design-page\"\nsummary = \"A design page renders its meaning\"\n\
         [check.http]\nget = \"/d/timothy.html\"\n[check.http.expect]\nstatus = 200\n{more}\n",
        nginx.url()
    )
}

#[test]
fn the_status_code_stays_green_and_the_content_is_missed() {
    let nginx = Nginx::start(&[("d/timothy.html", WELL)]);
    let naive = Workplace::with(&configuration(&nginx, ""));
    let good = Workplace::with(&configuration(&nginx, "body_contains = \"<h2>Meaning\""));
    naive.run(&["verify", "post-deploy"]).exits(0);
    good.run(&["verify", "post-deploy"]).exits(0);

    nginx.write("d/timothy.html", GONE);
    naive.run(&["verify", "post-deploy"]).exits(0);
    good.run(&["verify", "post-deploy"]).exits(1).says("design-page").says("<h2>Meaning").says("HOLD");
    let report = good.run(&["verify", "post-deploy", "--format", "json"]);
    assert_eq!(report.exits(1).verdict("design-page"), "fail");
    assert_eq!(report.codes("design-page"), ["not-contained"]);
    assert_eq!(report.json()["decision"], "hold");

    nginx.write("d/timothy.html", WELL);
    good.run(&["verify", "post-deploy"]).exits(0);
}

#[test]
fn replay_shows_that_the_missing_expectation_would_have_caught_it() {
    let nginx = Nginx::start(&[("d/timothy.html", WELL)]);
    let workplace = Workplace::with(&configuration(&nginx, ""));
    workplace.run(&["verify"]).exits(0);
    nginx.write("d/timothy.html", GONE);
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["replay"]).exits(0);

    // The outage is over; only its record is left.
    nginx.write("d/timothy.html", WELL);
    workplace.write("steadfast.toml", configuration(&nginx, "body_contains = \"<h2>Meaning\""));
    workplace.run(&["replay"]).exits(1).says("design-page");
    workplace.run(&["verify"]).exits(0);
}

#[test]
fn a_stopped_server_is_refused_and_holds() {
    let nginx = Nginx::start(&[("d/timothy.html", WELL)]);
    let workplace = Workplace::with(&configuration(&nginx, ""));
    drop(nginx);
    let report = workplace.run(&["verify", "--format", "json"]);
    assert_eq!(report.exits(1).codes("design-page"), ["refused"]);
}
