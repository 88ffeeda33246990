//! The units that the Debian package brings: what their command line does, as it stands there.

use scenarios::nginx::Nginx;
use scenarios::steadfast::Workplace;

const SERVICE: &str = include_str!("../../packaging/systemd/steadfast@.service");

#[test]
fn the_service_runs_the_gate_watch_of_its_instance_and_records_it() {
    let nginx = Nginx::start(&[("index.html", "all is well")]);
    let check = |id: &str, gate: &str, word: &str| {
        format!(
            "[[check]]\nid = \"{id}\"\ngates = [\"{gate}\"]\n[check.http]\nget = \"{}/\"\n\
             [check.http.expect]\nbody_contains = \"{word}\"\n",
            nginx.url()
        )
    };
    let workplace = Workplace::new();
    for folder in ["etc/steadfast/shop", "var/lib/steadfast/shop"] {
        std::fs::create_dir_all(workplace.path().join(folder)).expect("a folder");
    }
    let configuration = format!(
        "[project]\nname = \"shop\"\n{}{}",
        check("page", "watch", "well"),
        check("ship", "pre-deploy", "nothing")
    );
    workplace.write("etc/steadfast/shop/steadfast.toml", configuration);

    let line =
        SERVICE.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/steadfast ")).expect("its command");
    let line = line.replace("%i", "shop").replace(" /", &format!(" {}/", workplace.path().display()));
    let arguments: Vec<&str> = line.split_whitespace().collect();
    workplace.run(&arguments).exits(0).says("PROCEED").never_says("ship");
    nginx.write("index.html", "all is lost");
    workplace.run(&arguments).exits(1).says("HOLD");

    let ledger = workplace.path().join("var/lib/steadfast/shop/ledger.db");
    assert!(ledger.is_file(), "nothing was recorded where StateDirectory= lets it");
    assert!(SERVICE.contains("StateDirectory=steadfast/%i\n"));
}
