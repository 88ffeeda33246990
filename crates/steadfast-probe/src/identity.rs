//! The client certificate that a look shows to servers that ask for one: read, and held against its key and the clock,
//! before anything is dialled.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use steadfast_core::finding::codes;
use steadfast_core::observation::{Hash, Trouble};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::tls::provider;

/// A chain of certificates and the key of its first.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Arc<PrivateKeyDer<'static>>,
    digest: Hash,
}

impl Identity {
    /// Reads both from PEM. `now` has to lie within the certificate's dates.
    pub fn read(certificate: &str, key: &str, now: Timestamp) -> Result<Identity, Trouble> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
        let chain = chain.map_err(|why| unusable(format!("the certificate is no PEM: {why}")))?;
        let Some(leaf) = chain.first() else {
            return Err(unusable("there is no `BEGIN CERTIFICATE` in it"));
        };
        within_its_dates(leaf, now)?;
        if key.contains("BEGIN ENCRYPTED PRIVATE KEY") || key.contains("Proc-Type: 4,ENCRYPTED") {
            let instead = "store it without a passphrase, readable by this user alone: openssl pkey -in KEY -out PLAIN";
            return Err(unusable(format!(
                "the key is encrypted, and nobody is there to type its passphrase; {instead}"
            )));
        }
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|why| unusable(format!("the key is no PEM with a private key in it: {why}")))?;
        let signing = provider().key_provider.load_private_key(private.clone_key());
        let signing = signing.map_err(|why| unusable(format!("the key cannot be used: {why}")))?;
        CertifiedKey::new(chain.clone(), signing)
            .keys_match()
            .map_err(|_| unusable("the key is not the one that the certificate was made for"))?;
        let digest = Hash::of([certificate, key].concat().as_bytes());
        Ok(Identity { chain, key: Arc::new(private), digest })
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Identity {}

impl std::hash::Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

fn within_its_dates(leaf: &CertificateDer<'_>, now: Timestamp) -> Result<(), Trouble> {
    let (_, read) = X509Certificate::from_der(leaf).map_err(|why| unusable(format!("unreadable: {why}")))?;
    let validity = read.validity();
    let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(now);
    let (from, to) = (instant(validity.not_before), instant(validity.not_after));
    if now > to {
        return Err(unusable(format!("it expired at {to}")));
    }
    if now < from {
        return Err(unusable(format!("it is not valid before {from}")));
    }
    Ok(())
}

fn unusable(why: impl Into<String>) -> Trouble {
    Trouble::new(codes::BAD_CLIENT_CERTIFICATE, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(from: i32, to: i32) -> (String, String) {
        let mut params = rcgen::CertificateParams::new(vec!["canary".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[track_caller]
    fn check(certificate: &str, key: &str, expected: &str) {
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        let said = match Identity::read(certificate, key, now) {
            Ok(_) => "usable".to_owned(),
            Err(trouble) => format!("{}: {}", trouble.code, trouble.detail),
        };
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_certificate_of_no_use_is_told_before_anything_is_dialled() {
        let (certificate, key) = made(2020, 2040);
        check(&certificate, &key, "usable");
        check(&format!("{key}{certificate}"), &format!("{certificate}{key}"), "usable");
        check(&certificate, &made(2020, 2040).1, "bad-client-certificate: the key is not the one");
        check(&made(2020, 2021).0, &key, "it expired at 2021-01-01");
        check(&made(2030, 2040).0, &key, "it is not valid before 2030-01-01");
        check("", &key, "no `BEGIN CERTIFICATE`");
        check(&certificate, &certificate, "the key is no PEM with a private key");
        check(&certificate[..certificate.len() / 2], &key, "PEM");
        check(
            &certificate,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "openssl pkey",
        );
    }
}
