//! The kind `dns`: what a resolver says of a name, and whether the zone's own servers say the same.

mod lookup;
mod sabotage;
mod values;
mod zone;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Place, Seen as SeenValue, Side, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::{Lapse, Pattern};
use steadfast_core::observation::Outcome;
use steadfast_core::predicate::{Count, Predicate, Reading};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::setting::{Node, OneOrMany, Problems};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;
use steadfast_probe::dns::Transport;
use steadfast_probe::dns::message::{Name, RecordType};

pub use self::lookup::{DnsSeen, End, ServerSeen, Zone};
use self::lookup::{MOST_ALIASES, look_up, name_of};
use self::values::canonical;
use self::zone::judge_zone;
use crate::host::host_of;
use crate::text_claims::{predicate_claims, quoted};

/// The kind `dns`.
pub struct Dns;

steadfast_core::settings! {
    /// Asks a resolver for the records of a name, and the name servers of its zone, too, if that is wanted.
    ///
    /// A name that does not exist (NXDOMAIN) or has no such record (NODATA) fails, unless `absent` is expected. A
    /// resolver that gives no answer about the name (SERVFAIL, REFUSED, silence, nonsense) leaves it unknown.
    pub struct DnsLook {
        /// The name, absolute: `"shop.example"`, with or without its last dot; the search domains of this machine are
        /// not tried. One in another script is asked for in its ASCII form (`xn--`). For PTR it may be the address
        /// itself: `"192.0.2.7"`.
        name: String,
        /// The type of the records.
        record: RecordType = RecordType::A,
        /// The resolver to ask: `"192.0.2.53"`, `"192.0.2.53:5353"` or `{ target = "resolver" }`. Without it those of
        /// this machine (`/etc/resolv.conf`), in their order, until one answers.
        resolver: Option<Address>,
        /// Over what it is asked: `udp`, and TCP for what does not fit; `tcp` alone; or `tls` (DoT, port 853).
        transport: Transport = Transport::Udp,
        /// The name on the resolver's certificate, for `tls`, if it is another than its address.
        server_name: Option<String>,
        /// A PEM file of the only roots to trust, for `tls`, relative to the root configuration.
        roots: Option<String>,
        /// `true`: the zone's own name servers are asked, too, each of them, and not for what others told them. A
        /// route for `NAME:53` leads to another address.
        authoritative: bool = false,
    }
}

steadfast_core::words! {
    /// How a name is not there.
    pub enum Absence {
        /// There is no such name (NXDOMAIN).
        NxDomain = "nxdomain",
        /// The name is there, without such a record (NODATA).
        NoData = "nodata",
        /// One or the other.
        Either = "either",
    }
}

steadfast_core::settings! {
    /// Values are written as in a zone file: `"192.0.2.7"`, `"10 mail.shop.example"` (MX), `"0 5 443 a.shop.example"`
    /// (SRV), `"0 issue \"letsencrypt.org\""` (CAA). Names are compared in lower case, in their ASCII form and without
    /// their last dot; the strings of one TXT record are one text.
    pub struct DnsExpect {
        /// Values that must be among those of the answer.
        contains: OneOrMany<String>,
        /// The values of the answer, all of them, in any order.
        equals: OneOrMany<String>,
        /// Values that must not be among them.
        excludes: OneOrMany<String>,
        /// Regular expressions, each of which must match in one of the values: `"^v=spf1 "`.
        matches: OneOrMany<Pattern>,
        /// How many values there are.
        count: Option<Count>,
        /// A predicate on the seconds for which the records may be kept (TTL), aliases included, each of them. With
        /// `authoritative` those of the zone's servers; a resolver counts them down.
        ttl: Option<Predicate>,
        /// Names that its aliases (CNAME) must lead over.
        aliases: OneOrMany<String>,
        /// A predicate on the name that the aliases end at, without its last dot. A name without an alias has none.
        target: Option<Predicate>,
        /// The name must not be there: `nxdomain`, `nodata`, or `either`.
        absent: Option<Absence>,
        /// How long the resolver may take.
        within: Option<Lapse>,
        /// `true`: every name server of the zone answers, with authority, and all say the same. Not for zones that
        /// answer each time with a part of their addresses.
        agree: Option<bool>,
        /// `true`: what the resolver says is what one of the zone's servers says now.
        fresh: Option<bool>,
        /// `true`: all servers have the zone in the same version (the serial number of SOA).
        serials: Option<bool>,
        /// How many name servers the zone is delegated to.
        servers: Option<Count>,
    }
}

macro_rules! codes {
    ($($NAME:ident = $word:literal, $side:ident, $meaning:literal, $advice:literal;)*) => {
        $(const $NAME: Code = Code { word: $word, side: Side::$side, meaning: $meaning, advice: $advice };)*
    };
}

codes! {
    NO_SUCH_RECORD = "no-such-record", Fail, "the name is there, and has no record of this type (NODATA)", "was the record deleted, or made with another type? look at the zone at your DNS provider";
    ALIAS_CIRCLE = "alias-circle", Fail, "the aliases (CNAME) of this name lead in a circle", "look at each alias on the way: one of them points back";
    ALIASES_TOO_MANY = "aliases-too-many", Fail, "more aliases (CNAME) follow each other than resolvers go along with", "point the name nearer to its end; each alias costs a lookup, and one more place where it can break";
    LAME_SERVER = "lame-server", Fail, "a name server that the zone is delegated to does not speak for it", "take it out of the NS records at the registrar and in the zone, or give it the zone";
    SILENT_SERVER = "silent-server", Fail, "a name server of the zone does not answer", "is it up, and is port 53 open over UDP and TCP? until then take it out of the NS records";
    SERVERS_DISAGREE = "servers-disagree", Fail, "the name servers of the zone have different answers", "has a secondary stopped to transfer the zone? compare the serials";
    STALE_ANSWER = "stale-answer", Fail, "the resolver says something that none of the zone's servers says (any more)", "an old answer stays until its TTL is over; a resolver that rewrites answers does not mend itself";
    SERIALS_DIFFER = "serials-differ", Fail, "the name servers have the zone in different versions", "look at the transfers (AXFR, NOTIFY) from the primary to the others";
    SERVER_NOT_SEEN = "server-not-seen", Unknown, "a name server of the zone could not be asked from here", "the detail says what kept us from it: a missing route, no IPv6, ...";
}

impl Kind for Dns {
    const NAME: &'static str = "dns";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[
        NO_SUCH_RECORD,
        ALIAS_CIRCLE,
        ALIASES_TOO_MANY,
        LAME_SERVER,
        SILENT_SERVER,
        SERVERS_DISAGREE,
        STALE_ANSWER,
        SERIALS_DIFFER,
        SERVER_NOT_SEEN,
    ];
    const DEAD: &'static [&'static str] = &[
        "name = \"shop.example\"\nresolver = \"127.0.0.1:1\"\nexpect.within = \"1s\"",
        "name = \"shop.example\"\nresolver = \"127.0.0.1:1\"\ntransport = \"tcp\"\nexpect.absent = \"either\"",
        "name = \"shop.example\"\nresolver = \"127.0.0.1:1\"\ntransport = \"tls\"\nexpect.absent = \"either\"",
    ];

    type Look = DnsLook;
    type Expect = DnsExpect;
    type Seen = DnsSeen;

    fn validate(look: &DnsLook, expect: &DnsExpect, table: &Node, problems: &mut Problems) {
        if let Err(what) = name_of(look) {
            problems.suggest(table.place(&["name"]), what, "it could never be asked for", "\"shop.example\"");
        }
        if let Some(Address::Literal(text)) = &look.resolver
            && host_of(text, 53).is_none()
        {
            let what = format!("`{text}` is no address of a resolver");
            problems.suggest(table.place(&["resolver"]), what, "it is asked there", "\"192.0.2.53:53\"");
        }
        for (key, is_set) in [("server_name", look.server_name.is_some()), ("roots", look.roots.is_some())] {
            if is_set && look.transport != Transport::Tls {
                let what = format!("`{key}` without TLS");
                problems.suggest(table.place(&[key]), what, "nothing shows a certificate", "transport = \"tls\"");
            }
        }
        let lists = [("contains", &expect.contains), ("equals", &expect.equals), ("excludes", &expect.excludes)];
        for (key, value) in lists.iter().flat_map(|(key, list)| list.iter().map(move |value| (*key, value))) {
            if let Err(what) = canonical(look.record, value) {
                let why = format!("no {} record has such a value", look.record);
                problems.add(table.place(&["expect", key]), what, why);
            }
        }
        for name in expect.aliases.iter() {
            if let Err(what) = Name::parse(name) {
                problems.add(table.place(&["expect", "aliases"]), what, "no alias leads there");
            }
        }
        for text in expect.target.iter().flat_map(texts) {
            let place = table.place(&["expect", "target"]);
            match Name::parse(&text).map(|name| name.text()) {
                Ok(seen) if seen == text => {}
                Ok(seen) => {
                    let why = "names are seen in lower case, in ASCII and without their last dot";
                    problems.suggest(place, format!("`{text}` is never seen so"), why, format!("\"{seen}\""));
                }
                Err(what) => problems.add(place, what, "no alias leads there"),
            }
        }
        let follows = !expect.aliases.is_empty() || expect.target.is_some();
        if follows && look.record == RecordType::Cname {
            let key = if expect.target.is_some() { "target" } else { "aliases" };
            let why = "asked for CNAME, a resolver gives the first alias and follows none";
            problems.suggest(table.place(&["expect", key]), format!("`{key}` of a CNAME record"), why, "equals");
        }
        let of_values = !expect.contains.is_empty()
            || !expect.equals.is_empty()
            || !expect.excludes.is_empty()
            || !expect.matches.is_empty()
            || expect.count.is_some()
            || expect.ttl.is_some();
        if expect.absent.is_some() && (of_values || follows) {
            let why = "what is not there has no values";
            problems.add(table.place(&["expect", "absent"]), "`absent` beside expectations on values", why);
        }
        for (key, set) in [("agree", expect.agree), ("fresh", expect.fresh), ("serials", expect.serials)] {
            if set == Some(false) {
                let what = format!("`{key} = false` says nothing");
                problems.add(table.place(&["expect", key]), what, "leave it out, or say what must be");
            }
            if set == Some(true) && !look.authoritative {
                let what = format!("`{key}` without the zone's servers");
                let why = "they would have to be asked";
                problems.suggest(table.place(&["expect", key]), what, why, "authoritative = true");
            }
        }
        if expect.servers.is_some() && !look.authoritative {
            let what = "`servers` without the zone's servers";
            let why = "they would have to be asked";
            problems.suggest(table.place(&["expect", "servers"]), what, why, "authoritative = true");
        }
    }

    fn describe(look: &DnsLook) -> String {
        let by = look.resolver.as_ref().map(|resolver| format!(" @{}", resolver.shown())).unwrap_or_default();
        let over = match look.transport {
            Transport::Udp => String::new(),
            Transport::Tcp | Transport::Tls => format!(" over {}", look.transport.word().to_uppercase()),
        };
        format!("{} {}{by}{over}", look.record, look.name)
    }

    fn addresses(look: &DnsLook) -> Vec<&Address> {
        look.resolver.iter().collect()
    }

    async fn observe(look: &DnsLook, world: &World) -> Outcome<DnsSeen> {
        look_up(look, world).await.into()
    }

    fn judge(expect: &DnsExpect, seen: &DnsSeen, at: Timestamp, judgement: &mut Judgement) {
        judge_end(expect, seen, judgement);
        judge_values(expect, seen, judgement);
        let ttls = seen.ttls_that_count();
        if let Some(predicate) = &expect.ttl {
            let mut inner = Judgement::default();
            if ttls.is_empty() {
                predicate.judge(Reading::Missing, at, &mut inner);
            }
            for ttl in ttls {
                predicate.judge(Reading::Value(&json!(ttl)), at, &mut inner);
            }
            absorb("ttl", inner, judgement);
        }
        for alias in expect.aliases.iter().filter(|alias| !seen.aliases.contains(&lower(alias))) {
            judgement.add(codes::NOT_CONTAINED, |f| {
                f.of(format!("aliases.{}", quoted(alias)))
                    .expected(alias.as_str())
                    .seen(SeenValue::value(&json!(seen.aliases)))
            });
        }
        if let Some(predicate) = &expect.target {
            let mut inner = Judgement::default();
            let last = seen.aliases.last().map(|name| json!(name));
            predicate.judge(last.as_ref().map_or(Reading::Missing, Reading::Value), at, &mut inner);
            absorb("target", inner, judgement);
        }
        if let Some(within) = expect.within
            && seen.took > within
        {
            let slow = json!(seen.took.to_string());
            judgement
                .add(codes::TOO_SLOW, |f| f.of("within").expected(within.to_string()).seen(SeenValue::Value(slow)));
        }
        judge_zone(expect, seen, judgement);
    }

    fn claims(expect: &DnsExpect) -> Vec<String> {
        let mut claims = Vec::new();
        claims.extend(expect.contains.iter().map(|value| format!("contains.{}", quoted(value))));
        claims.extend((!expect.equals.is_empty()).then(|| "equals".to_owned()));
        claims.extend(expect.excludes.iter().map(|value| format!("excludes.{}", quoted(value))));
        claims.extend(expect.matches.iter().map(|pattern| format!("matches.{}", quoted(pattern.source()))));
        claims.extend(expect.count.iter().map(|_| "count".to_owned()));
        claims.extend(expect.ttl.iter().flat_map(|predicate| predicate_claims("ttl", predicate)));
        claims.extend(expect.aliases.iter().map(|alias| format!("aliases.{}", quoted(alias))));
        claims.extend(expect.target.iter().flat_map(|predicate| predicate_claims("target", predicate)));
        claims.extend(expect.absent.map(|_| "absent".to_owned()));
        claims.extend(expect.within.map(|_| "within".to_owned()));
        for (key, set) in [("agree", expect.agree), ("fresh", expect.fresh), ("serials", expect.serials)] {
            claims.extend(set.map(|_| key.to_owned()));
        }
        claims.extend(expect.servers.iter().map(|_| "servers".to_owned()));
        claims
    }

    fn numbers(seen: &DnsSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("total".into(), json!(seen.took.micros()));
        numbers.insert("values".into(), json!(seen.values.len()));
        if let Some(ttl) = seen.ttls.iter().min() {
            numbers.insert("ttl".into(), json!(ttl));
        }
        if let Some(serial) = seen.zone.iter().flat_map(|zone| &zone.servers).filter_map(|server| server.serial).max() {
            numbers.insert("serial".into(), json!(serial));
        }
        numbers
    }

    fn impostors(look: &DnsLook, seen: &DnsSeen, _: Timestamp, others: &[Other<'_, Dns>]) -> Vec<Sabotage<DnsSeen>> {
        sabotage::impostors(look, seen, others)
    }

    fn breakages(expect: &DnsExpect, seen: &DnsSeen, at: Timestamp) -> Vec<Breakage<DnsSeen>> {
        sabotage::breakages(expect, seen, at)
    }

    fn variations(seen: &DnsSeen) -> Vec<Sabotage<DnsSeen>> {
        sabotage::variations(seen)
    }

    fn unclaimed(expect: &DnsExpect, seen: &DnsSeen) -> Unclaimed {
        let values = !expect.contains.is_empty()
            || !expect.equals.is_empty()
            || !expect.excludes.is_empty()
            || !expect.matches.is_empty()
            || expect.count.is_some();
        let aliases = !expect.aliases.is_empty() || expect.target.is_some();
        let zone = expect.agree.or(expect.fresh).or(expect.serials).is_some() || expect.servers.is_some();
        let there = [
            ("values", !seen.values.is_empty(), values),
            ("ttl", !seen.ttls.is_empty(), expect.ttl.is_some()),
            ("aliases", !seen.aliases.is_empty(), aliases),
            ("zone", seen.zone.is_some(), zone),
        ];
        let there: Vec<_> = there.into_iter().filter(|(_, there, _)| *there).collect();
        let fields = there.iter().filter(|(_, _, read)| !read).map(|(name, _, _)| (*name).to_owned()).collect();
        Unclaimed { of: there.len(), fields }
    }

    fn candidates(_: &DnsLook, greens: &[&DnsSeen]) -> Vec<Value> {
        sabotage::candidates(greens)
    }

    fn exemplars() -> Vec<Exemplar<DnsSeen>> {
        sabotage::exemplars()
    }
}

impl DnsSeen {
    /// Those of the zone's servers if one answered: a resolver counts its own down.
    fn ttls_that_count(&self) -> Vec<u32> {
        let of_zone: Vec<u32> =
            self.zone.iter().flat_map(|zone| &zone.servers).flat_map(|server| server.ttls.clone()).collect();
        if of_zone.is_empty() { self.ttls.clone() } else { of_zone }
    }
}

fn judge_end(expect: &DnsExpect, seen: &DnsSeen, judgement: &mut Judgement) {
    let way = || SeenValue::value(&json!(seen.aliases));
    match (seen.end, expect.absent) {
        (End::Circle, _) => judgement.add(ALIAS_CIRCLE, |f| f.seen(way())),
        (End::TooLong, _) => {
            let most = format!("more than {MOST_ALIASES} aliases");
            judgement.add(ALIASES_TOO_MANY, |f| f.seen(way()).detail(most));
        }
        (End::NxDomain, Some(Absence::NxDomain | Absence::Either))
        | (End::NoData, Some(Absence::NoData | Absence::Either))
        | (End::Found, None) => {}
        (End::NxDomain, None) => judgement.add(codes::NAME_NOT_FOUND, |f| {
            let at = seen.aliases.last().map(|alias| format!("its alias leads to {alias}, which does not exist"));
            f.detail(at.unwrap_or_else(|| format!("NXDOMAIN, says {}", seen.resolver)))
        }),
        (End::NoData, None) => judgement.add(NO_SUCH_RECORD, |f| f.detail(format!("says {}", seen.resolver))),
        (End::Found, Some(absence)) => judgement.add(codes::FORBIDDEN, |f| {
            f.of("absent").expected(absence.word()).seen(SeenValue::value(&json!(seen.values)))
        }),
        (End::NxDomain | End::NoData, Some(absence)) => judgement
            .add(codes::UNEQUAL, |f| f.of("absent").expected(absence.word()).seen(SeenValue::Value(json!(seen.end)))),
    }
}

fn judge_values(expect: &DnsExpect, seen: &DnsSeen, judgement: &mut Judgement) {
    let all = || SeenValue::value(&json!(seen.values));
    let or_missing = |code| if seen.values.is_empty() { codes::MISSING } else { code };
    let has = |value: &String| has(seen, value);
    for value in expect.contains.iter().filter(|value| !has(value)) {
        judgement.add(or_missing(codes::NOT_CONTAINED), |f| {
            f.of(format!("contains.{}", quoted(value))).expected(value.as_str()).seen(all())
        });
    }
    if !expect.equals.is_empty() {
        let wanted: BTreeSet<&String> = expect.equals.iter().collect();
        let every = wanted.iter().all(|value| has(value));
        if !every || seen.values.len() != wanted.len() {
            judgement
                .add(or_missing(codes::UNEQUAL), |f| f.of("equals").expected(json!(&expect.equals[..])).seen(all()));
        }
    }
    for value in expect.excludes.iter().filter(|value| seen.values.is_empty() || has(value)) {
        judgement.add(or_missing(codes::FORBIDDEN), |f| {
            f.of(format!("excludes.{}", quoted(value))).expected(value.as_str()).seen(all())
        });
    }
    for pattern in expect.matches.iter().filter(|pattern| !seen.values.iter().any(|value| pattern.is_match(value))) {
        judgement.add(or_missing(codes::NO_MATCH), |f| {
            f.of(format!("matches.{}", quoted(pattern.source()))).expected(pattern.source()).seen(all())
        });
    }
    if let Some(count) = &expect.count
        && !count.admits(seen.values.len() as u64)
    {
        use steadfast_core::setting::Setting;
        let expected = count.write();
        judgement.add(codes::OUT_OF_BOUNDS, |f| {
            f.of("count").expected(expected).seen(SeenValue::Value(json!(seen.values.len())))
        });
    }
}

/// Whether a value that is expected is among those that are seen.
fn has(seen: &DnsSeen, wanted: &str) -> bool {
    let wanted = canonical(seen.record, wanted).unwrap_or_else(|_| wanted.to_owned());
    seen.values.contains(&wanted)
}

/// The texts of which a predicate wants one.
fn texts(predicate: &Predicate) -> Vec<String> {
    let wanted = ["equals", "one_of"].into_iter().filter(|operator| predicate.operators().contains(operator));
    let values = wanted.flat_map(|operator| match &predicate.expected(operator)[operator] {
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    });
    values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn lower(name: &str) -> String {
    Name::parse(name).map_or_else(|_| name.to_owned(), |name| name.text())
}

fn absorb(under: &str, inner: Judgement, judgement: &mut Judgement) {
    judgement.absorb(inner, |finding| {
        Finding { claim: format!("{under}.{}", finding.claim), ..finding }.at(Place::Field(under.to_owned()))
    });
}
