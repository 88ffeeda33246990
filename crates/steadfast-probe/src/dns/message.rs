//! Questions and answers: what is asked, and what of a packet that came back may be believed.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, Record as Resource, RecordType as Wire};

use super::{NoReply, Transport};

steadfast_core::words! {
    /// A type of record.
    pub enum RecordType {
        /// An IPv4 address.
        A = "A",
        /// An IPv6 address.
        Aaaa = "AAAA",
        /// The name that this one is an alias of.
        Cname = "CNAME",
        /// A mail server, with its preference.
        Mx = "MX",
        /// Text.
        Txt = "TXT",
        /// A name server of the zone.
        Ns = "NS",
        /// The zone's own record.
        Soa = "SOA",
        /// A host and port of a service (RFC 2782).
        Srv = "SRV",
        /// Who may issue certificates (RFC 8659).
        Caa = "CAA",
        /// The name of an address.
        Ptr = "PTR",
    }
}

impl RecordType {
    fn wire(self) -> Wire {
        match self {
            RecordType::A => Wire::A,
            RecordType::Aaaa => Wire::AAAA,
            RecordType::Cname => Wire::CNAME,
            RecordType::Mx => Wire::MX,
            RecordType::Txt => Wire::TXT,
            RecordType::Ns => Wire::NS,
            RecordType::Soa => Wire::SOA,
            RecordType::Srv => Wire::SRV,
            RecordType::Caa => Wire::CAA,
            RecordType::Ptr => Wire::PTR,
        }
    }
}

/// A name, absolute, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(hickory_proto::rr::Name);

impl Name {
    /// Reads a name, with or without its last dot; one in another script becomes its ASCII form (RFC 5891). The error
    /// says what is wrong with it.
    pub fn parse(text: &str) -> Result<Name, String> {
        // The full stops of other scripts are dots, too (UTS 46).
        let dotted = text.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
        let bare = dotted.strip_suffix('.').unwrap_or(&dotted);
        if bare.is_empty() {
            return Err("an empty name".into());
        }
        if bare.split('.').any(str::is_empty) {
            return Err(format!("`{text}` has an empty label"));
        }
        let mut name = hickory_proto::rr::Name::from_str_relaxed(bare).map_err(|why| format!("`{text}`: {why}"))?;
        name.set_fqdn(true);
        Ok(Name(name.to_lowercase()))
    }

    /// The name under which an address has its PTR records (RFC 1035, 3.5; RFC 3596, 2.5).
    pub fn of_address(address: IpAddr) -> Name {
        let mut name = hickory_proto::rr::Name::from(address);
        name.set_fqdn(true);
        Name(name.to_lowercase())
    }

    /// Without its last dot.
    pub fn text(&self) -> String {
        shown(&self.0)
    }
}

/// A question for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// About which name.
    pub name: Name,
    /// Which records.
    pub record: RecordType,
    /// Whether the server is to ask others.
    pub recursive: bool,
}

/// A question as it was sent.
#[derive(Debug)]
pub struct Asked {
    /// The packet.
    pub bytes: Vec<u8>,
    id: u16,
    question: Question,
}

/// How large a packet may be over UDP: one that no network cuts in two (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

impl Query {
    /// As it is sent, with an id that nobody can know.
    pub fn ask(&self) -> Asked {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        self.asked(Some(edns))
    }

    /// As it was sent before there was EDNS (RFC 6891).
    pub fn ask_plainly(&self) -> Asked {
        self.asked(None)
    }

    fn asked(&self, edns: Option<Edns>) -> Asked {
        let mut message = Message::query();
        message.metadata.recursion_desired = self.recursive;
        let question = Question::query(self.name.0.clone(), self.record.wire());
        message.add_query(question.clone());
        if let Some(edns) = edns {
            message.set_edns(edns);
        }
        // A name that could be parsed can be written.
        Asked { bytes: message.to_vec().unwrap_or_default(), id: message.metadata.id, question }
    }
}

steadfast_core::words! {
    /// What a server says of a name: the two answers that are answers.
    pub enum Status {
        /// The name is there, with or without such records.
        NoError = "noerror",
        /// There is no such name, nor one beneath it (RFC 8020).
        NxDomain = "nxdomain",
    }
}

/// What a server replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who replied.
    pub remote: String,
    /// Over what.
    pub over: Transport,
    /// What it says of the name.
    pub status: Status,
    /// Whether it speaks for the zone.
    pub authoritative: bool,
    /// Whether it asks others for us.
    pub recursive: bool,
    /// The answer.
    pub answers: Vec<Record>,
    /// What speaks for the answer, or for there being none.
    pub authorities: Vec<Record>,
    /// How long it took.
    pub took: Duration,
}

/// A record of one of the types that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub owner: String,
    /// Its type.
    pub record: RecordType,
    /// For how many seconds it may be kept.
    pub ttl: u32,
    /// Its value as text: names in lower case without their last dot.
    pub value: String,
}

/// A reply, and whether there was more that did not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The reply.
    pub reply: Reply,
    /// Whether it is cut (TC).
    pub truncated: bool,
}

impl Asked {
    /// Reads what came back. `None`: it answers no question of ours, whoever sent it.
    pub fn read(&self, bytes: &[u8]) -> Result<Option<Received>, NoReply> {
        if bytes.first_chunk() != Some(&self.id.to_be_bytes()) {
            return Ok(None);
        }
        let message = match Message::from_vec(bytes) {
            Ok(message) => message,
            // A message that is cut in the middle of a record, and says so, has to be asked for again.
            Err(_) if bytes.get(2).is_some_and(|flags| flags & 0b1000_0010 == 0b1000_0010) => {
                let mut cut = Message::response(self.id, OpCode::Query);
                cut.metadata.truncation = true;
                return Ok(Some(received(&cut)));
            }
            Err(why) => {
                return Err(NoReply::Garbled(format!("{} bytes that are no DNS message: {why}", bytes.len())));
            }
        };
        let meta = &message.metadata;
        if meta.message_type != MessageType::Response || meta.op_code != OpCode::Query {
            return Ok(None);
        }
        let ours = match message.queries.as_slice() {
            [only] => {
                only.name == self.question.name
                    && only.query_type == self.question.query_type
                    && only.query_class == self.question.query_class
            }
            // A server that could not read the question has none to repeat.
            [] => !matches!(meta.response_code, ResponseCode::NoError | ResponseCode::NXDomain),
            [_, ..] => false,
        };
        if !ours {
            return Ok(None);
        }
        match meta.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(Some(received(&message))),
            other => {
                let unread = matches!(other, ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS);
                let word = match other {
                    ResponseCode::ServFail => "SERVFAIL".to_owned(),
                    ResponseCode::Refused => "REFUSED".to_owned(),
                    ResponseCode::FormErr => "FORMERR".to_owned(),
                    ResponseCode::NotImp => "NOTIMP".to_owned(),
                    rare => format!("the code {} ({rare})", u16::from(rare)),
                };
                let what = format!("answers {word} for {}", shown(&self.question.name));
                Err(if unread { NoReply::Unread(what) } else { NoReply::Declined(what) })
            }
        }
    }
}

fn received(message: &Message) -> Received {
    let meta = &message.metadata;
    let nxdomain = meta.response_code == ResponseCode::NXDomain;
    let reply = Reply {
        remote: String::new(),
        over: Transport::Udp,
        status: if nxdomain { Status::NxDomain } else { Status::NoError },
        authoritative: meta.authoritative,
        recursive: meta.recursion_available,
        answers: message.answers.iter().filter_map(record_of).collect(),
        authorities: message.authorities.iter().filter_map(record_of).collect(),
        took: Duration::ZERO,
    };
    Received { reply, truncated: meta.truncation }
}

/// `None` for a type that cannot be asked for: signatures, say.
fn record_of(resource: &Resource) -> Option<Record> {
    if resource.dns_class != DNSClass::IN {
        return None;
    }
    let (record, value) = match &resource.data {
        RData::A(address) => (RecordType::A, address.0.to_string()),
        RData::AAAA(address) => (RecordType::Aaaa, address.0.to_string()),
        RData::CNAME(name) => (RecordType::Cname, shown(&name.0)),
        RData::NS(name) => (RecordType::Ns, shown(&name.0)),
        RData::PTR(name) => (RecordType::Ptr, shown(&name.0)),
        RData::MX(mx) => (RecordType::Mx, format!("{} {}", mx.preference, shown(&mx.exchange))),
        // The strings of one record are one text: 255 bytes is all that one string can hold.
        RData::TXT(txt) => (RecordType::Txt, String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        RData::SRV(srv) => {
            (RecordType::Srv, format!("{} {} {} {}", srv.priority, srv.weight, srv.port, shown(&srv.target)))
        }
        // Tags may be written in any case (RFC 8659, 4.1).
        RData::CAA(caa) => {
            let value = String::from_utf8_lossy(&caa.value);
            (RecordType::Caa, format!("{} {} \"{value}\"", caa.flags(), caa.tag.to_ascii_lowercase()))
        }
        RData::SOA(soa) => {
            let names = format!("{} {}", shown(&soa.mname), shown(&soa.rname));
            let numbers = [soa.serial, soa.refresh.cast_unsigned(), soa.retry.cast_unsigned()];
            let [serial, refresh, retry] = numbers;
            (
                RecordType::Soa,
                format!("{names} {serial} {refresh} {retry} {} {}", soa.expire.cast_unsigned(), soa.minimum),
            )
        }
        _ => return None,
    };
    Some(Record { owner: shown(&resource.name), record, ttl: ttl_of(resource.ttl), value })
}

/// A TTL whose first bit is set would be negative, and counts as none (RFC 2181, 8).
fn ttl_of(wire: u32) -> u32 {
    if i32::try_from(wire).is_ok() { wire } else { 0 }
}

fn shown(name: &hickory_proto::rr::Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(bare) => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query() -> Query {
        Query { name: Name::parse("shop.example").unwrap(), record: RecordType::A, recursive: true }
    }

    /// What is read of a packet that begins with the right id.
    fn said(change: impl Fn(&mut Message), tail: &[u8]) -> String {
        let asked = query().ask();
        let mut message = Message::response(asked.id, OpCode::Query);
        message.add_query(asked.question.clone());
        change(&mut message);
        let bytes = [message.to_vec().unwrap(), tail.to_vec()].concat();
        match asked.read(&bytes) {
            Ok(Some(received)) => {
                let values: Vec<String> = received.reply.answers.into_iter().map(|record| record.value).collect();
                format!("{} {}", received.reply.status, values.join(","))
            }
            Ok(None) => "ignored".into(),
            Err(none) => format!("{none:?}"),
        }
    }

    #[test]
    fn only_an_answer_to_the_question_is_one() {
        assert_eq!(said(|_| {}, b""), "noerror ");
        assert_eq!(said(|m| m.metadata.response_code = ResponseCode::NXDomain, b""), "nxdomain ");
        assert_eq!(said(|m| m.metadata.id ^= 1, b""), "ignored");
        assert_eq!(said(|m| m.metadata.message_type = MessageType::Query, b""), "ignored");
        assert_eq!(said(|m| m.queries.clear(), b""), "ignored");
        let other = |m: &mut Message| {
            m.queries[0].name = Name::parse("other.example").unwrap().0;
        };
        assert_eq!(said(other, b""), "ignored");
        assert_eq!(said(|m| m.queries[0].query_type = Wire::AAAA, b""), "ignored");
        assert!(said(|m| m.metadata.response_code = ResponseCode::ServFail, b"").contains("SERVFAIL"));
        let unread = |m: &mut Message| {
            m.queries.clear();
            m.metadata.response_code = ResponseCode::FormErr;
        };
        assert!(said(unread, b"").contains("Unread(\"answers FORMERR"), "{}", said(unread, b""));
    }

    #[test]
    fn a_ttl_that_would_be_negative_is_none() {
        let asked = query().ask();
        let ttl_of = |ttl: u32| {
            let mut message = Message::response(asked.id, OpCode::Query);
            message.add_query(asked.question.clone());
            let data = RData::A(hickory_proto::rr::rdata::A::new(192, 0, 2, 7));
            message.add_answer(Resource::from_rdata(query().name.0, ttl, data));
            asked.read(&message.to_vec().unwrap()).unwrap().unwrap().reply.answers[0].ttl
        };
        assert_eq!(ttl_of(300), 300);
        assert_eq!(ttl_of(0x7fff_ffff), 0x7fff_ffff);
        assert_eq!(ttl_of(0x8000_0000), 0);
        assert_eq!(ttl_of(u32::MAX), 0);
    }

    #[test]
    fn a_pointer_that_leads_to_itself_is_garbled_and_no_hang() {
        let asked = query().ask();
        let mut bytes = asked.bytes.clone();
        bytes[2] |= 0x80;
        // One answer, whose owner is a pointer to itself (RFC 1035, 4.1.4).
        bytes[7] = 1;
        bytes[11] = 0;
        bytes.truncate(bytes.len() - 11);
        let at = u8::try_from(bytes.len()).unwrap();
        bytes.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        assert!(matches!(asked.read(&bytes), Err(NoReply::Garbled(_))), "{:?}", asked.read(&bytes));
        // The same with the name of the question is an answer: the test can fail.
        bytes[usize::from(at) + 1] = 12;
        assert_eq!(asked.read(&bytes).unwrap().unwrap().reply.answers[0].value, "192.0.2.7");
        // Cut in its middle it is garbled; cut, and said to be, it is to be asked for again.
        let half = bytes.len() - 3;
        assert!(matches!(asked.read(&bytes[..half]), Err(NoReply::Garbled(_))));
        bytes[2] |= 0x02;
        assert!(asked.read(&bytes[..half]).unwrap().unwrap().truncated);
    }

    #[test]
    fn names_are_read_as_people_write_them() {
        let check = |text: &str, expected: Result<&str, ()>| {
            let read = Name::parse(text).map(|name| name.text());
            assert_eq!(read.as_deref().map_err(|_| ()), expected, "{text}: {read:?}");
        };
        check("Shop.Example.", Ok("shop.example"));
        check("bücher.example", Ok("xn--bcher-kva.example"));
        check("BÜCHER.Example.", Ok("xn--bcher-kva.example"));
        check("faß.example", Ok("xn--fa-hia.example"));
        check("_dmarc.bücher.example", Ok("_dmarc.xn--bcher-kva.example"));
        check("例え。テスト", Ok("xn--r8jz45g.xn--zckzah"));
        check("xn--bcher-kva.example", Ok("xn--bcher-kva.example"));
        check("7.example", Ok("7.example"));
        check("_dmarc.shop.example", Ok("_dmarc.shop.example"));
        check("*.shop.example", Ok("*.shop.example"));
        check("", Err(()));
        check(".", Err(()));
        check("..", Err(()));
        check(".example", Err(()));
        check("example..", Err(()));
        check("shop..example", Err(()));
        check("shop。。example", Err(()));
        check("shop\0.example", Err(()));
        check("shop\n.example", Err(()));
        check("shop example", Err(()));
        check(&format!("{}.example", "x".repeat(64)), Err(()));
        check(&format!("{}.example", "ü".repeat(60)), Err(()));
        // 255 bytes with the lengths and the root (RFC 1035, 2.3.4): 253 letters and dots.
        let long = ["x".repeat(63), "x".repeat(63), "x".repeat(63), "x".repeat(61)].join(".");
        check(&long, Ok(&long));
        check(&format!("{long}."), Ok(&long));
        check(&format!("{long}x"), Err(()));
        assert_eq!(Name::of_address("192.0.2.7".parse().unwrap()).text(), "7.2.0.192.in-addr.arpa");
        assert!(Name::of_address("2001:db8::7".parse().unwrap()).text().ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(tail in proptest::collection::vec(any::<u8>(), 0..600), flags in any::<u8>()) {
            let asked = query().ask();
            let mut bytes = asked.bytes.clone();
            bytes[2] = flags | 0x80;
            bytes[7] = 3;
            bytes.truncate(bytes.len() - 11);
            bytes.extend(tail);
            let _ = asked.read(&bytes);
        }
    }
}
