//! What the servers of a zone say, judged: whether each answers, and all say the same.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use steadfast_core::finding::{Code, Finding, Place, Seen as SeenValue, codes};
use steadfast_core::setting::Setting;
use steadfast_core::verdict::Judgement;

use super::lookup::{DnsSeen, ServerSeen, State, Zone};
use super::{DnsExpect, LAME_SERVER, SERIALS_DIFFER, SERVER_NOT_SEEN, SERVERS_DISAGREE, SILENT_SERVER, STALE_ANSWER};

pub(super) fn judge_zone(expect: &DnsExpect, seen: &DnsSeen, judgement: &mut Judgement) {
    let Some(zone) = &seen.zone else {
        for (key, set) in [
            ("agree", expect.agree.is_some()),
            ("fresh", expect.fresh.is_some()),
            ("serials", expect.serials.is_some()),
            ("servers", expect.servers.is_some()),
        ] {
            if set {
                judgement.add(codes::MISSING, |f| f.of(key).seen(SeenValue::Missing));
            }
        }
        return;
    };
    let mut servers = Servers { zone, judgement };
    if let Some(count) = &expect.servers
        && !count.admits(zone.servers.len() as u64)
    {
        let names: Vec<&str> = zone.servers.iter().map(|server| server.name.as_str()).collect();
        servers
            .add(codes::OUT_OF_BOUNDS, "servers", |f| f.expected(count.write()).seen(SeenValue::value(&json!(names))));
    }
    if expect.agree == Some(true) {
        servers.agree();
    }
    if expect.fresh == Some(true) {
        servers.say(&seen.own());
    }
    if expect.serials == Some(true) {
        servers.are_at_one_version();
    }
}

/// The servers, and what is found about them.
struct Servers<'a> {
    zone: &'a Zone,
    judgement: &'a mut Judgement,
}

impl<'a> Servers<'a> {
    fn agree(&mut self) {
        for server in &self.zone.servers {
            let code = match server.state {
                State::Answers => continue,
                State::Lame => LAME_SERVER,
                State::Silent => SILENT_SERVER,
                State::Unseen => SERVER_NOT_SEEN,
            };
            self.add(code, "agree", |f| f.at(Place::Field(server.name.clone())).detail(server.detail.as_str()));
        }
        let different: BTreeSet<&Vec<String>> = self.answering().map(|server| &server.answer).collect();
        if different.len() > 1 {
            let said = self.by_name(|server| json!(server.answer));
            self.add(SERVERS_DISAGREE, "agree", |f| f.seen(SeenValue::value(&said)));
        }
        if self.zone.servers.is_empty() {
            self.nobody("agree");
        }
    }

    /// One of them, at least, says what the resolver says.
    fn say(&mut self, own: &[String]) {
        if self.answering().next().is_none() {
            self.nobody("fresh");
        } else if !self.answering().any(|server| server.answer == own) {
            let said = self.by_name(|server| json!(server.answer));
            self.add(STALE_ANSWER, "fresh", |f| f.expected(said).seen(SeenValue::value(&json!(own))));
        }
    }

    fn are_at_one_version(&mut self) {
        let serials: BTreeSet<Option<u32>> = self.answering().map(|server| server.serial).collect();
        if serials.iter().all(Option::is_none) {
            self.nobody("serials");
        } else if serials.len() > 1 {
            let said = self.by_name(|server| json!(server.serial));
            self.add(SERIALS_DIFFER, "serials", |f| f.seen(SeenValue::value(&said)));
        }
    }

    /// Nothing is known from any of them: missing, or not seen from here.
    fn nobody(&mut self, claim: &str) {
        match self.zone.servers.iter().find(|server| server.state == State::Unseen) {
            Some(server) => {
                self.add(SERVER_NOT_SEEN, claim, |f| f.detail(format!("{}: {}", server.name, server.detail)));
            }
            None => self.add(codes::MISSING, claim, |f| f.seen(SeenValue::Missing)),
        }
    }

    fn answering(&self) -> impl Iterator<Item = &'a ServerSeen> {
        self.zone.servers.iter().filter(|server| server.state == State::Answers)
    }

    fn by_name(&self, what: impl Fn(&ServerSeen) -> Value) -> Value {
        self.answering().map(|server| (server.name.clone(), what(server))).collect::<Map<_, _>>().into()
    }

    fn add(&mut self, code: Code, claim: &str, fill: impl FnOnce(Finding) -> Finding) {
        let place = Place::Field(self.zone.name.clone());
        self.judgement.add(code, |f| fill(f.of(claim)).at(place));
    }
}
