//! `dns` against the servers that people run (bind9, knot, unbound), and against one that lies.

use std::time::Duration;

use scenarios::lying_resolver::LyingResolver;
use scenarios::names::{Names, ZONE};

use crate::scene::{Scene, read, try_read};

/// A check by unbound.
fn by(names: &Names, rest: &str) -> String {
    format!("resolver = \"{}\"\n{rest}", names.resolver())
}

/// A scene whose routes lead to the zone's name servers.
fn scene_of(names: &Names) -> Scene {
    let mut scene = Scene::new();
    for (from, to) in names.routes() {
        scene.routes.add(&from, &to, &scene.targets).unwrap();
    }
    scene
}

#[test]
fn every_type_of_record_is_read_from_a_real_resolver() {
    let names = Names::start();
    let scene = Scene::new();
    let check = |name: &str, record: &str, expect: &str, said: &str| {
        let table = by(&names, &format!("name = \"{name}\"\nrecord = \"{record}\"\n[expect]\n{expect}"));
        assert_eq!(scene.said("dns", &table), said, "{name} {record}: {:?}", scene.verdict("dns", &table));
    };
    check("shop.example", "A", "equals = ['192.0.2.8', '192.0.2.7']\nttl = { at_most = 300 }\nwithin = '5s'", "pass");
    check("shop.example", "A", "equals = '192.0.2.7'", "fail unequal");
    check("shop.example", "A", "contains = '192.0.2.9'", "fail not-contained");
    check("shop.example", "A", "excludes = '192.0.2.8'", "fail forbidden");
    check("shop.example", "A", "count = { at_least = 3 }", "fail out-of-bounds");
    check("week.example", "A", "ttl = { at_most = 3600 }", "fail out-of-bounds");
    check("Shop.Example.", "AAAA", "equals = '2001:DB8:0:0::7'", "pass");
    check("shop.example", "MX", "equals = '10 Mail.Example.'", "pass");
    check("shop.example", "TXT", "equals = 'v=spf1 -all'\nmatches = '^v=spf1 '", "pass");
    check("shop.example", "TXT", "matches = 'p=reject'", "fail no-match");
    check("shop.example", "CAA", "equals = '0 issue \"letsencrypt.org\"'", "pass");
    check("_sip._tcp.shop.example", "SRV", "equals = '0 5 443 a.shop.example'", "pass");
    check("example", "NS", "equals = ['ns1.example', 'ns2.example']", "pass");
    check("example", "SOA", "matches = '^ns1.example hostmaster.example 7 '", "pass");
    check("www.example", "CNAME", "equals = 'shop.example'", "pass");
    check("192.0.2.7", "PTR", "equals = 'shop.example'", "pass");
    check("www.example", "A", "target = 'shop.example'\naliases = 'shop.example'\ncount = 2", "pass");
    check("www.example", "A", "target = 'cdn.example'", "fail unequal");
    check("www.example", "A", "aliases = 'cdn.example'", "fail not-contained");
}

#[test]
fn a_name_that_is_not_there_is_told_from_one_without_such_a_record() {
    let names = Names::start();
    let scene = Scene::new();
    let check = |name: &str, expect: &str, said: &str| {
        let table = by(&names, &format!("name = \"{name}\"\n[expect]\n{expect}"));
        assert_eq!(scene.said("dns", &table), said, "{name}: {:?}", scene.verdict("dns", &table));
    };
    check("nobody.example", "within = '5s'", "fail name-not-found");
    check("only.text.example", "within = '5s'", "fail no-such-record");
    // An empty non-terminal: a name that is there because one beneath it is.
    check("text.example", "within = '5s'", "fail no-such-record");
    // An address of one family says nothing of the other.
    check("week.example", "count = 1", "pass");
    check("week.example", "absent = 'nodata'", "fail forbidden");
    let other_family = |expect: &str| by(&names, &format!("name = 'week.example'\nrecord = 'AAAA'\nexpect.{expect}"));
    assert_eq!(scene.said("dns", &other_family("within = '5s'")), "fail no-such-record");
    assert_eq!(scene.said("dns", &other_family("absent = 'nodata'")), "pass");
    assert_eq!(scene.said("dns", &other_family("absent = 'nxdomain'")), "fail unequal");
    check("nobody.example", "contains = '192.0.2.7'", "fail name-not-found missing");
    check("nobody.example", "absent = 'nxdomain'", "pass");
    check("nobody.example", "absent = 'either'", "pass");
    check("nobody.example", "absent = 'nodata'", "fail unequal");
    check("only.text.example", "absent = 'nodata'", "pass");
    check("only.text.example", "absent = 'nxdomain'", "fail unequal");
    check("shop.example", "absent = 'either'", "fail forbidden");
    // The alias is there, the bucket it leads to is not.
    check("gone.example", "within = '5s'", "fail name-not-found");
}

#[test]
fn a_resolver_that_cannot_say_leaves_the_name_unknown() {
    let names = Names::start();
    let scene = Scene::new();
    let check = |resolver: &str, name: &str, detail: &str| {
        let table = format!("resolver = \"{resolver}\"\nname = \"{name}\"\nexpect.within = '9s'");
        let verdict = scene.verdict("dns", &table);
        assert_eq!(verdict.word(), "unknown", "{verdict:?}");
        assert_eq!(verdict.findings()[0].code, "resolver-failed", "{verdict:?}");
        assert!(verdict.findings()[0].detail.contains(detail), "{verdict:?}");
    };
    // unbound is refused by whom it has to ask; bind9 is no resolver; and nobody listens on the last.
    check(&names.resolver().to_string(), "shop.broken", "SERVFAIL");
    check(&names.ns1().to_string(), "shop.elsewhere.test", "REFUSED");
    check("127.0.0.1:1", "shop.example", "refused");
}

#[test]
fn aliases_in_a_circle_are_found_behind_a_resolver_that_gives_up() {
    let names = Names::start();
    let scene = Scene::new();
    // unbound, which says SERVFAIL and no more; bind9, which says it with the aliases; knot, which just shows them.
    for resolver in [names.resolver(), names.ns1(), names.ns2()] {
        let said = |name: &str, expect: &str| {
            let table = format!("resolver = \"{resolver}\"\nname = '{name}'\nexpect.{expect}");
            (scene.said("dns", &table), scene.verdict("dns", &table))
        };
        let (circle, why) = said("left.example", "within = '9s'");
        assert_eq!(circle, "fail alias-circle", "{resolver}: {why:?}");
        let (absent, why) = said("left.example", "absent = 'either'");
        assert_eq!(absent, "fail alias-circle", "{resolver}: {why:?}");
        // Asked for the alias itself there is no circle to see.
        let table = format!(
            "resolver = \"{resolver}\"\nname = 'left.example'\nrecord = 'CNAME'\nexpect.equals = 'right.example'"
        );
        assert_eq!(scene.said("dns", &table), "pass", "{resolver}");
    }
}

#[test]
fn what_does_not_fit_into_a_packet_comes_over_tcp_and_tls_shows_whom_it_asks() {
    let mut names = Names::start();
    let scene = Scene::new();
    let seen = |table: &str| {
        let check = read("dns", table);
        let sighting = scene.look(&*check);
        let verdict = check.judge(&sighting);
        let over = serde_json::to_value(sighting.stored()).unwrap()["outcome"]["seen"]["over"].clone();
        let codes: Vec<String> = verdict.findings().iter().map(|finding| finding.code.to_string()).collect();
        format!("{} {} {}", verdict.word(), over.as_str().unwrap_or_default(), codes.join(" ")).trim().to_owned()
    };
    let big = "name = 'big.example'\nrecord = 'TXT'\nexpect.count = 40";
    assert_eq!(seen(&by(&names, big)), "pass tcp");
    assert_eq!(seen(&by(&names, "name = 'shop.example'\nexpect.count = 2")), "pass udp");
    assert_eq!(seen(&by(&names, "name = 'shop.example'\ntransport = 'tcp'\nexpect.count = 2")), "pass tcp");
    let dot = |names: &Names, rest: &str| {
        format!(
            "resolver = \"{}\"\nname = 'shop.example'\ntransport = 'tls'\n{rest}\nexpect.count = 2",
            names.resolver_over_tls()
        )
    };
    let roots = format!("roots = \"{}\"", names.authority().display());
    let named = format!("server_name = 'localhost'\n{roots}");
    assert_eq!(seen(&dot(&names, &named)), "pass tls");
    assert_eq!(seen(&dot(&names, &roots)), "pass tls");
    assert_eq!(seen(&dot(&names, "server_name = 'localhost'")), "fail  bad-certificate");
    assert_eq!(seen(&dot(&names, &format!("server_name = 'dns.example'\n{roots}"))), "fail  bad-certificate");
    names.restart_resolver("expired");
    let roots = format!("server_name = 'localhost'\nroots = \"{}\"", names.authority().display());
    assert_eq!(seen(&dot(&names, &roots)), "fail  bad-certificate");
}

#[test]
fn the_zones_own_servers_are_asked_and_compared() {
    let names = Names::start();
    let scene = scene_of(&names);
    let table =
        |name: &str, expect: &str| by(&names, &format!("name = '{name}'\nauthoritative = true\n[expect]\n{expect}"));
    let all = "agree = true\nfresh = true\nserials = true\nservers = 2\nttl = { between = [300, 300] }";
    for name in ["shop.example", "www.example"] {
        assert_eq!(scene.said("dns", &table(name, all)), "pass", "{:?}", scene.verdict("dns", &table(name, all)));
    }
    assert_eq!(scene.said("dns", &table("nobody.example", "absent = 'nxdomain'\nagree = true\nfresh = true")), "pass");
    assert_eq!(scene.said("dns", &table("shop.example", "servers = { at_least = 3 }")), "fail out-of-bounds");
    // The move: ns1 has the new address; ns2 has not transferred the zone, and the resolver remembers.
    let moved = ZONE.replace("shop A 192.0.2.7\nshop A 192.0.2.8\n", "shop A 198.51.100.7\n");
    assert_ne!(moved, ZONE);
    names.change_ns1(&moved, 8);
    assert_eq!(scene.said("dns", &table("shop.example", "agree = true")), "fail servers-disagree");
    assert_eq!(scene.said("dns", &table("shop.example", "serials = true")), "fail serials-differ");
    assert_eq!(scene.said("dns", &table("shop.example", "fresh = true")), "pass", "ns2 still says so");
    names.change_ns2(&moved, 8);
    assert_eq!(scene.said("dns", &table("shop.example", "agree = true\nserials = true")), "pass");
    assert_eq!(scene.said("dns", &table("shop.example", "fresh = true")), "fail stale-answer");
}

#[test]
fn a_delegation_to_a_server_without_the_zone_is_lame_and_one_to_nobody_silent() {
    let names = Names::start();
    let said = |to: &str| {
        let mut scene = Scene::new();
        scene.routes.add("ns1.example:53", &names.ns1().to_string(), &scene.targets).unwrap();
        scene.routes.add("ns2.example:53", to, &scene.targets).unwrap();
        scene.said("dns", &by(&names, "name = 'shop.example'\nauthoritative = true\nexpect.agree = true"))
    };
    // unbound speaks for no zone.
    assert_eq!(said(&names.resolver().to_string()), "fail lame-server");
    assert_eq!(said("127.0.0.1:1"), "fail silent-server");
    let liar = LyingResolver::start();
    assert_eq!(said(&liar.address().to_string()), "fail lame-server");
}

#[test]
fn a_closed_world_asks_nobody_and_a_server_without_a_route_is_not_seen() {
    let liar = LyingResolver::start();
    let mut scene = Scene::new();
    scene.routes = std::mem::take(&mut scene.routes).closed();
    for table in [
        format!("resolver = \"{}\"\nname = 'ok.example'\nexpect.count = 1", liar.address()),
        format!("resolver = \"{}\"\nname = 'ok.example'\ntransport = 'tcp'\nexpect.count = 1", liar.address()),
        format!("resolver = \"{}\"\nname = 'ok.example'\ntransport = 'tls'\nexpect.count = 1", liar.address()),
        "resolver = 'dns.example'\nname = 'ok.example'\nexpect.count = 1".to_owned(),
        "name = 'ok.example'\nexpect.count = 1".to_owned(),
    ] {
        assert_eq!(scene.said("dns", &table), "unknown not-in-this-world", "{table}");
    }
    assert_eq!(liar.asked(), 0);
    // The resolver has a route, the zone's servers have none: they are not asked where they really are.
    let names = Names::start();
    let mut scene = Scene::new();
    scene.routes.add("192.0.2.53:53", &names.resolver().to_string(), &scene.targets).unwrap();
    scene.routes = scene.routes.closed();
    let table =
        "resolver = '192.0.2.53'\nname = 'shop.example'\nauthoritative = true\n[expect]\ncount = 2\nagree = true";
    assert_eq!(scene.said("dns", table), "unknown server-not-seen server-not-seen");
}

/// The first label, the verdict, and what the detail says.
const LIES: &[(&str, &str, &str)] = &[
    ("ok", "pass", ""),
    ("silence", "unknown resolver-failed", "no answer within"),
    ("servfail", "unknown resolver-failed", "SERVFAIL"),
    ("refused", "unknown resolver-failed", "REFUSED"),
    ("nxdomain", "fail name-not-found", "NXDOMAIN"),
    ("nxdomain-with-an-address", "fail name-not-found", "NXDOMAIN"),
    ("odd-alias", "unknown resolver-failed", "which is no name"),
    ("many", "pass", ""),
    ("empty", "fail no-such-record", ""),
    ("other-id", "unknown resolver-failed", "guesses or lies"),
    ("guessed", "pass", ""),
    ("flood", "unknown resolver-failed", "guesses or lies"),
    ("other-question", "unknown resolver-failed", "guesses or lies"),
    ("other-source", "unknown resolver-failed", "no answer within"),
    ("not-a-reply", "unknown resolver-failed", "guesses or lies"),
    ("garbage", "unknown resolver-failed", "no DNS message"),
    ("half", "unknown resolver-failed", "no DNS message"),
    ("pointer-loop", "unknown resolver-failed", "no DNS message"),
    ("many-counted", "unknown resolver-failed", "no DNS message"),
    ("circle", "fail alias-circle", ""),
    ("chain", "fail aliases-too-many", "more than 16"),
    ("chain-of-ten", "pass", ""),
    ("endless-chain", "fail aliases-too-many", "more than 16"),
    ("no-edns", "pass", ""),
    ("form-error", "unknown resolver-failed", "FORMERR"),
    ("first-only", "pass", ""),
    ("referral", "unknown resolver-failed", "refers to other servers"),
    ("tcp-ok", "pass", ""),
    ("tcp-huge", "pass", ""),
    ("tcp-cut-again", "unknown resolver-failed", "says it is cut"),
    ("tcp-short", "unknown resolver-failed", ""),
    ("tcp-closed", "unknown resolver-failed", ""),
    ("tcp-other-id", "unknown resolver-failed", "another question"),
    ("tcp-empty", "unknown resolver-failed", "another question"),
    ("tcp-silence", "unknown resolver-failed", "no answer within"),
];

#[test]
fn every_lie_of_a_resolver_gets_its_verdict_in_time() {
    let liar = LyingResolver::start();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let looks: Vec<_> = LIES
            .iter()
            .map(|(label, expected, detail)| {
                let at = liar.address();
                scope.spawn(move || {
                    let table =
                        format!("resolver = \"{at}\"\nname = \"{label}.example\"\nexpect.count = {{ at_least = 1 }}");
                    let verdict = Scene::new().verdict("dns", &table);
                    let first = verdict.findings().first();
                    let said = format!("{} {}", verdict.word(), first.map_or("", |finding| &*finding.code));
                    let detailed = first.is_none_or(|finding| finding.detail.contains(detail));
                    (said.trim() != *expected || !detailed).then(|| format!("{label}: {verdict:?}"))
                })
            })
            .collect();
        looks.into_iter().filter_map(|look| look.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), LIES.len(), wrong.join("\n"));
}

#[test]
fn the_checks_own_bound_ends_the_wait_for_a_resolver_as_unknown() {
    let liar = LyingResolver::start();
    let mut scene = Scene::new();
    scene.timeout = Some(Duration::from_millis(300));
    for (label, transport) in [("silence", "udp"), ("tcp-silence", "udp"), ("tcp-silence", "tcp")] {
        let table = format!(
            "resolver = \"{}\"\nname = \"{label}.example\"\ntransport = \"{transport}\"\nexpect.count = 1",
            liar.address()
        );
        assert_eq!(scene.said("dns", &table), "unknown resolver-failed", "{label}");
    }
    (scene.timeout, scene.deadline) = (Some(Duration::from_secs(20)), Some(Duration::from_millis(300)));
    let table = format!("resolver = \"{}\"\nname = 'silence.example'\nexpect.count = 1", liar.address());
    assert_eq!(scene.said("dns", &table), "unknown run-deadline");
}

#[test]
fn what_could_never_be_asked_or_seen_is_refused() {
    let check = |kind: &str, table: &str, expected: &str| {
        let kind = steadfast_checks::kinds::kind_named(kind).unwrap();
        let problems = try_read(kind, table).err().unwrap_or_default();
        let said: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert!(said.iter().any(|what| what.contains(expected)), "{table}: {said:?}");
    };
    check("dns", "name = ''\nexpect.count = 1", "an empty name");
    check("dns", "name = 'a..b'\nexpect.count = 1", "an empty label");
    check("dns", "name = '192.0.2.7'\nexpect.count = 1", "only PTR");
    check("dns", "name = 'a.example'\nrecord = 'AAA'\nexpect.count = 1", "unknown word `AAA`");
    check("dns", "name = 'a.example'\nresolver = 'two words'\nexpect.count = 1", "no address of a resolver");
    check("dns", "name = 'a.example'\nexpect.contains = 'a.example'", "is no IPv4 address");
    check("dns", "name = 'a.example'\nrecord = 'MX'\nexpect.equals = 'mail.example'", "is no `PREFERENCE HOST`");
    check("dns", "name = 'a.example'\nexpect.target = 'Shop.example.'", "`Shop.example.` is never seen so");
    check("dns", "name = 'a.example'\nexpect.target.one_of = ['a.example', 'bücher.example']", "is never seen so");
    check("dns", "name = 'a.example'\nexpect.target = 'a..example'", "an empty label");
    check("dns", "name = 'a.example'\nserver_name = 'b'\nexpect.count = 1", "`server_name` without TLS");
    check("dns", "name = 'a.example'\nexpect.agree = true", "`agree` without the zone's servers");
    check("dns", "name = 'a.example'\nexpect.servers = 2", "`servers` without the zone's servers");
    check("dns", "name = 'a.example'\nauthoritative = true\nexpect.fresh = false", "`fresh = false` says nothing");
    check("dns", "name = 'a.example'\nexpect = { absent = 'either', count = 1 }", "`absent` beside");
    check("dns", "name = 'a.example'\nrecord = 'CNAME'\nexpect.target = 'b.example'", "`target` of a CNAME record");
    check("icmp", "address = ''\nexpect.within = '1s'", "is no host");
    check("icmp", "address = 'a'\ncount = 0\nexpect.within = '1s'", "a count out of bounds");
    check("icmp", "address = 'a'\ninterval = '1ms'\nexpect.within = '1s'", "an interval too short");
    check("icmp", "address = 'a'\nwait = '0s'\nexpect.within = '1s'", "no time to wait");
    check("icmp", "address = 'a'\nhops = 256\nexpect.within = '1s'", "hops out of bounds");
    check("icmp", "address = 'a'\nexpect.loss_at_most = 100", "a loss out of bounds");
}
