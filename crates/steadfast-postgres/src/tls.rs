//! TLS as `sslmode` and `sslrootcert` ask for it (PostgreSQL 15, 34.19), on rustls.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls;
use tokio_rustls::TlsConnector;

use crate::address::{Address, Host, Roots, SslMode};

/// Makes the handshake of one connection.
#[derive(Clone)]
pub struct Tls {
    config: Option<Arc<ClientConfig>>,
    name: String,
}

impl Tls {
    /// As an address asks for it. Reads the file of `sslrootcert`; an error says why it cannot be used.
    pub fn of(address: &Address) -> Result<Tls, String> {
        let (Host::Tcp { name, .. }, false) = (&address.host, address.tls == SslMode::Disable) else {
            return Ok(Tls { config: None, name: String::new() });
        };
        let trust = match (address.tls, &address.roots) {
            (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Trust::Anybody,
            (SslMode::Require, Some(roots)) => Trust::Root(store(Some(roots))?),
            (SslMode::VerifyCa, roots) => Trust::Root(store(roots.as_ref())?),
            (SslMode::VerifyFull, roots) => Trust::Name(store(roots.as_ref())?),
        };
        let provider = provider();
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = versions.map_err(|why| format!("TLS cannot be set up: {why}"))?;
        let chain = |store: Arc<RootCertStore>| {
            let verifier = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider)).build();
            verifier.map_err(|why| format!("TLS cannot be set up: {why}"))
        };
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Anybody => Arc::new(AnyCertificate(Arc::clone(&provider))),
            Trust::Root(store) => Arc::new(AnyName(chain(store)?)),
            Trust::Name(store) => chain(store)?,
        };
        let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Tls { config: Some(Arc::new(config)), name: name.clone() })
    }
}

enum Trust {
    Anybody,
    Root(Arc<RootCertStore>),
    Name(Arc<RootCertStore>),
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

fn store(roots: Option<&Roots>) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(Roots::File(file)) => {
            add_file(&mut store, file).map_err(|why| format!("sslrootcert {}: {why}", file.display()))?
        }
        Some(Roots::System) | None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err("this machine has no trusted roots; name some with sslrootcert=FILE".into());
            }
        }
    }
    Ok(Arc::new(store))
}

fn add_file(store: &mut RootCertStore, file: &Path) -> Result<(), String> {
    for certificate in CertificateDer::pem_file_iter(file).map_err(|why| why.to_string())? {
        let certificate = certificate.map_err(|why| why.to_string())?;
        store.add(certificate).map_err(|why| why.to_string())?;
    }
    if store.is_empty() { Err("no certificate in it".into()) } else { Ok(()) }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> tls::TlsConnect<S> for Tls {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.config.ok_or_else(|| io::Error::other("TLS was not asked for"))?;
            let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
            TlsConnector::from(config).connect(name, stream).await.map(Encrypted)
        })
    }
}

/// An encrypted connection.
pub struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> tls::TlsStream for Encrypted<S> {
    /// `tls-server-end-point` (RFC 5929, 4.1): the certificate under the hash of its own signature, but never MD5 or
    /// SHA-1. Where that is undefined (Ed25519) there is no binding.
    fn channel_binding(&self) -> tls::ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().and_then(<[CertificateDer<'_>]>::first);
        let binding = certificate.and_then(|certificate| end_point(certificate));
        binding.map_or_else(tls::ChannelBinding::none, tls::ChannelBinding::tls_server_end_point)
    }
}

fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA and ECDSA with MD5, SHA-1 or SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Takes every certificate, as libpq does without `verify-ca` and `verify-full`; the handshake must still be made with
/// its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Looks at the chain, not at the name: `verify-ca`.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at after the chain, so that by then the chain is good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
