//! The kind `icmp`: whether a host answers to ping, how fast, and over how many hops.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Code, Finding, Place, Seen as SeenValue, Side, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::{Predicate, Reading, breakages};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::setting::{Node, Problems};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::World;
use steadfast_probe::icmp::{CUT_SHORT, Echo, NOT_ALLOWED, Ping, ping};

use crate::host::host_of;
use crate::text_claims::{predicate_claims, story_of};

/// The kind `icmp`.
pub struct Icmp;

steadfast_core::settings! {
    /// Sends ICMP echoes to a host and waits for each of them: ping. It shows that a machine and the way to it are
    /// there, and nothing of what runs on it.
    ///
    /// It needs no privilege where the kernel lets the process's group send echoes (`net.ipv4.ping_group_range`);
    /// elsewhere the check is unknown (`ping-not-allowed`), with the line to set.
    pub struct IcmpLook {
        /// A host or IP address: `"db.example"`, or `{ target = "shop" }`. A port only serves to find its route.
        address: Address,
        /// How many echoes.
        count: u32 = 3,
        /// The time from one echo to the next.
        interval: Lapse = Lapse(std::time::Duration::from_millis(200)),
        /// How long each is waited for; after that it is lost.
        wait: Lapse = Lapse::seconds(1),
        /// Over how many routers an echo may go at the most, on its way there; without it the system's own limit.
        hops: Option<u16>,
    }
}

steadfast_core::settings! {
    /// A host that answers no echo at all fails whatever is expected.
    pub struct IcmpExpect {
        /// How many of a hundred echoes may be lost: 0 for none.
        loss_at_most: Option<f64>,
        /// How long the slowest answer may take.
        within: Option<Lapse>,
        /// A predicate on the hop limit (TTL) that each answer still has when it comes: another machine, or another
        /// way to it, often has another one.
        ttl: Option<Predicate>,
    }
}

/// What became of the echoes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IcmpSeen {
    /// The address that was asked.
    pub remote: String,
    /// Each echo, in order.
    pub echoes: Vec<Echo>,
}

impl IcmpSeen {
    fn times(&self) -> impl Iterator<Item = Lapse> {
        self.echoes.iter().filter_map(|echo| match echo {
            Echo::Answered { took, ttl: _ } => Some(*took),
            Echo::Lost | Echo::Unreachable(_) => None,
        })
    }

    fn hops(&self) -> impl Iterator<Item = Option<i64>> {
        self.echoes.iter().filter_map(|echo| match echo {
            Echo::Answered { took: _, ttl } => Some(*ttl),
            Echo::Lost | Echo::Unreachable(_) => None,
        })
    }

    fn unreachable(&self) -> Option<&str> {
        self.echoes.iter().find_map(|echo| match echo {
            Echo::Unreachable(why) => Some(why.as_str()),
            Echo::Lost | Echo::Answered { .. } => None,
        })
    }

    /// In percent.
    fn loss(&self) -> f64 {
        let all = self.echoes.len().max(1) as f64;
        100.0 * (self.echoes.len() - self.times().count()) as f64 / all
    }

    fn map(&self, change: impl Fn(Lapse, Option<i64>) -> Echo) -> IcmpSeen {
        let echoes = self.echoes.iter().map(|echo| match echo {
            Echo::Answered { took, ttl } => change(*took, *ttl),
            Echo::Lost | Echo::Unreachable(_) => echo.clone(),
        });
        IcmpSeen { echoes: echoes.collect(), ..self.clone() }
    }

    fn losing(&self, lost: usize) -> IcmpSeen {
        let mut seen = self.clone();
        seen.echoes.iter_mut().rev().take(lost).for_each(|echo| *echo = Echo::Lost);
        seen
    }
}

const PACKETS_LOST: Code = Code {
    word: "packets-lost",
    side: Side::Fail,
    meaning: "more echoes were lost than may be",
    advice: "a full link, a bad cable, or a limit on ICMP: mtr shows where they are lost",
};

/// So many are plenty, and no flood.
const MOST: u32 = 100;

impl Kind for Icmp {
    const NAME: &'static str = "icmp";
    const SHAPE: u16 = 1;
    const CODES: &'static [Code] = &[PACKETS_LOST, NOT_ALLOWED, CUT_SHORT];
    const DEAD: &'static [&'static str] = &[
        "address = \"192.0.2.1\"\ncount = 1\nwait = \"300ms\"\nexpect.within = \"1s\"",
        "address = \"nobody.invalid\"\nexpect.loss_at_most = 0",
    ];

    type Look = IcmpLook;
    type Expect = IcmpExpect;
    type Seen = IcmpSeen;

    fn validate(look: &IcmpLook, expect: &IcmpExpect, table: &Node, problems: &mut Problems) {
        if let Address::Literal(text) = &look.address
            && host_of(text, 0).is_none()
        {
            let what = format!("`{text}` is no host");
            problems.suggest(table.place(&["address"]), what, "an echo is sent to one", "\"db.example\"");
        }
        if look.count == 0 || look.count > MOST {
            let instead = format!("from 1 to {MOST}");
            problems.suggest(table.place(&["count"]), "a count out of bounds", "a look is no flood", instead);
        }
        if look.interval < SHORTEST {
            let instead = format!("\"{SHORTEST}\" or more");
            problems.suggest(table.place(&["interval"]), "an interval too short", "a look is no flood", instead);
        }
        if look.wait == Lapse::seconds(0) {
            problems.add(table.place(&["wait"]), "no time to wait", "every echo would be lost");
        }
        if look.hops.is_some_and(|hops| hops == 0 || hops > 255) {
            problems.suggest(table.place(&["hops"]), "hops out of bounds", "it is one byte", "from 1 to 255");
        }
        if expect.loss_at_most.is_some_and(|loss| !(0.0..100.0).contains(&loss)) {
            let why = "it is a percentage, and a host that answers nothing fails anyway";
            problems.suggest(table.place(&["expect", "loss_at_most"]), "a loss out of bounds", why, "from 0 to 99");
        }
    }

    fn describe(look: &IcmpLook) -> String {
        format!("ping {}", look.address.shown())
    }

    fn addresses(look: &IcmpLook) -> Vec<&Address> {
        vec![&look.address]
    }

    async fn observe(look: &IcmpLook, world: &World) -> Outcome<IcmpSeen> {
        echo(look, world).await.into()
    }

    fn judge(expect: &IcmpExpect, seen: &IcmpSeen, at: Timestamp, judgement: &mut Judgement) {
        if seen.times().next().is_none() {
            match seen.unreachable() {
                Some(why) => judgement.add(codes::HOST_UNREACHABLE, |f| f.detail(why)),
                None => {
                    let sent = format!("none of {} echoes was answered", seen.echoes.len());
                    judgement.add(codes::TIMEOUT, |f| f.detail(sent));
                }
            }
        }
        if let Some(most) = expect.loss_at_most
            && seen.loss() > most
        {
            judgement.add(PACKETS_LOST, |f| {
                f.of("loss_at_most")
                    .expected(json!({ "at_most": most }))
                    .seen(SeenValue::Value(json!(seen.loss().round())))
                    .detail(seen.unreachable().unwrap_or_default())
            });
        }
        if let Some(within) = expect.within {
            match seen.times().max() {
                Some(slowest) if slowest > within => judgement.add(codes::TOO_SLOW, |f| {
                    let slow = json!(slowest.to_string());
                    f.of("within").expected(within.to_string()).seen(SeenValue::Value(slow))
                }),
                Some(_) => {}
                None => judgement.add(codes::MISSING, |f| f.of("within").seen(SeenValue::Missing)),
            }
        }
        if let Some(predicate) = &expect.ttl {
            let mut inner = Judgement::default();
            let all: Vec<Option<i64>> = seen.hops().collect();
            if all.is_empty() {
                predicate.judge(Reading::Missing, at, &mut inner);
            }
            for ttl in all {
                let value = ttl.map(|ttl| json!(ttl));
                predicate.judge(value.as_ref().map_or(Reading::Missing, Reading::Value), at, &mut inner);
            }
            judgement.absorb(inner, |finding| {
                Finding { claim: format!("ttl.{}", finding.claim), ..finding }.at(Place::Field("ttl".into()))
            });
        }
    }

    fn claims(expect: &IcmpExpect) -> Vec<String> {
        let loss = expect.loss_at_most.map(|_| "loss_at_most".to_owned());
        let within = expect.within.map(|_| "within".to_owned());
        let ttl = expect.ttl.iter().flat_map(|predicate| predicate_claims("ttl", predicate));
        loss.into_iter().chain(within).chain(ttl).collect()
    }

    fn numbers(seen: &IcmpSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("sent".into(), json!(seen.echoes.len()));
        numbers.insert("answered".into(), json!(seen.times().count()));
        if let (Some(fastest), Some(slowest)) = (seen.times().min(), seen.times().max()) {
            numbers.insert("fastest".into(), json!(fastest.micros()));
            numbers.insert("slowest".into(), json!(slowest.micros()));
        }
        numbers
    }

    fn impostors(_: &IcmpLook, seen: &IcmpSeen, _: Timestamp, _: &[Other<'_, Icmp>]) -> Vec<Sabotage<IcmpSeen>> {
        let mut impostors = vec![
            Sabotage::seen(
                "another machine",
                "the address was given to another machine, which answers just as well",
                seen.map(|took, ttl| Echo::Answered {
                    took,
                    ttl: ttl.map(|ttl| if ttl > 64 { ttl - 64 } else { ttl + 64 }),
                }),
            ),
            Sabotage::seen(
                "a detour",
                "the short way is down: the answers come, half way round the world",
                seen.map(|took, ttl| Echo::Answered {
                    took: Lapse(took.0 + std::time::Duration::from_millis(600)),
                    ttl: ttl.map(|ttl| ttl - 2),
                }),
            ),
        ];
        if seen.echoes.len() > 1 {
            let half = seen.echoes.len() / 2;
            impostors.push(Sabotage::seen(
                "half of them lost",
                "a link that is full or broken: some packets get through, and nothing works",
                seen.losing(half),
            ));
        }
        impostors
    }

    fn breakages(expect: &IcmpExpect, seen: &IcmpSeen, at: Timestamp) -> Vec<Breakage<IcmpSeen>> {
        let mut broken = Vec::new();
        if let Some(most) = expect.loss_at_most {
            let allowed = (most * seen.echoes.len() as f64 / 100.0).floor() as usize;
            let story = "the first packet too many is lost on a link that goes bad";
            broken.push(Breakage::new("loss_at_most", "one more lost", story, seen.losing(allowed + 1)));
        }
        if let Some(within) = expect.within {
            let late = Lapse(within.0 + std::time::Duration::from_millis(1));
            let slow = seen.map(|_, ttl| Echo::Answered { took: late, ttl });
            broken.push(Breakage::new("within", "one millisecond late", "the first moment of being too slow", slow));
        }
        if let Some(predicate) = &expect.ttl {
            let green = json!(seen.hops().flatten().next());
            for operator in predicate.operators() {
                for (change, changed) in breakages(predicate, operator, &green, at) {
                    let ttl = changed.as_ref().and_then(Value::as_i64);
                    if ttl.is_none() && change != "missing" {
                        continue;
                    }
                    let other = seen.map(|took, _| Echo::Answered { took, ttl });
                    broken.push(Breakage::new(
                        format!("ttl.{operator}"),
                        format!("ttl: {change}"),
                        story_of(change),
                        other,
                    ));
                }
            }
        }
        broken
    }

    fn variations(seen: &IcmpSeen) -> Vec<Sabotage<IcmpSeen>> {
        let slower = seen.map(|took, ttl| Echo::Answered { took: Lapse(took.0 * 3 / 2), ttl });
        let further = seen.map(|took, ttl| Echo::Answered { took, ttl: ttl.map(|ttl| ttl - 1) });
        vec![
            Sabotage::seen("slower by half", "an ordinary busy hour", slower),
            Sabotage::seen("one hop more", "the provider has added a router on the way", further),
        ]
    }

    fn unclaimed(expect: &IcmpExpect, _: &IcmpSeen) -> Unclaimed {
        let read =
            [("loss", expect.loss_at_most.is_some()), ("time", expect.within.is_some()), ("ttl", expect.ttl.is_some())];
        let fields = read.iter().filter(|(_, read)| !read).map(|(name, _)| (*name).to_owned()).collect();
        Unclaimed { of: read.len(), fields }
    }

    fn candidates(_: &IcmpLook, greens: &[&IcmpSeen]) -> Vec<Value> {
        let mut candidates = Vec::new();
        if greens.iter().all(|seen| seen.loss() == 0.0) {
            candidates.push(json!({ "loss_at_most": 0 }));
        }
        if let Some(slowest) = greens.iter().flat_map(|seen| seen.times()).max() {
            // Room for busy hours: five times the slowest, and never less than what a machine next door may take.
            let room = Lapse(std::time::Duration::from_millis((slowest.micros() * 5).div_ceil(1_000).max(50)));
            candidates.push(json!({ "within": room.to_string() }));
        }
        let hops: Vec<i64> = greens.iter().flat_map(|seen| seen.hops().flatten()).collect();
        if let (Some(least), Some(most)) = (hops.iter().min(), hops.iter().max()) {
            candidates.push(json!({ "ttl": { "between": [(least - 4).max(1), most + 4] } }));
        }
        candidates
    }

    fn exemplars() -> Vec<Exemplar<IcmpSeen>> {
        let echo =
            |micros: u64| Echo::Answered { took: Lapse(std::time::Duration::from_micros(micros)), ttl: Some(61) };
        vec![Exemplar {
            good: "address = \"db.example\"\n[expect]\nloss_at_most = 0\nwithin = \"100ms\"\nttl = { between = [57, 64] }\n",
            naive: "address = \"db.example\"\nexpect.within = \"5s\"",
            naive_survivors: &["another machine", "a detour", "half of them lost"],
            seen: IcmpSeen { remote: "192.0.2.7".into(), echoes: vec![echo(4_100), echo(3_900), echo(4_400)] },
        }]
    }
}

/// The shortest time between two echoes.
const SHORTEST: Lapse = Lapse(std::time::Duration::from_millis(10));

async fn echo(look: &IcmpLook, world: &World) -> Result<IcmpSeen, Trouble> {
    let address = world.address(&look.address)?;
    let Some((host, port)) = host_of(address.expose(), 0) else {
        return Err(Trouble::new(codes::LOCAL_TROUBLE, "the address has no host"));
    };
    let hops = look.hops.and_then(|hops| u8::try_from(hops).ok());
    let wanted = Ping { count: look.count, interval: look.interval.0, wait: look.wait.0, hops };
    let (remote, echoes) = ping(world, &host, port, wanted).await?;
    Ok(IcmpSeen { remote: remote.ip().to_string(), echoes })
}
