//! The shop has moved. The zone says so, one of its servers has not heard of it, and the resolver still gives the
//! address of before, where the old machine answers 200 to everybody.

use scenarios::names::{Names, ZONE};
use scenarios::steadfast::{Ran, Workplace};

fn configuration(names: &Names) -> String {
    format!(
        "[project]\nname = \"names\"\n[targets]\nresolver = \"{}\"\n\
         [defaults.dns]\nresolver = {{ target = \"resolver\" }}\n\
         [[check]]\nid = \"addresses\"\n[check.dns]\nname = \"shop.example\"\nauthoritative = true\n\
         [check.dns.expect]\nequals = [\"192.0.2.7\", \"192.0.2.8\"]\nttl = {{ at_most = 3600 }}\n\
         agree = true\nfresh = true\nserials = true\nservers = {{ at_least = 2 }}\n\
         [[check]]\nid = \"mail\"\n[check.dns]\nname = \"shop.example\"\nrecord = \"MX\"\n\
         [check.dns.expect]\nequals = \"10 mail.example\"\nttl = {{ at_most = 3600 }}\n\
         [[check]]\nid = \"staging-is-gone\"\n[check.dns]\nname = \"staging.example\"\nexpect.absent = \"nxdomain\"\n",
        names.resolver()
    )
}

#[test]
fn a_move_is_seen_from_its_first_server_to_the_last_resolver() {
    let mut names = Names::start();
    let workplace = Workplace::with(&configuration(&names));
    let routes: Vec<String> = names.routes().iter().map(|(from, to)| format!("{from}={to}")).collect();
    let run = |workplace: &Workplace, verb: &str, more: &[&str]| -> Ran {
        let routed = routes.iter().flat_map(|route| ["--route", route]);
        workplace.run(&[verb].into_iter().chain(routed).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    run(&workplace, "verify", &[]).exits(0);
    run(&workplace, "prove", &[]).exits(0);
    let moved = ZONE.replace("shop A 192.0.2.7\nshop A 192.0.2.8\n", "shop A 198.51.100.7\n");
    names.change_ns1(&moved, 8);
    let codes = |ran: &Ran| ran.codes("addresses").join(" ");
    let json = ["--format", "json"];
    assert_eq!(codes(run(&workplace, "verify", &json).exits(1)), "servers-disagree serials-differ");
    names.change_ns2(&moved, 8);
    assert_eq!(codes(run(&workplace, "verify", &json).exits(1)), "stale-answer");
    // A resolver with an empty cache: what is left is our own expectation, which was not told of the move.
    names.restart_resolver("good");
    let after = Workplace::with(&configuration(&names));
    assert_eq!(codes(run(&after, "verify", &json).exits(1)), "unequal");
    after.write("steadfast.toml", configuration(&names).replace("[\"192.0.2.7\", \"192.0.2.8\"]", "\"198.51.100.7\""));
    run(&after, "verify", &[]).exits(0);
}

#[test]
fn what_people_write_in_a_hurry_takes_a_parked_domain_for_the_shop() {
    let names = Names::start();
    let text = format!(
        "[project]\nname = \"names\"\n[[check]]\nid = \"resolves\"\n[check.dns]\nname = \"shop.example\"\nresolver = \"{}\"\n\
         expect.within = \"5s\"\n",
        names.resolver()
    );
    let workplace = Workplace::with(&text);
    let proof = workplace.run(&["prove"]);
    proof.exits(1).says("a parked domain").says("equals").says("ttl");
    let better = text.replace(
        "expect.within = \"5s\"\n",
        "[check.dns.expect]\nwithin = \"5s\"\nequals = [\"192.0.2.7\", \"192.0.2.8\"]\nttl.at_most = 3600\n",
    );
    workplace.write("steadfast.toml", better);
    workplace.run(&["prove"]).exits(0);
}

#[test]
fn look_shows_a_name_and_proposes_a_check_that_proves_itself() {
    let names = Names::start();
    let workplace = Workplace::new();
    let looked = workplace.run(&["look", &format!("dns://{}/shop.example?type=MX", names.resolver())]);
    looked.exits(0).says("10 mail.example").says("[check.dns.expect]").says("equals");
    let toml = looked.said();
    let from = toml.find("[[check]]").expect("a check to paste");
    workplace.write("steadfast.toml", format!("[project]\nname = \"pasted\"\n{}", &toml[from..]));
    workplace.run(&["prove"]).exits(0);
    workplace.run(&["look", "dns://192.0.2.53"]).exits(2).says("has no name");
    workplace.run(&["look", "dns:shop.example?type=MXX"]).exits(2).says("unknown word `MXX`");
}
