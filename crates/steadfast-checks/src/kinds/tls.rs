//! The kind `tls`: a handshake, and the certificates that came with it, trusted or not.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::{Finding, Place, Seen as SeenValue, codes};
use steadfast_core::kind::{Exemplar, Kind, Other};
use steadfast_core::measure::Lapse;
use steadfast_core::observation::{Outcome, Trouble};
use steadfast_core::predicate::{Predicate, Reading, breakages};
use steadfast_core::proof::{Breakage, Sabotage};
use steadfast_core::setting::{Node, OneOrMany, Problems, Setting};
use steadfast_core::verdict::Judgement;
use steadfast_core::world::{World, endpoint_of};
use steadfast_probe::starttls::{Upgrade, upgrade};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::client_certificate::ClientCertificate;
use crate::text_claims::{predicate_claims, story_of};

/// The kind `tls`.
pub struct Tls;

steadfast_core::settings! {
    /// Makes a TLS handshake and reads the certificates, also those that no client would trust: what is wrong with
    /// them is then a finding. Nothing is sent over the connection, but for what `starttls` needs.
    pub struct TlsLook {
        /// `host:port`, a URL, or `{ target = "shop" }`. The port is 443 unless said; with `starttls` that of its
        /// protocol: 25, 143, 5432.
        address: Address,
        /// The protocol that is asked in plain text to begin the handshake: `smtp`, `imap` or `postgres`.
        starttls: Option<StartTls>,
        /// The name to ask for (SNI) and to verify, if it is another than the host.
        server_name: Option<String>,
        /// A PEM file of the only roots to trust, relative to the root configuration.
        roots: Option<String>,
        /// The client certificate to show if the server asks for one: `{ certificate = { file = "client.pem" }, key =
        /// { file = "client.key" } }`. With TLS 1.3 a server that refuses it says so only when it is asked for
        /// something: the kind `http` sees that.
        client_certificate: Option<ClientCertificate>,
    }
}

steadfast_core::words! {
    /// A protocol that begins in plain text.
    pub enum StartTls {
        /// RFC 3207.
        Smtp = "smtp",
        /// RFC 9051, 6.2.1.
        Imap = "imap",
        /// PostgreSQL's `SSLRequest`.
        Postgres = "postgres",
    }
}

impl StartTls {
    fn upgrade(self) -> Upgrade {
        match self {
            StartTls::Smtp => Upgrade::Smtp,
            StartTls::Imap => Upgrade::Imap,
            StartTls::Postgres => Upgrade::Postgres,
        }
    }

    fn port(self) -> u16 {
        match self {
            StartTls::Smtp => 25,
            StartTls::Imap => 143,
            StartTls::Postgres => 5432,
        }
    }
}

steadfast_core::words! {
    /// A version of TLS.
    pub enum Protocol {
        /// RFC 5246.
        Tls12 = "TLSv1.2",
        /// RFC 8446.
        Tls13 = "TLSv1.3",
    }
}

steadfast_core::settings! {
    /// What the handshake must show.
    pub struct TlsExpect {
        /// `true`: the chain ends at a trusted root, is within its dates, and is for the name asked for: what every
        /// client demands.
        trusted: Option<bool>,
        /// A name that the certificate must be for, by its subject alternative names; wildcards count.
        name: Option<String>,
        /// A predicate on the whole days until the certificate expires: `{ at_least = 14 }`. Negative once it has.
        days_left: Option<Predicate>,
        /// The versions that may be spoken: `"TLSv1.3"`.
        protocol: OneOrMany<Protocol>,
        /// A predicate on the issuer's distinguished name: `{ contains = "Let's Encrypt" }`.
        issuer: Option<Predicate>,
    }
}

/// What a handshake shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TlsSeen {
    /// The version.
    pub protocol: Protocol,
    /// The cipher suite.
    pub cipher: String,
    /// The name that was asked for.
    pub name: String,
    /// The address that answered.
    pub remote: String,
    /// What a client would object to; nothing if it trusts.
    pub distrust: Option<String>,
    /// The server's certificate.
    pub certificate: Certificate,
    /// How many certificates came.
    pub chain: usize,
    /// How long the handshake took.
    pub handshake: Lapse,
}

/// What a certificate says (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's.
    pub issuer: String,
    /// The subject alternative names: DNS names and IP addresses.
    pub names: Vec<String>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
}

impl Certificate {
    fn read(der: &[u8]) -> Result<Certificate, Trouble> {
        let unreadable = |why: String| Trouble::new(codes::BAD_CERTIFICATE, format!("unreadable certificate: {why}"));
        let (_, certificate) = X509Certificate::from_der(der).map_err(|why| unreadable(why.to_string()))?;
        let instant = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|why| unreadable(why.to_string()))
        };
        let names = match certificate.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name_of).collect(),
            Ok(None) | Err(_) => Vec::new(),
        };
        Ok(Certificate {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names,
            not_before: instant(certificate.validity().not_before)?,
            not_after: instant(certificate.validity().not_after)?,
            serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn days_left(&self, at: Timestamp) -> i64 {
        (self.not_after.as_second() - at.as_second()).div_euclid(86_400)
    }

    /// RFC 6125, 6.4.3: a wildcard stands for exactly one leftmost label.
    fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => known.eq_ignore_ascii_case(name),
        })
    }
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        GeneralName::IPAddress(bytes) => {
            <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())
        }
        _ => None,
    }
}

impl Kind for Tls {
    const NAME: &'static str = "tls";
    const SHAPE: u16 = 1;
    const DEAD: &'static [&'static str] = &[
        "address = \"127.0.0.1:1\"\nexpect = { trusted = true }",
        "address = \"nobody.invalid:443\"\nexpect = { trusted = true }",
        "address = \"127.0.0.1:1\"\nstarttls = \"smtp\"\nexpect = { trusted = true }",
    ];

    type Look = TlsLook;
    type Expect = TlsExpect;
    type Seen = TlsSeen;

    fn validate(look: &TlsLook, expect: &TlsExpect, table: &Node, problems: &mut Problems) {
        if expect.trusted == Some(false) {
            let why = "a certificate that nobody trusts is nothing to hold on to";
            problems.add(table.place(&["expect", "trusted"]), "`trusted = false` says nothing", why);
        }
        if let Address::Literal(text) = &look.address
            && endpoint(text, look.starttls).is_none()
        {
            let what = format!("`{text}` is no address");
            problems.suggest(table.place(&["address"]), what, "a handshake needs a host", "\"shop.example:443\"");
        }
    }

    fn describe(look: &TlsLook) -> String {
        let after = look.starttls.map(|protocol| format!(" after {protocol} STARTTLS")).unwrap_or_default();
        format!("TLS {}{after}", look.address.shown())
    }

    fn addresses(look: &TlsLook) -> Vec<&Address> {
        vec![&look.address]
    }

    async fn observe(look: &TlsLook, world: &World) -> Outcome<TlsSeen> {
        shake(look, world).await.into()
    }

    fn judge(expect: &TlsExpect, seen: &TlsSeen, at: Timestamp, judgement: &mut Judgement) {
        if let (Some(true), Some(distrust)) = (expect.trusted, &seen.distrust) {
            judgement.add(codes::BAD_CERTIFICATE, |f| {
                f.of("trusted").expected(true).seen(SeenValue::Value(json!(false))).detail(distrust.as_str())
            });
        }
        if let Some(name) = &expect.name
            && !seen.certificate.is_for(name)
        {
            judgement.add(codes::UNEQUAL, |f| {
                f.of("name").expected(name.as_str()).seen(SeenValue::value(&json!(seen.certificate.names)))
            });
        }
        if let Some(predicate) = &expect.days_left {
            let days = json!(seen.certificate.days_left(at));
            judge_value("days_left", predicate, &days, at, judgement);
        }
        if !expect.protocol.is_empty() && !expect.protocol.contains(&seen.protocol) {
            judgement.add(codes::UNEQUAL, |f| {
                f.of("protocol").expected(expect.protocol.write()).seen(SeenValue::Value(seen.protocol.write()))
            });
        }
        if let Some(predicate) = &expect.issuer {
            judge_value("issuer", predicate, &json!(seen.certificate.issuer), at, judgement);
        }
    }

    fn claims(expect: &TlsExpect) -> Vec<String> {
        let mut claims = Vec::new();
        claims.extend(expect.trusted.map(|_| "trusted".to_owned()));
        claims.extend(expect.name.iter().map(|_| "name".to_owned()));
        claims.extend(expect.days_left.iter().flat_map(|predicate| predicate_claims("days_left", predicate)));
        if !expect.protocol.is_empty() {
            claims.push("protocol".to_owned());
        }
        claims.extend(expect.issuer.iter().flat_map(|predicate| predicate_claims("issuer", predicate)));
        claims
    }

    fn numbers(seen: &TlsSeen) -> Map<String, Value> {
        let mut numbers = Map::new();
        numbers.insert("handshake".into(), json!(seen.handshake.micros()));
        numbers.insert("not_after".into(), json!(seen.certificate.not_after.as_second()));
        numbers
    }

    fn impostors(_: &TlsLook, seen: &TlsSeen, at: Timestamp, _: &[Other<'_, Tls>]) -> Vec<Sabotage<TlsSeen>> {
        let with = |distrust: &str, change: &dyn Fn(&mut Certificate)| {
            let mut impostor = seen.clone();
            impostor.distrust = Some(distrust.to_owned());
            change(&mut impostor.certificate);
            impostor
        };
        let expired = with("invalid peer certificate: Expired", &|c| {
            // Its whole life lies before that of the real one, which the observation lies in.
            c.not_after = c.not_before.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
            c.not_before = c.not_after.checked_sub(jiff::SignedDuration::from_hours(24 * 90)).unwrap_or(Timestamp::MIN);
        });
        vec![
            Sabotage::seen("expired", "the renewal failed for months and nobody saw it", expired),
            Sabotage::seen(
                "default certificate",
                "the proxy lost its configuration and serves the certificate it was installed with",
                with("invalid peer certificate: UnknownIssuer", &|c| {
                    c.subject = "CN=TRAEFIK DEFAULT CERT".to_owned();
                    c.issuer = "CN=TRAEFIK DEFAULT CERT".to_owned();
                    c.names = vec!["default.traefik.invalid".to_owned()];
                }),
            ),
            Sabotage::seen(
                "another host",
                "a trusted certificate of another customer on the same address",
                with("invalid peer certificate: certificate not valid for name", &|c| {
                    c.names = vec!["other.invalid".to_owned()];
                }),
            ),
            Sabotage::seen("about to expire", "the renewal job has stopped: still trusted, and red by tonight", {
                let mut soon = seen.clone();
                soon.certificate.not_after = at.checked_add(jiff::SignedDuration::from_hours(6)).unwrap_or(at);
                soon
            }),
        ]
    }

    fn breakages(expect: &TlsExpect, seen: &TlsSeen, at: Timestamp) -> Vec<Breakage<TlsSeen>> {
        let mut broken = Vec::new();
        if expect.trusted.is_some() {
            let untrusted =
                TlsSeen { distrust: Some("invalid peer certificate: UnknownIssuer".into()), ..seen.clone() };
            broken.push(Breakage::new(
                "trusted",
                "unknown issuer",
                "an intermediate is missing from the chain",
                untrusted,
            ));
        }
        if expect.name.is_some() {
            let mut other = seen.clone();
            other.certificate.names = vec!["other.invalid".to_owned()];
            broken.push(Breakage::new("name", "another name", "the name was dropped at the last renewal", other));
        }
        if let Some(predicate) = &expect.days_left {
            let days = json!(seen.certificate.days_left(at));
            for operator in predicate.operators() {
                for (change, changed) in breakages(predicate, operator, &days, at) {
                    if let Some(days) = changed.as_ref().and_then(Value::as_i64) {
                        let mut other = seen.clone();
                        let seconds = at.as_second().saturating_add(days.saturating_mul(86_400));
                        other.certificate.not_after = Timestamp::from_second(seconds).unwrap_or(Timestamp::MIN);
                        let claim = format!("days_left.{operator}");
                        broken.push(Breakage::new(claim, format!("days left: {change}"), story_of(change), other));
                    }
                }
            }
        }
        if let Some(other) =
            Protocol::ALL.iter().find(|p| !expect.protocol.contains(p)).filter(|_| !expect.protocol.is_empty())
        {
            let downgraded = TlsSeen { protocol: *other, ..seen.clone() };
            broken.push(Breakage::new(
                "protocol",
                other.word(),
                "a load balancer in front speaks another version",
                downgraded,
            ));
        }
        if let Some(predicate) = &expect.issuer {
            let issuer = json!(seen.certificate.issuer);
            for operator in predicate.operators() {
                for (change, changed) in breakages(predicate, operator, &issuer, at) {
                    if let Some(Value::String(text)) = changed {
                        let mut other = seen.clone();
                        other.certificate.issuer = text;
                        let claim = format!("issuer.{operator}");
                        broken.push(Breakage::new(claim, format!("issuer: {change}"), story_of(change), other));
                    }
                }
            }
        }
        broken
    }

    fn variations(seen: &TlsSeen) -> Vec<Sabotage<TlsSeen>> {
        let mut renewed = seen.clone();
        renewed.certificate.serial = format!("7f{}", seen.certificate.serial);
        let later = seen.certificate.not_after.checked_add(jiff::SignedDuration::from_hours(24 * 30));
        renewed.certificate.not_after = later.unwrap_or(seen.certificate.not_after);
        let mut slower = seen.clone();
        slower.handshake = Lapse(seen.handshake.0 * 3 / 2);
        let cipher = TlsSeen { cipher: "TLS13_CHACHA20_POLY1305_SHA256".into(), ..seen.clone() };
        vec![
            Sabotage::seen("renewed", "the certificate was renewed in time", renewed),
            Sabotage::seen("slower by half", "an ordinary busy hour", slower),
            Sabotage::seen("another cipher suite", "the library was updated", cipher),
        ]
    }

    fn candidates(_: &TlsLook, greens: &[&TlsSeen]) -> Vec<Value> {
        let Some(seen) = greens.first().filter(|seen| seen.distrust.is_none()) else { return Vec::new() };
        // Renewals usually come with a third of the life left: a sixth is late.
        let certificate = &seen.certificate;
        let life = (certificate.not_after.as_second() - certificate.not_before.as_second()) / 86_400;
        [life / 6, life / 12, 1]
            .into_iter()
            .map(|days| json!({ "trusted": true, "days_left": { "at_least": days.max(1) } }))
            .collect()
    }

    fn exemplars() -> Vec<Exemplar<TlsSeen>> {
        let at = |text: &str| text.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        vec![Exemplar {
            good: r#"
address = "shop.example:443"
[expect]
trusted = true
name = "shop.example"
days_left = { at_least = 14 }
protocol = ["TLSv1.3"]
issuer = { contains = "Let's Encrypt" }
"#,
            naive: "address = \"shop.example:443\"\nexpect = { protocol = [\"TLSv1.3\"] }",
            naive_survivors: &["expired", "default certificate", "another host", "about to expire"],
            seen: TlsSeen {
                protocol: Protocol::Tls13,
                cipher: "TLS13_AES_256_GCM_SHA384".into(),
                name: "shop.example".into(),
                remote: "192.0.2.7:443".into(),
                distrust: None,
                certificate: Certificate {
                    subject: "CN=shop.example".into(),
                    issuer: "C=US, O=Let's Encrypt, CN=R11".into(),
                    names: vec!["shop.example".into(), "*.shop.example".into()],
                    not_before: at("2026-10-24T00:00:00Z"),
                    not_after: at("2027-01-22T00:00:00Z"),
                    serial: "04a1".into(),
                },
                chain: 2,
                handshake: Lapse(std::time::Duration::from_millis(21)),
            },
        }]
    }
}

fn judge_value(prefix: &str, predicate: &Predicate, value: &Value, at: Timestamp, judgement: &mut Judgement) {
    let mut inner = Judgement::default();
    predicate.judge(Reading::Value(value), at, &mut inner);
    judgement.absorb(inner, |finding| {
        Finding { claim: format!("{prefix}.{}", finding.claim), ..finding }.at(Place::Field(prefix.to_owned()))
    });
}

fn endpoint(address: &str, starttls: Option<StartTls>) -> Option<(String, u16)> {
    let port = starttls.map_or(443, StartTls::port);
    // An address without a port: the scheme has none for it, so a port of ours is put behind the host.
    endpoint_of(address).or_else(|| {
        let host = address.split_once("://").map_or(address, |(_, rest)| rest).split(['/', '?', '#']).next()?;
        endpoint_of(&format!("{host}:{port}"))
    })
}

async fn shake(look: &TlsLook, world: &World) -> Result<TlsSeen, Trouble> {
    let address = world.address(&look.address)?;
    let Some((host, port)) = endpoint(address.expose(), look.starttls) else {
        return Err(Trouble::new(codes::LOCAL_TROUBLE, "the address has no host"));
    };
    let identity = look.client_certificate.as_ref().map(|certificate| certificate.read_in(world)).transpose()?;
    let mut dialled = steadfast_probe::dial::dial(world, &host, port).await?;
    if let Some(protocol) = look.starttls {
        upgrade(world, &mut dialled.stream, protocol.upgrade()).await?;
    }
    let name = look.server_name.clone().unwrap_or(host);
    let roots = steadfast_probe::tls::roots(look.roots.as_ref().map(|path| world.root().join(path)).as_deref())?;
    let provider = steadfast_probe::tls::provider();
    let unusable = |why: String| Trouble::new(codes::LOCAL_TROUBLE, why);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|why| unusable(format!("no roots to trust on this machine: {why}")))?;
    let witness = Arc::new(Witness { verifier, objection: Mutex::new(None) });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable(why.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>);
    let mut config = steadfast_probe::tls::with_identity(builder, identity.as_ref())?;
    config.resumption = rustls::client::Resumption::disabled();
    let remote = dialled.remote.to_string();
    let (stream, took) = steadfast_probe::tls::connect(world, Arc::new(config), &name, dialled.stream).await?;
    let session = stream.get_ref().1;
    let chain = session.peer_certificates().unwrap_or_default();
    let Some(leaf) = chain.first() else {
        return Err(Trouble::new(codes::BAD_CERTIFICATE, "the server showed no certificate"));
    };
    let distrust = witness.objection.lock().map(|objection| objection.clone()).unwrap_or_default();
    Ok(TlsSeen {
        protocol: match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => Protocol::Tls13,
            Some(_) | None => Protocol::Tls12,
        },
        cipher: session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default(),
        name,
        remote,
        distrust,
        certificate: Certificate::read(leaf)?,
        chain: chain.len(),
        handshake: Lapse(took),
    })
}

/// Lets every certificate pass and remembers what a client would have objected to. Signatures of the handshake are
/// still verified: whoever answers does hold the key of the certificate.
#[derive(Debug)]
struct Witness {
    verifier: Arc<WebPkiServerVerifier>,
    objection: Mutex<Option<String>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Err(objection) = self.verifier.verify_server_cert(leaf, intermediates, name, ocsp, now)
            && let Ok(mut remembered) = self.objection.lock()
        {
            *remembered = Some(objection.to_string());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
