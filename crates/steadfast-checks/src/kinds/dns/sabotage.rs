//! How answers about names are broken, to prove that a check can fail.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use steadfast_core::kind::{Exemplar, Other};
use steadfast_core::measure::Lapse;
use steadfast_core::predicate::breakages as predicate_breakages;
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_probe::dns::Transport;
use steadfast_probe::dns::message::RecordType;

use super::lookup::{DnsSeen, End, ServerSeen, State, Zone};
use super::values::{Whose, canonical, other};
use super::{Absence, Dns, DnsExpect, DnsLook, lower};
use crate::text_claims::{quoted, story_of};

/// A week: so long a wrong answer stays in resolvers.
const WEEK: u32 = 604_800;

pub(super) fn impostors(look: &DnsLook, seen: &DnsSeen, others: &[Other<'_, Dns>]) -> Vec<Sabotage<DnsSeen>> {
    let of = |whose: Whose, ttl: u32| answering(seen, vec![other(look.record, whose)], ttl);
    if seen.end != End::Found {
        return vec![
            Sabotage::seen(
                "a wildcard answers",
                "somebody has added a wildcard to the zone: every name is there now",
                of(Whose::Wildcard, 300),
            ),
            Sabotage::seen(
                "a captive resolver",
                "the provider's resolver rewrites NXDOMAIN to its own portal, or a parked page",
                of(Whose::Captive, 0),
            ),
        ];
    }
    let mut impostors = vec![
        Sabotage::seen(
            "the address of before",
            "the service has moved; the record was set back, or never changed",
            everywhere(of(Whose::Old, 300)),
        ),
        Sabotage::seen(
            "a parked domain",
            "the domain was not renewed: its registrar shows advertisements on it",
            everywhere(of(Whose::Parked, 600)),
        ),
        Sabotage::seen(
            "a wildcard answers",
            "the record was deleted, and the wildcard of the zone answers in its place",
            everywhere(of(Whose::Wildcard, 300)),
        ),
        Sabotage::seen(
            "a captive resolver",
            "the network's resolver answers everything with its own portal",
            of(Whose::Captive, 0),
        ),
        Sabotage::seen(
            "an empty answer",
            "the records were deleted; the name is still there (NOERROR without an answer)",
            nothing(seen, End::NoData),
        ),
        Sabotage::seen(
            "no such name",
            "the domain is gone, or the zone was loaded without it (NXDOMAIN)",
            nothing(seen, End::NxDomain),
        ),
        Sabotage::seen(
            "an alias to a bucket that was deleted",
            "the alias still leads to the provider; the bucket is gone, and anybody may take its name",
            {
                let mut bucket = of(Whose::Bucket, 300);
                if look.record != RecordType::Cname {
                    bucket.aliases = vec![Whose::Bucket.host().to_owned()];
                    bucket.ttls = vec![300, 300];
                }
                everywhere(bucket)
            },
        ),
        Sabotage::seen(
            "a TTL of a week",
            "the right answer, which nobody will be able to change before the week is over",
            with_ttl(seen, WEEK),
        ),
    ];
    // The same values by way of an alias are no impostor.
    let sorted = |seen: &DnsSeen| seen.values.iter().cloned().collect::<BTreeSet<String>>();
    let foreign = others.iter().filter(|other| {
        other.look.record == look.record && other.seen.end == End::Found && sorted(other.seen) != sorted(seen)
    });
    impostors.extend(foreign.map(|other| {
        let mut answer = other.seen.clone();
        answer.zone.clone_from(&seen.zone);
        Sabotage::seen(
            format!("answer of {}", other.id),
            "the records of two names of ours were mixed up",
            everywhere(DnsSeen { took: seen.took, ..answer }),
        )
    }));
    let Some(zone) = &seen.zone else { return impostors };
    impostors.push(Sabotage::seen(
        "a stale resolver",
        "the zone was changed, and this resolver still gives what it was told before",
        of(Whose::Old, 86_400),
    ));
    let last = zone.servers.len().saturating_sub(1);
    impostors.push(Sabotage::seen(
        "a lame delegation",
        "the registrar still names a server that has not had the zone for months",
        with_server(seen, last, |server| {
            silenced(server, State::Lame, "answers REFUSED");
        }),
    ));
    if zone.servers.len() > 1 {
        impostors.push(Sabotage::seen(
            "servers that disagree",
            "a secondary has stopped to transfer the zone: half of the visitors get the answer of before",
            with_server(seen, last, |server| server.answer = vec![other(look.record, Whose::Old)]),
        ));
        impostors.push(Sabotage::seen(
            "a secondary that is behind",
            "the transfers have stopped; this record is still the same, the next change will not be",
            with_server(seen, last, |server| server.serial = server.serial.map(|serial| serial.wrapping_sub(1))),
        ));
    }
    impostors
}

/// The resolver answers with these values, directly.
fn answering(seen: &DnsSeen, values: Vec<String>, ttl: u32) -> DnsSeen {
    let ttls = vec![ttl; values.len()];
    DnsSeen { end: End::Found, aliases: Vec::new(), values, ttls, ..seen.clone() }
}

fn nothing(seen: &DnsSeen, end: End) -> DnsSeen {
    everywhere(DnsSeen { end, aliases: Vec::new(), values: Vec::new(), ttls: Vec::new(), ..seen.clone() })
}

/// The zone's servers say the same as the resolver does.
fn everywhere(mut seen: DnsSeen) -> DnsSeen {
    let own = seen.own();
    let ttls: Vec<u32> = seen.ttls.iter().copied().take(own.len()).collect();
    for server in seen.zone.iter_mut().flat_map(|zone| &mut zone.servers) {
        if server.state == State::Answers {
            (server.answer, server.ttls) = (own.clone(), ttls.clone());
        }
    }
    seen
}

fn with_ttl(seen: &DnsSeen, ttl: u32) -> DnsSeen {
    let mut seen = seen.clone();
    seen.ttls.fill(ttl);
    seen.zone.iter_mut().flat_map(|zone| &mut zone.servers).for_each(|server| server.ttls.fill(ttl));
    seen
}

fn with_server(seen: &DnsSeen, index: usize, change: impl FnOnce(&mut ServerSeen)) -> DnsSeen {
    let mut seen = seen.clone();
    if let Some(server) = seen.zone.as_mut().and_then(|zone| zone.servers.get_mut(index)) {
        change(server);
    }
    seen
}

fn silenced(server: &mut ServerSeen, state: State, detail: &str) {
    (server.state, server.detail, server.serial) = (state, detail.to_owned(), None);
    server.answer.clear();
    server.ttls.clear();
}

pub(super) fn breakages(expect: &DnsExpect, seen: &DnsSeen, at: Timestamp) -> Vec<Breakage<DnsSeen>> {
    let mut broken = of_values(expect, seen);
    if let Some(predicate) = &expect.ttl {
        let green = json!(seen.ttls_that_count().first());
        for operator in predicate.operators() {
            for (change, changed) in predicate_breakages(predicate, operator, &green, at) {
                let ttl = changed.as_ref().and_then(Value::as_u64).and_then(|ttl| u32::try_from(ttl).ok());
                if let Some(ttl) = ttl {
                    let name = format!("ttl: {change}");
                    broken.push(Breakage::new(format!("ttl.{operator}"), name, story_of(change), with_ttl(seen, ttl)));
                }
            }
        }
    }
    for alias in expect.aliases.iter() {
        let mut direct = seen.clone();
        direct.aliases.retain(|known| *known != lower(alias));
        let name = format!("not by way of {}", quoted(alias));
        let story = "the alias was replaced by an address that was copied by hand, and will be old one day";
        broken.push(Breakage::new(format!("aliases.{}", quoted(alias)), name, story, direct));
    }
    if let Some(predicate) = &expect.target {
        let green = json!(seen.aliases.last());
        for operator in predicate.operators() {
            for (change, changed) in predicate_breakages(predicate, operator, &green, at) {
                let mut other = seen.clone();
                match changed {
                    Some(Value::String(text)) => {
                        other.aliases.pop();
                        other.aliases.push(text);
                    }
                    None => other.aliases.clear(),
                    Some(_) => continue,
                }
                let name = format!("target: {change}");
                broken.push(Breakage::new(format!("target.{operator}"), name, story_of(change), other));
            }
        }
    }
    if let Some(absence) = expect.absent {
        let back = answering(seen, vec![other(seen.record, Whose::Old)], 300);
        let story = "somebody has put the record back, or taken the name over";
        broken.push(Breakage::new("absent", "it is there again", story, back));
        let (end, name) = match absence {
            Absence::NxDomain => (End::NoData, "the name is there, without the record"),
            Absence::NoData => (End::NxDomain, "the whole name is gone"),
            Absence::Either => (End::Circle, "an alias that leads to itself"),
        };
        let story = "what is missing has changed: more, or less, is gone than before";
        broken.push(Breakage::new("absent", name, story, DnsSeen { end, ..seen.clone() }));
    }
    if let Some(within) = expect.within {
        let slow = DnsSeen { took: Lapse(within.0 + Duration::from_millis(1)), ..seen.clone() };
        broken.push(Breakage::new("within", "one millisecond late", "the first moment of being too slow", slow));
    }
    if let Some(zone) = &seen.zone {
        broken.extend(of_zone(expect, seen, zone));
    }
    broken
}

fn of_values(expect: &DnsExpect, seen: &DnsSeen) -> Vec<Breakage<DnsSeen>> {
    let mut broken = Vec::new();
    let with = |values: Vec<String>| DnsSeen { values, ..seen.clone() };
    let is = |value: &String, wanted: &str| canonical(seen.record, wanted).as_ref() == Ok(value);
    for wanted in expect.contains.iter() {
        let left = seen.values.iter().filter(|value| !is(value, wanted)).cloned().collect();
        let story = "one record of several was dropped: the rest of them still answer";
        let name = format!("without {}", quoted(wanted));
        broken.push(Breakage::new(format!("contains.{}", quoted(wanted)), name, story, with(left)));
    }
    if !expect.equals.is_empty() {
        let fewer = seen.values.iter().skip(1).cloned().collect();
        broken.push(Breakage::new("equals", "one value less", "one machine of several was dropped", with(fewer)));
        let more = seen.values.iter().cloned().chain([other(seen.record, Whose::Old)]).collect();
        let story = "the machine of before is back among the others, and gets a part of the visitors";
        broken.push(Breakage::new("equals", "one value more", story, with(more)));
    }
    for unwanted in expect.excludes.iter() {
        let value = canonical(seen.record, unwanted).unwrap_or_else(|_| unwanted.clone());
        let more = seen.values.iter().cloned().chain([value]).collect();
        let story = "what must not be among the records is there again";
        let name = format!("with {}", quoted(unwanted));
        broken.push(Breakage::new(format!("excludes.{}", quoted(unwanted)), name, story, with(more)));
    }
    for pattern in expect.matches.iter() {
        for text in ["", "\u{1}", "x"] {
            let others = seen.values.iter().map(|value| match pattern.is_match(value) {
                true => text.to_owned(),
                false => value.clone(),
            });
            let name = format!("another value for {}", quoted(pattern.source()));
            let story = "the record was replaced by one that says something else";
            let claim = format!("matches.{}", quoted(pattern.source()));
            broken.push(Breakage::new(claim, name, story, with(others.collect())));
        }
    }
    for count in expect.count.iter().flat_map(|count| count.wrong()).filter(|count| *count < 10_000) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let filler = std::iter::repeat_with(|| other(seen.record, Whose::Old));
        let resized = seen.values.iter().cloned().chain(filler).take(count).collect();
        broken.push(Breakage::new(
            "count",
            format!("{count} values"),
            story_of("one item more or fewer"),
            with(resized),
        ));
    }
    broken
}

fn of_zone(expect: &DnsExpect, seen: &DnsSeen, zone: &Zone) -> Vec<Breakage<DnsSeen>> {
    let mut broken = Vec::new();
    let all = 0..zone.servers.len();
    if expect.agree.is_some() {
        for index in all.clone() {
            let lame = with_server(seen, index, |server| silenced(server, State::Lame, "answers without authority"));
            broken.push(Breakage::new("agree", "a lame server", "a server has lost the zone", lame));
            let silent = with_server(seen, index, |server| silenced(server, State::Silent, "no answer"));
            broken.push(Breakage::new("agree", "a silent server", "a server of the zone is down", silent));
        }
        if zone.servers.len() > 1 {
            let other = with_server(seen, 0, |server| server.answer = vec![other(seen.record, Whose::Old)]);
            broken.push(Breakage::new("agree", "one says something else", "a copy of the zone is old", other));
        }
    }
    if expect.fresh.is_some() {
        let stale = DnsSeen { aliases: Vec::new(), values: vec![other(seen.record, Whose::Old)], ..seen.clone() };
        broken.push(Breakage::new("fresh", "the answer of before", "the resolver keeps an old answer", stale));
    }
    if expect.serials.is_some() {
        for index in all {
            let mut behind =
                with_server(seen, index, |server| server.serial = server.serial.map(|s| s.wrapping_sub(1)));
            if let (1, Some(zone)) = (zone.servers.len(), &mut behind.zone) {
                let current = seen.zone.iter().flat_map(|zone| zone.servers.clone());
                zone.servers.extend(current);
            }
            broken.push(Breakage::new("serials", "one version behind", "the last transfer has failed", behind));
        }
    }
    for count in expect.servers.iter().flat_map(|count| count.wrong()).filter(|count| *count < 100) {
        let mut other = seen.clone();
        if let (Some(changed), Some(last)) = (&mut other.zone, zone.servers.last()) {
            changed.servers.resize(usize::try_from(count).unwrap_or(usize::MAX), last.clone());
        }
        let story = "the delegation has lost a server, or got one that nobody knows";
        broken.push(Breakage::new("servers", format!("{count} servers"), story, other));
    }
    broken
}

pub(super) fn variations(seen: &DnsSeen) -> Vec<Sabotage<DnsSeen>> {
    let mut turned = seen.clone();
    turned.values.reverse();
    turned.zone.iter_mut().for_each(|zone| zone.servers.reverse());
    let mut counted = seen.clone();
    counted.ttls.iter_mut().for_each(|ttl| *ttl /= 2);
    let elsewhere = DnsSeen { resolver: "192.0.2.99:53".into(), over: Transport::Tcp, ..seen.clone() };
    let slower = DnsSeen { took: Lapse(seen.took.0 * 3 / 2), ..seen.clone() };
    vec![
        Sabotage::seen("another order", "records come in any order, and most servers turn it", turned),
        Sabotage::seen("counted down", "the resolver has had the answer for half of its time", counted),
        Sabotage::seen("another resolver", "the first of several was busy", elsewhere),
        Sabotage::seen("slower by half", "an ordinary busy hour, or an answer that was not yet known", slower),
    ]
}

pub(super) fn candidates(greens: &[&DnsSeen]) -> Vec<Value> {
    let Some(first) = greens.first() else { return Vec::new() };
    let mut candidates = Vec::new();
    match first.end {
        End::NxDomain => candidates.push(json!({ "absent": "nxdomain" })),
        End::NoData => candidates.push(json!({ "absent": "nodata" })),
        End::Found | End::Circle | End::TooLong => {}
    }
    let sorted = |seen: &DnsSeen| {
        let mut values = seen.values.clone();
        values.sort();
        values
    };
    if !first.values.is_empty() {
        if greens.iter().all(|seen| sorted(seen) == sorted(first)) {
            candidates.push(json!({ "equals": sorted(first) }));
        }
        let common = first.values.iter().filter(|value| greens.iter().all(|seen| seen.values.contains(value)));
        candidates.extend(common.map(|value| json!({ "contains": [value] })));
    }
    if let Some(last) = first.aliases.last()
        && greens.iter().all(|seen| seen.aliases.last() == Some(last))
    {
        candidates.push(json!({ "target": last }));
    }
    // Twice what is seen, and at least an hour: a resolver counts down, and nobody waits longer than a day.
    if let Some(most) = greens.iter().flat_map(|seen| seen.ttls_that_count()).max() {
        candidates.push(json!({ "ttl": { "at_most": most.saturating_mul(2).clamp(3_600, WEEK - 1).max(most) } }));
    }
    if first.zone.is_some() {
        for key in ["agree", "fresh", "serials"] {
            candidates.push(json!({ key: true }));
        }
    }
    candidates
}

pub(super) fn exemplars() -> Vec<Exemplar<DnsSeen>> {
    let seen = |record: RecordType, values: &[&str], ttl: u32| DnsSeen {
        resolver: "192.0.2.53:53".into(),
        over: Transport::Udp,
        record,
        end: if values.is_empty() { End::NxDomain } else { End::Found },
        aliases: Vec::new(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        ttls: vec![ttl; values.len()],
        took: Lapse(Duration::from_millis(3)),
        zone: None,
    };
    let server = |name: &str| ServerSeen {
        name: name.to_owned(),
        state: State::Answers,
        detail: String::new(),
        answer: vec!["shop.example".to_owned()],
        ttls: vec![300],
        serial: Some(2_026_112_301),
    };
    let naive_survivors = &[
        "the address of before",
        "a parked domain",
        "a wildcard answers",
        "a captive resolver",
        "an alias to a bucket that was deleted",
        "a TTL of a week",
    ];
    let mut alias = seen(RecordType::A, &["192.0.2.7", "192.0.2.8"], 300);
    alias.aliases = vec!["shop.example".to_owned()];
    alias.ttls.push(300);
    alias.zone = Some(Zone { name: "example".into(), servers: vec![server("ns1.example"), server("ns2.example")] });
    vec![
        Exemplar {
            good: "name = \"shop.example\"\nresolver = \"192.0.2.53\"\n\
                   [expect]\nequals = [\"192.0.2.7\", \"192.0.2.8\"]\nttl = { at_most = 3600 }\nwithin = \"2s\"\n",
            naive: "name = \"shop.example\"\nresolver = \"192.0.2.53\"\nexpect.within = \"2s\"",
            naive_survivors,
            seen: seen(RecordType::A, &["192.0.2.7", "192.0.2.8"], 300),
        },
        Exemplar {
            good: "name = \"www.shop.example\"\nauthoritative = true\n\
                   [expect]\ntarget = \"shop.example\"\naliases = \"shop.example\"\n\
                   contains = [\"192.0.2.7\", \"192.0.2.8\"]\nexcludes = \"198.51.100.17\"\ncount = { at_least = 2 }\n\
                   ttl = { between = [60, 3600] }\nagree = true\nfresh = true\nserials = true\n\
                   servers = { at_least = 2 }\n",
            naive: "name = \"www.shop.example\"\nauthoritative = true\nexpect.within = \"2s\"",
            naive_survivors: &[
                "the address of before",
                "a parked domain",
                "a wildcard answers",
                "a captive resolver",
                "an alias to a bucket that was deleted",
                "a TTL of a week",
                "a stale resolver",
                "a lame delegation",
                "servers that disagree",
                "a secondary that is behind",
            ],
            seen: alias,
        },
        Exemplar {
            good: "name = \"_dmarc.shop.example\"\nrecord = \"TXT\"\n\
                   [expect]\nmatches = \"^v=DMARC1; p=(quarantine|reject)\"\ncount = 1\nttl = { at_most = 86400 }\n",
            naive: "name = \"_dmarc.shop.example\"\nrecord = \"TXT\"\nexpect.count = { at_least = 1 }",
            naive_survivors,
            seen: seen(RecordType::Txt, &["v=DMARC1; p=reject; rua=mailto:post@shop.example"], 3_600),
        },
        Exemplar {
            good: "name = \"staging.shop.example\"\ntransport = \"tls\"\nresolver = \"192.0.2.53\"\n\
                   server_name = \"dns.example\"\n[expect]\nabsent = \"nxdomain\"\n",
            naive: "name = \"staging.shop.example\"\nexpect.absent = \"either\"",
            naive_survivors: &[],
            seen: seen(RecordType::A, &[], 0),
        },
    ]
}
