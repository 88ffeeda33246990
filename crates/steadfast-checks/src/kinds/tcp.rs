//! The kind `tcp`: a connection, what is sent over it, and what comes back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Place, Seen as SeenValue, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::{Bytes, Lapse, Pattern};
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::proof::{Breakage, Sabotage, Unclaimed};
use steadfast_core::secret::Text;
use steadfast_core::setting::{Node, OneOrMany, Problems};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::{World, endpoint_of};
use steadfast_probe::dial::dial;
use steadfast_probe::patience::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::text_claims::{Body, TextClaims, stable_lines};

/// The kind `tcp`.
pub struct Tcp;

steadfast_core::words! {
    /// What is read from a connection.
    pub enum Listen {
        /// Nothing: the connection is all there is to see.
        Nothing = "nothing",
        /// Up to the first line break: a banner, or the answer to one command.
        Line = "line",
        /// Until the other side closes the connection.
        End = "end",
    }
}

steadfast_core::settings! {
    /// Connects, sends what there is to send, and reads what comes back.
    ///
    /// That a port takes connections says little: a proxy, a container's port mapping or a systemd socket takes them
    /// for a service that is not there. Have it say something, and read it: `read = "line"`.
    pub struct TcpLook {
        /// `host:port`, a URL with a port, or `{ target = "queue" }`.
        address: Address,
        /// What to send: `"PING\r\n"`, or parts, of which one may be a secret:
        /// `["AUTH ", { env = "REDIS_PASSWORD" }, "\r\nPING\r\n"]`.
        send: OneOrMany<Text>,
        /// What to read: `nothing`, a `line`, or all to the `end` of the connection.
        read: Listen = Listen::Nothing,
        /// How much is read at the most.
        read_limit: Bytes = Bytes(64 << 10),
    }
}

steadfast_core::settings! {
    /// What comes back is read as text; what is not UTF-8 becomes U+FFFD.
    pub struct TcpExpect {
        /// How long it may take, from asking for the name to the last byte that is read.
        within: Option<Lapse>,
        /// Texts that must occur in what comes back.
        banner_contains: OneOrMany<String>,
        /// Texts that must not occur in it.
        banner_excludes: OneOrMany<String>,
        /// Regular expressions that must match somewhere in it: `"^220 mail\\."`.
        banner_matches: OneOrMany<Pattern>,
    }
}

impl TcpExpect {
    fn texts(&self) -> TextClaims<'_> {
        TextClaims {
            under: "banner_",
            contains: &self.banner_contains,
            excludes: &self.banner_excludes,
            matches: &self.banner_matches,
        }
    }
}

/// What a connection shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpSeen {
    /// The address that answered.
    pub remote: String,
    /// From asking for the name to the connection.
    pub connect: Lapse,
    /// All of it, to the last byte that was read.
    pub took: Lapse,
    /// What came back, if it was read.
    pub banner: Option<Banner>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banner {
    /// As text.
    pub text: String,
    /// Whether there was more than may be read.
    pub cut: bool,
}

impl Banner {
    fn of(text: &str) -> Banner {
        Banner { text: text.to_owned(), cut: false }
    }

    fn body(&self) -> Body<'_> {
        Body { bytes: self.text.as_bytes(), whole: !self.cut }
    }
}

impl Kind for Tcp {
    const NAME: &'static str = "tcp";
    const SHAPE: u16 = 1;
    const DEAD: &'static [&'static str] = &[
        "address = \"127.0.0.1:1\"\nexpect.within = \"1s\"",
        "address = \"nobody.invalid:6379\"\nread = \"line\"\nexpect.banner_contains = \"PONG\"",
    ];
    const WITH_SECRETS: &'static [&'static str] = &[
        "address = \"{echo}\"\nsend = [\"GET / HTTP/1.0\\r\\nx: \", { env = \"CANARY_TOKEN\" }, \"\\r\\n\\r\\n\"]\n\
         read = \"end\"\nexpect.banner_contains = \"200 OK\"",
        "address = \"{echo}\"\nsend = [\"GET /\", { env = \"CANARY_TOKEN\" }, \" HTTP/1.0\\r\\n\\r\\n\"]\n\
         read = \"end\"\nread_limit = \"75B\"\nexpect.banner_contains = \"200 OK\"",
    ];

    type Look = TcpLook;
    type Expect = TcpExpect;
    type Seen = TcpSeen;

    fn validate(look: &TcpLook, expect: &TcpExpect, table: &Node, problems: &mut Problems) {
        if let Address::Literal(text) = &look.address
            && endpoint_of(text).is_none()
        {
            let what = format!("`{text}` is no address with a port");
            problems.suggest(table.place(&["address"]), what, "a connection needs both", "\"127.0.0.1:6379\"");
        }
        if look.read == Listen::Nothing && !expect.texts().claims().is_empty() {
            let why = "there would be no text to hold to it";
            problems.suggest(table.place(&["expect"]), "nothing is read", why, "read = \"line\"");
        }
        if look.read_limit.0 == 0 || look.read_limit.0 > MOST {
            let what = "a limit out of bounds";
            problems.suggest(table.place(&["read_limit"]), what, "what is read is kept", "from 1B to 16MiB");
        }
    }

    fn describe(look: &TcpLook) -> String {
        format!("TCP {}", look.address.shown())
    }

    fn addresses(look: &TcpLook) -> Vec<&Address> {
        vec![&look.address]
    }

    /// Nobody knows what the bytes do at the other end.
    fn repeatable(look: &TcpLook) -> bool {
        look.send.is_empty()
    }

    async fn observe(look: &TcpLook, world: &World) -> Outcome<TcpSeen> {
        converse(look, world).await.into()
    }

    fn judge(expect: &TcpExpect, seen: &TcpSeen, _: Timestamp, judgement: &mut Judgement) {
        if let Some(within) = expect.within
            && seen.took > within
        {
            let slow = json!(seen.took.to_string());
            judgement
                .add(codes::TOO_SLOW, |f| f.of("within").expected(within.to_string()).seen(SeenValue::Value(slow)));
        }
        let mut inner = Judgement::default();
        match &seen.banner {
            Some(banner) => expect.texts().judge(banner.body(), &mut inner),
            None => {
                for claim in expect.texts().claims() {
                    inner.add(codes::MISSING, |f| f.of(claim).seen(SeenValue::Missing));
                }
            }
        }
        judgement.absorb(inner, |finding| finding.at(Place::Field("banner".into())));
    }

    fn claims(expect: &TcpExpect) -> Vec<String> {
        expect.within.map(|_| "within".to_owned()).into_iter().chain(expect.texts().claims()).collect()
    }

    fn numbers(seen: &TcpSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("connect".into(), json!(seen.connect.micros()));
        numbers.insert("total".into(), json!(seen.took.micros()));
        numbers
    }

    fn impostors(_: &TcpLook, seen: &TcpSeen, _: Timestamp, others: &[Other<'_, Tcp>]) -> Vec<Sabotage<TcpSeen>> {
        let Some(banner) = &seen.banner else {
            return vec![Sabotage::seen(
                "taken by a proxy",
                "the service is gone; the proxy in front of it, or the container's port mapping, takes the connection",
                seen.clone(),
            )];
        };
        let with = |banner: Banner| TcpSeen { banner: Some(banner), ..seen.clone() };
        let mut impostors = vec![
            Sabotage::seen(
                "closed without a word",
                "the proxy takes the connection, finds the service gone, and closes it",
                with(Banner::of("")),
            ),
            Sabotage::seen(
                "another service",
                "the address was given to another machine, or the port to another program",
                with(Banner::of("SSH-2.0-OpenSSH_9.9\r\n")),
            ),
            Sabotage::seen(
                "a refusal",
                "the service is up and turns everybody away: starting, overloaded, out of connections",
                with(Banner::of("-ERR 421 4.3.2 not available, try again later\r\n")),
            ),
            Sabotage::seen(
                "endless chatter",
                "another program on this port talks without an end",
                with(Banner { text: "0123456789".repeat(8), cut: true }),
            ),
        ];
        let foreign = others.iter().filter(|other| other.seen.banner.as_ref().is_some_and(|other| other != banner));
        impostors.extend(foreign.map(|other| {
            let name = format!("answer of {}", other.id);
            Sabotage::seen(
                name,
                "the route leads to another service of ours",
                TcpSeen { banner: other.seen.banner.clone(), ..seen.clone() },
            )
        }));
        impostors
    }

    fn breakages(expect: &TcpExpect, seen: &TcpSeen, _: Timestamp) -> Vec<Breakage<TcpSeen>> {
        let mut broken = Vec::new();
        if let Some(within) = expect.within {
            let slow = TcpSeen { took: Lapse(within.0 + std::time::Duration::from_millis(1)), ..seen.clone() };
            broken.push(Breakage::new("within", "one millisecond late", "the first moment of being too slow", slow));
        }
        if let Some(banner) = &seen.banner {
            broken.extend(expect.texts().breakages(banner.body()).into_iter().map(|change| {
                let other = Banner { text: change.text, cut: banner.cut };
                Breakage::new(change.claim, change.name, change.story, TcpSeen { banner: Some(other), ..seen.clone() })
            }));
        }
        broken
    }

    fn variations(seen: &TcpSeen) -> Vec<Sabotage<TcpSeen>> {
        let slower =
            TcpSeen { took: Lapse(seen.took.0 * 3 / 2), connect: Lapse(seen.connect.0 * 3 / 2), ..seen.clone() };
        let moved = TcpSeen { remote: "192.0.2.99:1".into(), ..seen.clone() };
        vec![
            Sabotage::seen("slower by half", "an ordinary busy hour", slower),
            Sabotage::seen("another machine", "the name leads to another of several machines", moved),
        ]
    }

    fn unclaimed(expect: &TcpExpect, seen: &TcpSeen) -> Unclaimed {
        let there = seen.banner.as_ref().is_some_and(|banner| !banner.text.is_empty());
        let read = !expect.texts().claims().is_empty();
        let fields = (there && !read).then(|| "banner".to_owned()).into_iter().collect();
        Unclaimed { of: usize::from(there), fields }
    }

    fn candidates(_: &TcpLook, greens: &[&TcpSeen]) -> Vec<Value> {
        let banners: Vec<&str> =
            greens.iter().filter_map(|seen| seen.banner.as_ref()).map(|b| b.text.as_str()).collect();
        if banners.len() < greens.len() {
            return Vec::new();
        }
        stable_lines(&banners).into_iter().map(|line| json!({ "banner_contains": [line] })).collect()
    }

    fn exemplars() -> Vec<Exemplar<TcpSeen>> {
        let seen = |remote: &str, text: &str| TcpSeen {
            remote: remote.to_owned(),
            connect: Lapse(std::time::Duration::from_micros(300)),
            took: Lapse(std::time::Duration::from_micros(900)),
            banner: Some(Banner::of(text)),
        };
        let survivors = &["closed without a word", "another service", "a refusal", "endless chatter", "answer of *"];
        vec![
            Exemplar {
                good: "address = \"127.0.0.1:6379\"\nsend = \"PING\\r\\n\"\nread = \"line\"\n\
                       [expect]\nwithin = \"500ms\"\nbanner_matches = \"^\\\\+PONG\\r\\n\"\n",
                naive: "address = \"127.0.0.1:6379\"\nexpect.within = \"500ms\"",
                naive_survivors: survivors,
                seen: seen("127.0.0.1:6379", "+PONG\r\n"),
            },
            Exemplar {
                good: "address = \"mail.example:25\"\nread = \"line\"\n\
                       [expect]\nbanner_contains = \"220 mail.example\"\nbanner_excludes = \"not available\"\n",
                naive: "address = \"mail.example:25\"\nexpect.within = \"2s\"",
                naive_survivors: survivors,
                seen: seen("192.0.2.25:25", "220 mail.example ESMTP OpenSMTPD\r\n"),
            },
        ]
    }
}

/// What is read is kept in memory and in the ledger.
const MOST: u64 = 16 << 20;

/// No secret that we send is longer; so much is read beyond the limit that one which stands across it is recognised.
const MARGIN: usize = 4 << 10;

async fn converse(look: &TcpLook, world: &World) -> Result<TcpSeen, Trouble> {
    let address = world.address(&look.address)?;
    let Some((host, port)) = endpoint_of(address.expose()) else {
        return Err(Trouble::new(codes::LOCAL_TROUBLE, "the address has no host, or no port"));
    };
    let mut sent = Vec::new();
    for part in look.send.iter() {
        sent.extend_from_slice(world.text(part)?.expose().as_bytes());
    }
    let began = world.clock().elapsed();
    let mut dialled = dial(world, &host, port).await?;
    let connect = Lapse(dialled.dns + dialled.connect);
    if !sent.is_empty() {
        let written = within(world, dialled.stream.write_all(&sent)).await?;
        written.map_err(|why| Trouble::of_io(&why))?;
    }
    let limit = usize::try_from(look.read_limit.0).unwrap_or(usize::MAX);
    let banner = match look.read {
        Listen::Nothing => None,
        Listen::Line | Listen::End => {
            let mut bytes = Vec::new();
            while bytes.len() < limit.saturating_add(MARGIN) && !is_complete(look.read, &bytes) {
                match within(world, dialled.stream.read_buf(&mut bytes)).await? {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(why) => return Err(Trouble::of_io(&why)),
                }
            }
            if look.read == Listen::Line
                && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
            {
                bytes.truncate(end + 1);
            }
            let whole = String::from_utf8_lossy(&bytes);
            let mut text = world.redactor().text(&whole).unwrap_or_else(|| whole.clone().into_owned());
            let cut = bytes.len() > limit;
            text.truncate(text.floor_char_boundary(limit.min(text.len())));
            Some(Banner { text, cut })
        }
    };
    let took = Lapse(world.clock().elapsed().saturating_sub(began));
    Ok(TcpSeen { remote: dialled.remote.to_string(), connect, took, banner })
}

fn is_complete(read: Listen, bytes: &[u8]) -> bool {
    match read {
        Listen::Line => bytes.contains(&b'\n'),
        Listen::Nothing => true,
        Listen::End => false,
    }
}
