//! The shop's certificates: an authority of its own, a leaf that is good for 90 days, and one that expired.

use std::path::Path;
use std::sync::Arc;

use jiff::{Span, Timestamp, ToSpan, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authority's certificate, for those who verify.
pub(super) const AUTHORITY: &str = "ca.pem";
/// The certificate and key that the shop serves; read anew for every connection.
pub(super) const SERVED: &str = "shop.pem";
/// A good certificate and key, to put in its place.
pub(super) const GOOD: &str = "good.pem";
/// An expired certificate and key, to put in its place.
pub(super) const EXPIRED: &str = "expired.pem";

/// Writes all of them to a folder and serves the good one.
pub(super) fn write(folder: &Path) -> Result<(), String> {
    let authority = authority().map_err(|why| format!("cannot make certificates: {why}"))?;
    let good = leaf(&authority, -1.day(), 90.days()).map_err(|why| format!("cannot make a certificate: {why}"))?;
    let expired = leaf(&authority, -91.days(), -1.day()).map_err(|why| format!("cannot make a certificate: {why}"))?;
    for (name, text) in [(AUTHORITY, &authority.pem()), (GOOD, &good), (SERVED, &good), (EXPIRED, &expired)] {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
    }
    Ok(())
}

/// What the TLS listener serves now.
pub(super) fn server(file: &Path) -> Result<Arc<ServerConfig>, String> {
    let pem = std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|why| why.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|why| why.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|why| why.to_string())?;
    Ok(Arc::new(config))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Steadfast demo authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// A leaf for localhost and 127.0.0.1 with its key, valid from one distance from now to another.
fn leaf(authority: &CertifiedIssuer<'_, KeyPair>, from: Span, to: Span) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    params.distinguished_name = named("shop.localhost");
    let day = |distance: Span| {
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_add(distance);
        rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(from), day(to));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
