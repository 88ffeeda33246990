//! Certificates in every state: good, expired, and for another name, all by an authority of our own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A folder of PEM files, named after what they are.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Writes them to a folder.
    pub fn write(folder: &Path) -> Certificates {
        std::fs::create_dir_all(folder).expect("a folder for certificates");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Authority of the scenarios");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        std::fs::write(folder.join("ca.pem"), authority.pem()).expect("ca.pem");
        for (name, host, years) in [
            ("good", "localhost", (2020, 4096)),
            ("expired", "localhost", (2020, 2021)),
            ("other", "elsewhere.example", (2020, 4096)),
        ] {
            let names = match host {
                "localhost" => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
                other => vec![other.to_owned()],
            };
            let mut params = CertificateParams::new(names).expect("parameters");
            params.distinguished_name.push(DnType::CommonName, host);
            params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
            params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
            let key = KeyPair::generate().expect("a key");
            let leaf = params.signed_by(&key, &authority).expect("a leaf");
            std::fs::write(folder.join(format!("{name}.pem")), leaf.pem()).expect("a certificate");
            std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("a key file");
        }
        Certificates { folder: folder.to_owned() }
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Certificate and key of `good`, `expired` or `other`.
    pub fn leaf(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}.key")))
    }
}
