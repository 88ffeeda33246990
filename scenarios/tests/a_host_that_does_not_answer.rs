//! Ping, for real: on an island, where the kernel's leave to send echoes, its answers, and the ways out are ours to
//! give and to take.

use scenarios::island::{on_an_island, run};
use scenarios::patience::until;
use scenarios::steadfast::Workplace;

const CHECKS: &str = "[project]\nname = \"hosts\"\n\
    [[check]]\nid = \"here\"\n[check.icmp]\naddress = \"127.0.0.1\"\ninterval = \"20ms\"\nwait = \"300ms\"\n\
    [check.icmp.expect]\nloss_at_most = 0\nwithin = \"500ms\"\nttl = { between = [60, 64] }\n\
    [[check]]\nid = \"here-v6\"\n[check.icmp]\naddress = \"::1\"\ninterval = \"20ms\"\nwait = \"300ms\"\n\
    [check.icmp.expect]\nloss_at_most = 0\nwithin = \"500ms\"\nttl = { between = [60, 64] }\n";

const ELSEWHERE: &str = "[project]\nname = \"hosts\"\n\
    [[check]]\nid = \"elsewhere\"\n[check.icmp]\naddress = \"192.0.2.7\"\ncount = 1\nwait = \"300ms\"\nexpect.loss_at_most = 0\n\
    [[check]]\nid = \"http\"\n[check.http]\nget = \"http://192.0.2.7/\"\nexpect.status = 200\n\
    [[check]]\nid = \"tcp\"\n[check.tcp]\naddress = \"192.0.2.7:80\"\nexpect.within = \"9s\"\n\
    [[check]]\nid = \"tls\"\n[check.tls]\naddress = \"192.0.2.7:443\"\nexpect.trusted = true\n\
    [[check]]\nid = \"dns\"\n[check.dns]\nname = \"shop.example\"\nresolver = \"192.0.2.7\"\nexpect.count = 1\n\
    [[check]]\nid = \"dns-tcp\"\n[check.dns]\nname = \"shop.example\"\nresolver = \"192.0.2.7\"\ntransport = \"tcp\"\n\
    expect.count = 1\n";

/// Gives the test's group leave to send echoes. A new network begins without it, and what was given is not taken back:
/// "none" is written with a group that the island does not know.
fn allow() {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").expect("the island's own setting");
}

/// The verdict on a check and the code of its first finding.
fn said(workplace: &Workplace, id: &str) -> String {
    let report = workplace.run(&["verify", "--only", id, "--format", "json", "--no-ledger"]);
    format!("{} {}", report.verdict(id), report.codes(id).first().cloned().unwrap_or_default()).trim_end().to_owned()
}

#[test]
fn a_host_that_answers_is_green_and_one_that_falls_silent_red() {
    on_an_island("a_host_that_answers_is_green_and_one_that_falls_silent_red", || {
        allow();
        let workplace = Workplace::with(CHECKS);
        workplace.run(&["verify"]).exits(0);
        workplace.run(&["prove"]).exits(0).says("caught 6 of 6 impostors");
        for (id, setting) in [("here", "net/ipv4/icmp_echo_ignore_all"), ("here-v6", "net/ipv6/icmp/echo_ignore_all")] {
            let setting = format!("/proc/sys/{setting}");
            std::fs::write(&setting, "1").expect("the island's own setting");
            assert_eq!(said(&workplace, id), "fail timeout", "{id}");
            std::fs::write(&setting, "0").expect("the island's own setting");
            assert_eq!(said(&workplace, id), "pass", "{id}");
        }
        // Another machine: its answers begin with another hop limit.
        std::fs::write("/proc/sys/net/ipv4/ip_default_ttl", "128").expect("the island's own setting");
        assert_eq!(said(&workplace, "here"), "fail out-of-bounds");
    });
}

#[test]
fn a_link_that_goes_bad_among_answers_is_said_to_lose_packets() {
    on_an_island("a_link_that_goes_bad_among_answers_is_said_to_lose_packets", || {
        allow();
        let workplace = Workplace::with(
            "[project]\nname = \"hosts\"\n[[check]]\nid = \"here\"\n[check.icmp]\naddress = \"127.0.0.1\"\ncount = 20\n\
             wait = \"300ms\"\nexpect.loss_at_most = 5\n",
        );
        let running = workplace.start(&["verify", "--format", "json", "--no-ledger"]);
        until("an echo is answered", || match icmp_counter("InEchos") {
            0 => Err("none yet".to_owned()),
            _ => Ok(()),
        });
        std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").expect("the island's own setting");
        let report = running.wait();
        assert_eq!((report.verdict("here").as_str(), report.codes("here")), ("fail", vec!["packets-lost".to_owned()]));
    });
}

/// What the island's kernel has counted (`/proc/net/snmp`: a line of names, then one of numbers).
fn icmp_counter(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/net/snmp").expect("the island's counters");
    let lines: Vec<Vec<&str>> =
        text.lines().filter_map(|line| Some(line.strip_prefix("Icmp: ")?.split(' ').collect())).collect();
    let [names, numbers] = &lines[..] else { panic!("two lines of ICMP: {text}") };
    let at = names.iter().position(|known| *known == name).expect("a counter of this name");
    numbers[at].parse().expect("a number")
}

#[test]
fn the_kernels_refusal_is_unknown_and_names_the_line_to_set() {
    on_an_island("the_kernels_refusal_is_unknown_and_names_the_line_to_set", || {
        let workplace = Workplace::with(CHECKS);
        let report = workplace.run(&["verify", "--no-ledger"]);
        report.exits(3).says("ping-not-allowed").says("sysctl -w net.ipv4.ping_group_range");
        assert_eq!(said(&workplace, "here"), "unknown ping-not-allowed");
        assert_eq!(said(&workplace, "here-v6"), "unknown ping-not-allowed");
    });
}

#[test]
fn no_way_to_a_network_is_unknown_and_a_host_that_is_not_there_a_fail() {
    on_an_island("no_way_to_a_network_is_unknown_and_a_host_that_is_not_there_a_fail", || {
        allow();
        let workplace = Workplace::with(ELSEWHERE);
        let ids = ["elsewhere", "http", "tcp", "tls", "dns", "dns-tcp"];
        let all = |workplace: &Workplace| ids.map(|id| said(workplace, id));
        assert_eq!(all(&workplace), ["unknown network-unreachable"; 6]);
        run("ip", &["route", "add", "unreachable", "192.0.2.0/24"]);
        // What was to be looked at cannot be reached; a resolver is what we look through.
        let [of_target, of_resolver] = ["fail host-unreachable", "unknown resolver-failed"];
        assert_eq!(all(&workplace), [of_target, of_target, of_target, of_target, of_resolver, of_resolver]);
        run("ip", &["route", "del", "unreachable", "192.0.2.0/24"]);
        // A link on which everything is lost: the loopback, for an address that nobody on it has.
        run("ip", &["route", "add", "192.0.2.0/24", "dev", "lo"]);
        assert_eq!(said(&workplace, "elsewhere"), "fail timeout");
    });
}

#[test]
fn a_route_leads_an_echo_elsewhere_and_a_closed_world_sends_none() {
    on_an_island("a_route_leads_an_echo_elsewhere_and_a_closed_world_sends_none", || {
        let workplace = Workplace::with(ELSEWHERE);
        let verify = |rest: &[&str]| workplace.run(&[&["verify", "--only", "elsewhere", "--no-ledger"], rest].concat());
        // The kernel's leave is asked for when an echo is to be sent, and not before.
        verify(&["--closed"]).exits(3).says("not-in-this-world").never_says("ping-not-allowed");
        verify(&["--closed", "--route", "192.0.2.7:0=127.0.0.1:0"]).exits(3).says("ping-not-allowed");
        allow();
        verify(&["--closed"]).exits(3).says("not-in-this-world");
        verify(&["--route", "192.0.2.7:0=127.0.0.1:0"]).exits(0);
    });
}

#[test]
fn a_timeout_that_ends_among_answers_is_not_the_hosts_fault() {
    on_an_island("a_timeout_that_ends_among_answers_is_not_the_hosts_fault", || {
        allow();
        let check = |address: &str| {
            format!(
                "[project]\nname = \"hosts\"\n[[check]]\nid = \"many\"\ntimeout = \"700ms\"\n\
                 [check.icmp]\naddress = \"{address}\"\ncount = 100\nexpect.loss_at_most = 0\n"
            )
        };
        assert_eq!(said(&Workplace::with(&check("127.0.0.1")), "many"), "unknown ping-cut-short");
        run("ip", &["route", "add", "192.0.2.0/24", "dev", "lo"]);
        assert_eq!(said(&Workplace::with(&check("192.0.2.7")), "many"), "fail timeout");
    });
}
