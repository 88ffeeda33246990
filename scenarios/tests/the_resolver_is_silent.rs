//! The resolver of the machine is down, and every dashboard turns red: the services are well, nobody can look. What
//! the system's own lookup (getaddrinfo) says has to be told apart: a name that does not exist fails, a resolver that
//! cannot say leaves it unknown.

use std::net::SocketAddr;

use scenarios::island::{on_an_island, replace};
use scenarios::lying_resolver::LyingResolver;
use scenarios::steadfast::Workplace;

/// The name, the verdict, the finding's code. The http and tcp kinds resolve by the system, dns asks by itself.
const ROWS: &[(&str, &str, &str)] = &[
    ("nxdomain.example", "fail", "name-not-found"),
    ("servfail.example", "unknown", "resolver-failed"),
    ("refused.example", "unknown", "resolver-failed"),
    ("silence.example", "unknown", "resolver-failed"),
];

fn configuration() -> String {
    let mut text = "[project]\nname = \"names\"\n".to_owned();
    for (name, ..) in ROWS {
        let id = name.split('.').next().unwrap_or_default();
        text.push_str(&format!(
            "[[check]]\nid = \"http-{id}\"\n[check.http]\nget = \"http://{name}:1/\"\nexpect.status = 200\n\
             [[check]]\nid = \"tcp-{id}\"\n[check.tcp]\naddress = \"{name}:1\"\nexpect.within = \"9s\"\n\
             [[check]]\nid = \"dns-{id}\"\n[check.dns]\nname = \"{name}\"\nexpect.count = 1\n\
             [[check]]\nid = \"icmp-{id}\"\n[check.icmp]\naddress = \"{name}\"\nexpect.within = \"1s\"\n",
        ));
    }
    // Its own bound is over long before the C library's patience: still nothing is known of the target.
    text.push_str(
        "[[check]]\nid = \"impatient\"\ntimeout = \"300ms\"\n[check.http]\nget = \"http://silence.example:1/\"\nexpect.status = 200\n",
    );
    text
}

/// The machine's resolver is ours, and the C library asks it alone.
fn resolver_of_the_island(workplace: &Workplace) -> LyingResolver {
    replace("/etc/resolv.conf", workplace.path(), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    replace("/etc/nsswitch.conf", workplace.path(), "hosts: files dns\n");
    LyingResolver::at(SocketAddr::from(([127, 0, 0, 1], 53))).expect("port 53 of the island")
}

#[test]
fn what_the_systems_resolver_cannot_say_is_unknown() {
    on_an_island("what_the_systems_resolver_cannot_say_is_unknown", || {
        let workplace = Workplace::with(&configuration());
        let resolver = resolver_of_the_island(&workplace);
        let report = workplace.run(&["verify", "--format", "json", "--no-ledger"]);
        report.exits(1);
        for (name, verdict, code) in ROWS {
            for kind in ["http", "tcp", "dns", "icmp"] {
                let id = format!("{kind}-{}", name.split('.').next().unwrap_or_default());
                assert_eq!((report.verdict(&id).as_str(), report.codes(&id)[0].as_str()), (*verdict, *code), "{id}");
            }
        }
        assert_eq!(
            (report.verdict("impatient"), report.codes("impatient")),
            ("unknown".into(), vec!["resolver-failed".into()])
        );
        assert!(resolver.asked() > 0);
    });
}

#[test]
fn without_any_resolver_nothing_is_known_and_the_gate_cannot_tell() {
    on_an_island("without_any_resolver_nothing_is_known_and_the_gate_cannot_tell", || {
        let workplace = Workplace::with(
            "[project]\nname = \"names\"\n\
             [[check]]\nid = \"http\"\n[check.http]\nget = \"http://shop.example/\"\nexpect.status = 200\n\
             [[check]]\nid = \"dns\"\n[check.dns]\nname = \"shop.example\"\nexpect.count = 1\n",
        );
        replace("/etc/resolv.conf", workplace.path(), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        replace("/etc/nsswitch.conf", workplace.path(), "hosts: files dns\n");
        let report = workplace.run(&["verify", "--format", "json", "--no-ledger"]);
        report.exits(3);
        for id in ["http", "dns"] {
            assert_eq!((report.verdict(id), report.codes(id)), ("unknown".into(), vec!["resolver-failed".into()]));
        }
        // A resolver in a network that there is no way to says as little.
        replace("/etc/resolv.conf", workplace.path(), "nameserver 192.0.2.53\noptions timeout:1 attempts:1\n");
        let report = workplace.run(&["verify", "--format", "json", "--no-ledger"]);
        report.exits(3);
        assert_eq!(report.codes("http"), ["resolver-failed"]);
        assert_eq!(report.codes("dns"), ["network-unreachable"]);
    });
}

#[test]
fn a_closed_world_does_not_ask_the_systems_resolver_either() {
    on_an_island("a_closed_world_does_not_ask_the_systems_resolver_either", || {
        // The resolver that is asked when there is one: the test can fail.
        let workplace = Workplace::with(&configuration());
        let resolver = resolver_of_the_island(&workplace);
        workplace.run(&["verify", "--closed", "--format", "json", "--no-ledger"]).exits(3).says("not-in-this-world");
        assert_eq!(resolver.asked(), 0);
        workplace.run(&["verify", "--only", "dns-nxdomain", "--no-ledger"]).exits(1);
        assert!(resolver.asked() > 0);
    });
}
