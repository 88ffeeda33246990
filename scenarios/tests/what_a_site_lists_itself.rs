//! A page that nobody wrote a check for broke, and nobody knew. A site lists its own pages: its sitemap, its API's
//! document. A sweep over such a list grows with the site.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const PAGE: &str = "<main><h2>Meaning</h2></main>";

fn site() -> Nginx {
    let nginx = Nginx::start(&[("/a.html", PAGE), ("/b.html", PAGE), ("/health", PAGE)]);
    let url = nginx.url();
    let list = |tag: &str, below: &str, paths: &[&str]| {
        let entries: String = paths.iter().map(|path| format!("<{below}><loc>{url}{path}</loc></{below}>")).collect();
        format!("<?xml version=\"1.0\"?><{tag} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{entries}</{tag}>")
    };
    nginx.write("/sitemap.xml", &list("sitemapindex", "sitemap", &["/pages.xml"]));
    nginx.write("/pages.xml", &list("urlset", "url", &["/a.html", "/b.html"]));
    nginx.write(
        "/openapi.json",
        r#"{"openapi": "3.1.0", "paths": {"/health": {"get": {}}, "/orders/{id}": {"get": {"parameters":
           [{"name": "id", "in": "path", "required": true}]}}}}"#,
    );
    nginx
}

fn sweep(nginx: &Nginx, from: &str, endpoints: u32) -> Workplace {
    let workplace = Workplace::with(&format!(
        "[project]\nname = \"site\"\n[[check]]\nid = \"pages\"\n[check.http]\nbase_url = \"{}\"\nsweep_from = {from}\n\
         [check.http.expect]\nstatus = 200\nbody_contains = \"<h2>Meaning\"\nendpoints = {{ at_least = {endpoints} }}\n",
        nginx.url()
    ));
    workplace.write("pages.txt", "# what we sell\n/a.html\n\n/b.html\n");
    workplace
}

#[test]
fn every_page_of_a_sitemap_is_looked_at_and_one_that_broke_is_named() {
    let nginx = site();
    let workplace = sweep(&nginx, "{ sitemap = \"/sitemap.xml\" }", 2);
    workplace.run(&["verify"]).exits(0);
    nginx.write("/b.html", "<main></main>");
    workplace.run(&["verify"]).exits(1).says("/b.html");
    nginx.write("/b.html", PAGE);
    workplace.run(&["verify"]).exits(0);
    workplace.run(&["prove"]).exits(0).says("PROVEN");
}

#[test]
fn a_list_in_a_file_and_the_document_of_an_api_are_lists_as_well() {
    let nginx = site();
    let lines = sweep(&nginx, "{ lines = { file = \"pages.txt\" } }", 2);
    lines.run(&["verify"]).exits(0);
    nginx.remove("/a.html");
    lines.run(&["verify"]).exits(1).says("/a.html");
    let api = sweep(&nginx, "{ openapi = \"/openapi.json\" }", 1);
    api.run(&["verify"]).exits(0);
    nginx.write("/health", "all is well");
    api.run(&["verify"]).exits(1).says("/health");
}

#[test]
fn a_list_that_is_empty_half_or_gone_is_no_pass() {
    let nginx = site();
    let workplace = sweep(&nginx, "{ sitemap = \"/sitemap.xml\" }", 2);
    for wrong in
        ["<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"></urlset>", "<urlset><url><loc>http", "", "[]"]
    {
        nginx.write("/sitemap.xml", wrong);
        workplace.run(&["verify"]).exits(1);
    }
    nginx.remove("/sitemap.xml");
    workplace.run(&["verify"]).exits(1);
    // Ten megabytes of entries: more than a sweep asks for, and said so.
    let entries = format!("<url><loc>{}/a.html</loc></url>", nginx.url()).repeat(200_000);
    nginx.write(
        "/sitemap.xml",
        &format!("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{entries}</urlset>"),
    );
    let large = workplace.run(&["verify"]);
    assert!(matches!(large.code, Some(0 | 1 | 3)), "{}", large.said());
    large.never_says("panicked");
}
