//! Looking a name up: at a resolver, and at the name servers of its zone.

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use steadfast_core::finding::codes;
use steadfast_core::measure::Lapse;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use steadfast_probe::dns::message::{Name, Query, Record, RecordType, Reply, Status};
use steadfast_probe::dns::{NoReply, Server, Transport, ask, ask_any, system_resolvers};

use super::DnsLook;
use crate::host::host_of;

/// What a resolver says of a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DnsSeen {
    /// Who answered.
    pub resolver: String,
    /// Over what.
    pub over: Transport,
    /// Which records were asked for.
    pub record: RecordType,
    /// What the lookup ended with.
    pub end: End,
    /// The names that aliases (CNAME) led to, in their order.
    pub aliases: Vec<String>,
    /// The values of the records, in the order of the answer.
    pub values: Vec<String>,
    /// For how many seconds each alias and each value may be kept.
    pub ttls: Vec<u32>,
    /// How long it took.
    pub took: Lapse,
    /// What the zone's own servers say, if they were asked.
    pub zone: Option<Zone>,
}

steadfast_core::words! {
    /// What a lookup ended with.
    pub enum End {
        /// Records.
        Found = "found",
        /// The name is there and has no such record (NODATA).
        NoData = "nodata",
        /// There is no such name (NXDOMAIN).
        NxDomain = "nxdomain",
        /// Aliases that lead in a circle.
        Circle = "circle",
        /// More aliases than anybody follows.
        TooLong = "too-long",
    }
}

/// A zone with its servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The servers that it is delegated to.
    pub servers: Vec<ServerSeen>,
}

/// What one of a zone's servers says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSeen {
    /// Its name.
    pub name: String,
    /// What became of asking it.
    pub state: State,
    /// What kept it from answering.
    pub detail: String,
    /// What it has for the name itself: its values, or the name that it is an alias of.
    pub answer: Vec<String>,
    /// For how many seconds each may be kept.
    pub ttls: Vec<u32>,
    /// The serial number of its copy of the zone.
    pub serial: Option<u32>,
}

steadfast_core::words! {
    /// What became of asking one of a zone's servers.
    pub enum State {
        /// It answers for the zone.
        Answers = "answers",
        /// It answers, and does not speak for the zone.
        Lame = "lame",
        /// It does not answer.
        Silent = "silent",
        /// We could not ask it.
        Unseen = "unseen",
    }
}

impl DnsSeen {
    /// What the name itself has, as the zone's servers would say it: its alias, or its values in order.
    pub(super) fn own(&self) -> Vec<String> {
        own(&self.aliases, &self.values)
    }
}

fn own(aliases: &[String], values: &[String]) -> Vec<String> {
    match aliases.first() {
        Some(alias) => vec![alias.clone()],
        None => {
            let mut sorted = values.to_vec();
            sorted.sort();
            sorted
        }
    }
}

/// How many aliases are followed; unbound gives up after eleven, bind after sixteen.
pub(super) const MOST_ALIASES: usize = 16;

/// So many servers of a zone are asked; no zone that works has more.
const MOST_SERVERS: usize = 32;

/// The name of a look: that of an address, for PTR.
pub(super) fn name_of(look: &DnsLook) -> Result<Name, String> {
    match (look.record, look.name.parse()) {
        (RecordType::Ptr, Ok(address)) => Ok(Name::of_address(address)),
        (_, Ok(_)) => Err(format!("`{}` is an address; only PTR has records for one", look.name)),
        (_, Err(_)) => Name::parse(&look.name),
    }
}

/// Looks a name up.
pub(super) async fn look_up(look: &DnsLook, world: &World) -> Result<DnsSeen, Trouble> {
    let name = name_of(look).map_err(|why| Trouble::new(codes::LOCAL_TROUBLE, why))?;
    let resolvers = resolvers(look, world)?;
    let began = world.clock().elapsed();
    let (resolver, first, way, end) = from_resolver(look.record, world, &resolvers, &name).await?;
    let took = Lapse(world.clock().elapsed().saturating_sub(began));
    let zone = match look.authoritative {
        true => Some(ask_the_zone(look, world, &resolver, &name).await?),
        false => None,
    };
    Ok(DnsSeen {
        resolver: first.remote,
        over: first.over,
        record: look.record,
        end,
        aliases: way.aliases,
        values: way.values,
        ttls: way.ttls,
        took,
        zone,
    })
}

async fn from_resolver(
    record: RecordType,
    world: &World,
    resolvers: &[Server],
    name: &Name,
) -> Result<(Server, Reply, Way, End), Trouble> {
    let query = |record| Query { name: name.clone(), record, recursive: true };
    let declined = match ask_any(world, resolvers, &query(record)).await {
        Ok((resolver, first)) => {
            let (way, end) = follow(world, &resolver, &first, name, record, record).await?;
            return Ok((resolver, first, way, end));
        }
        Err(declined @ NoReply::Declined(_)) if record != RecordType::Cname => declined,
        Err(none) => return Err(none.into()),
    };
    // A resolver does not go round in circles, it gives up (SERVFAIL): asked for one alias after the other, it shows
    // whether that is why.
    if let Ok((resolver, first)) = ask_any(world, resolvers, &query(RecordType::Cname)).await
        && let Ok((way, end @ (End::Circle | End::TooLong))) =
            follow(world, &resolver, &first, name, record, RecordType::Cname).await
    {
        return Ok((resolver, first, way, end));
    }
    Err(declined.into())
}

/// Goes from a first reply to where it leads. Resolvers follow aliases; one that stops on the way is asked for the
/// rest.
async fn follow(
    world: &World,
    resolver: &Server,
    first: &Reply,
    name: &Name,
    record: RecordType,
    asked: RecordType,
) -> Result<(Way, End), Trouble> {
    let mut way = Way::new(name);
    let mut step = way.go(first, record)?;
    loop {
        match step {
            Step::End(end) => return Ok((way, end)),
            Step::Onward(name) => {
                let query = Query { name, record: asked, recursive: true };
                step = way.go(&ask(world, resolver, &query).await?, record)?;
            }
        }
    }
}

fn resolvers(look: &DnsLook, world: &World) -> Result<Vec<Server>, Trouble> {
    let mut servers = match &look.resolver {
        None => system_resolvers(look.transport),
        Some(address) => {
            let address = world.address(address)?;
            let Some((host, port)) = host_of(address.expose(), look.transport.port()) else {
                return Err(Trouble::new(codes::LOCAL_TROUBLE, "the resolver's address has no host"));
            };
            vec![Server { host, port, transport: look.transport, server_name: None, roots: None }]
        }
    };
    for server in &mut servers {
        server.server_name.clone_from(&look.server_name);
        server.roots = look.roots.as_ref().map(|path| world.root().join(path));
    }
    Ok(servers)
}

/// The way from a name over its aliases to its values.
struct Way {
    start: String,
    aliases: Vec<String>,
    values: Vec<String>,
    ttls: Vec<u32>,
}

enum Step {
    End(End),
    Onward(Name),
}

impl Way {
    fn new(name: &Name) -> Way {
        Way { start: name.text(), aliases: Vec::new(), values: Vec::new(), ttls: Vec::new() }
    }

    /// Goes as far as this reply leads.
    fn go(&mut self, reply: &Reply, record: RecordType) -> Result<Step, Trouble> {
        let before = self.aliases.len();
        let mut here = self.aliases.last().unwrap_or(&self.start).clone();
        let alias_of = |name: &str| reply.answers.iter().find(|r| r.record == RecordType::Cname && r.owner == name);
        while record != RecordType::Cname
            && let Some(alias) = alias_of(&here)
        {
            if alias.value == self.start || self.aliases.contains(&alias.value) {
                return Ok(Step::End(End::Circle));
            }
            if self.aliases.len() == MOST_ALIASES {
                return Ok(Step::End(End::TooLong));
            }
            here.clone_from(&alias.value);
            self.aliases.push(alias.value.clone());
            self.ttls.push(alias.ttl);
        }
        // What stands beside NXDOMAIN is no answer: nobody who resolves the name would be given it.
        let there = reply.status != Status::NxDomain;
        for found in reply.answers.iter().filter(|r| there && r.record == record && r.owner == here) {
            if !self.values.contains(&found.value) {
                self.values.push(found.value.clone());
                self.ttls.push(found.ttl);
            }
        }
        let says_there_is_none = reply.authorities.iter().any(|r| r.record == RecordType::Soa);
        let refers = reply.authorities.iter().any(|r| r.record == RecordType::Ns);
        let end = match reply.status {
            _ if !self.values.is_empty() => End::Found,
            Status::NxDomain => End::NxDomain,
            Status::NoError if says_there_is_none || reply.authoritative && self.aliases.len() == before => End::NoData,
            Status::NoError if self.aliases.len() > before => {
                // Bytes that nobody could write in a configuration are not asked for.
                return match Name::parse(&here) {
                    Ok(name) if name.text() == here => Ok(Step::Onward(name)),
                    Ok(_) | Err(_) => Err(Trouble::new(
                        codes::RESOLVER_FAILED,
                        format!("its alias leads to `{here}`, which is no name"),
                    )),
                };
            }
            Status::NoError if refers || !reply.recursive => {
                let what = "refers to other servers instead of answering: it is no resolver for this name";
                return Err(Trouble::new(codes::RESOLVER_FAILED, format!("{}: {what}", reply.remote)));
            }
            Status::NoError => End::NoData,
        };
        Ok(Step::End(end))
    }
}

/// Asks all servers of the name's zone.
async fn ask_the_zone(look: &DnsLook, world: &World, resolver: &Server, name: &Name) -> Result<Zone, Trouble> {
    let apex = apex_of(world, resolver, name).await?;
    let query = Query { name: apex.clone(), record: RecordType::Ns, recursive: true };
    let reply = ask(world, resolver, &query).await?;
    let owner = apex.text();
    let mut names: Vec<String> = of_type(&reply, RecordType::Ns, &owner).map(|record| record.value.clone()).collect();
    names.sort();
    if names.len() > MOST_SERVERS {
        let many =
            format!("{} names {} servers for {owner}; at most {MOST_SERVERS} are asked", reply.remote, names.len());
        return Err(Trouble::new(codes::RESOLVER_FAILED, many));
    }
    let asked = names.into_iter().map(|server| ask_server(look, world, resolver, server, name, &apex));
    Ok(Zone { name: owner, servers: join_all(asked).await })
}

/// The name of the zone that a name is in: where its SOA record is.
async fn apex_of(world: &World, resolver: &Server, name: &Name) -> Result<Name, Trouble> {
    let mut here = name.text();
    loop {
        let lost = |why: String| Trouble::new(codes::RESOLVER_FAILED, format!("the zone of {}: {why}", name.text()));
        let query = Query { name: Name::parse(&here).map_err(lost)?, record: RecordType::Soa, recursive: true };
        let reply = ask(world, resolver, &query).await?;
        if of_type(&reply, RecordType::Soa, &here).next().is_some() {
            return Ok(query.name);
        }
        match here.split_once('.') {
            Some((_, parent)) => here = parent.to_owned(),
            None => return Err(lost("no SOA record on the way up".into())),
        }
    }
}

fn of_type<'a>(reply: &'a Reply, record: RecordType, owner: &'a str) -> impl Iterator<Item = &'a Record> {
    reply.answers.iter().filter(move |found| found.record == record && found.owner == owner)
}

async fn ask_server(
    look: &DnsLook,
    world: &World,
    resolver: &Server,
    server: String,
    name: &Name,
    apex: &Name,
) -> ServerSeen {
    let mut seen = ServerSeen {
        name: server,
        state: State::Answers,
        detail: String::new(),
        answer: Vec::new(),
        ttls: Vec::new(),
        serial: None,
    };
    if let Err(none) = fill(&mut seen, look, world, resolver, name, apex).await {
        (seen.state, seen.detail) = match none {
            NoReply::Declined(detail) | NoReply::Unread(detail) | NoReply::Garbled(detail) => (State::Lame, detail),
            NoReply::Silent(detail) => (State::Silent, detail),
            NoReply::Other(trouble) => (State::Unseen, format!("{}: {}", trouble.code, trouble.detail)),
        };
    }
    seen
}

async fn fill(
    seen: &mut ServerSeen,
    look: &DnsLook,
    world: &World,
    resolver: &Server,
    name: &Name,
    apex: &Name,
) -> Result<(), NoReply> {
    let transport = match look.transport {
        Transport::Tcp => Transport::Tcp,
        Transport::Udp | Transport::Tls => Transport::Udp,
    };
    let (host, port) = world.route(&seen.name, 53).map_err(NoReply::Other)?;
    let hosts = match host.parse::<std::net::IpAddr>() {
        Ok(_) => vec![host],
        Err(_) => addresses_of(world, resolver, &host).await?,
    };
    let query = Query { name: name.clone(), record: look.record, recursive: false };
    let at = |host| Server { host, port, transport, server_name: None, roots: None };
    let (server, reply) = ask_first(world, hosts.into_iter().map(at), &query).await?;
    if !reply.authoritative {
        return Err(NoReply::Declined(format!("{}: answers without authority for {}", reply.remote, name.text())));
    }
    let owner = name.text();
    let alias = of_type(&reply, RecordType::Cname, &owner).next();
    let found: Vec<&Record> = match alias {
        Some(alias) if look.record != RecordType::Cname => vec![alias],
        Some(_) | None => of_type(&reply, look.record, &owner).collect(),
    };
    seen.answer = own(&[], &found.iter().map(|record| record.value.clone()).collect::<Vec<_>>());
    seen.ttls = found.iter().map(|record| record.ttl).collect();
    let soa = ask(world, &server, &Query { name: apex.clone(), record: RecordType::Soa, recursive: false }).await?;
    let apex = apex.text();
    seen.serial = of_type(&soa, RecordType::Soa, &apex).find_map(|record| record.value.split(' ').nth(2)?.parse().ok());
    Ok(())
}

/// The addresses of a name server by the resolver that is looked at: one of each family that it has.
async fn addresses_of(world: &World, resolver: &Server, host: &str) -> Result<Vec<String>, NoReply> {
    let name = Name::parse(host).map_err(NoReply::Garbled)?;
    let mut addresses = Vec::new();
    for record in [RecordType::A, RecordType::Aaaa] {
        let reply = ask(world, resolver, &Query { name: name.clone(), record, recursive: true }).await?;
        addresses.extend(reply.answers.into_iter().find(|found| found.record == record).map(|found| found.value));
    }
    Ok(addresses)
}

/// Asks a server at its first address that there is a way to: a machine without IPv6, or with nothing else, can ask it
/// all the same. One that does not answer is not asked elsewhere: others would not be, either.
async fn ask_first(
    world: &World,
    servers: impl Iterator<Item = Server>,
    query: &Query,
) -> Result<(Server, Reply), NoReply> {
    let mut none = NoReply::Declined("its name has no address".into());
    for server in servers {
        match ask(world, &server, query).await {
            Ok(reply) => return Ok((server, reply)),
            Err(NoReply::Other(trouble)) => none = NoReply::Other(trouble),
            Err(other) => return Err(other),
        }
    }
    Err(none)
}
