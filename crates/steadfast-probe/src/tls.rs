//! TLS: client configurations that are made once, and what a failed handshake means.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::identity::Identity;
use crate::patience::within;

/// What a handshake is to be made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    /// A PEM file of roots that are trusted instead of this machine's.
    pub roots: Option<PathBuf>,
    /// The protocols offered by ALPN, in order.
    pub alpn: Vec<&'static str>,
    /// What to show if the server asks who we are.
    pub identity: Option<Identity>,
}

/// The configurations that were made so far, shared by all looks of a World.
#[derive(Debug, Default)]
pub struct TlsConfigs(Mutex<HashMap<TlsSettings, Arc<ClientConfig>>>);

/// Makes the handshake for this name; returns the connection and how long it took.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    world: &World,
    settings: &TlsSettings,
    name: &str,
    stream: S,
) -> Result<(TlsStream<S>, Duration), Trouble> {
    let config = config(world, settings)?;
    connect(world, config, name, stream).await
}

/// Makes the handshake with a given configuration.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    world: &World,
    config: Arc<ClientConfig>,
    name: &str,
    stream: S,
) -> Result<(TlsStream<S>, Duration), Trouble> {
    let server = ServerName::try_from(name.to_owned())
        .map_err(|why| Trouble::new(codes::TLS_FAILED, format!("`{name}` is no name for a certificate: {why}")))?;
    let began = world.clock().elapsed();
    let done = within(world, TlsConnector::from(config).connect(server, stream)).await?;
    let stream = done.map_err(|why| of_handshake(&why))?;
    Ok((stream, world.clock().elapsed().saturating_sub(began)))
}

fn config(world: &World, settings: &TlsSettings) -> Result<Arc<ClientConfig>, Trouble> {
    let configs: Arc<TlsConfigs> = world.resource();
    let mut known = configs.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(config) = known.get(settings) {
        return Ok(Arc::clone(config));
    }
    let roots = roots(settings.roots.as_deref())?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Trouble::new(codes::LOCAL_TROUBLE, why.to_string()))?;
    let mut config = with_identity(builder.with_root_certificates(roots), settings.identity.as_ref())?;
    config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    // A resumed session shows no certificate: every look is a full handshake.
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    known.insert(settings.clone(), Arc::clone(&config));
    Ok(config)
}

/// Finishes a configuration with the certificate to show, if there is one.
pub fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, Trouble> {
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|why| Trouble::new(codes::BAD_CLIENT_CERTIFICATE, why.to_string())),
    }
}

/// The cryptography: aws-lc.
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    static PROVIDER: OnceLock<Arc<rustls::crypto::CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

const NO_ROOTS: &str = "this machine has no trusted roots: install ca-certificates, name a file of them in SSL_CERT_FILE, \
                        or give the check `roots`";

/// The roots to trust: those of a PEM file, or this machine's. A machine without any cannot look.
pub fn roots(file: Option<&Path>) -> Result<Arc<RootCertStore>, Trouble> {
    static NATIVE: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    match file {
        Some(file) => {
            let unusable = |why: String| Trouble::new(codes::LOCAL_TROUBLE, format!("roots {}: {why}", file.display()));
            let mut store = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(|why| unusable(why.to_string()))? {
                let certificate = certificate.map_err(|why| unusable(why.to_string()))?;
                store.add(certificate).map_err(|why| unusable(why.to_string()))?;
            }
            if store.is_empty() {
                return Err(unusable("no certificate in it".into()));
            }
            Ok(Arc::new(store))
        }
        None => {
            let native = NATIVE.get_or_init(|| {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Arc::new(store)
            });
            // As in an empty container. The certificates of all targets would be taken for bad ones.
            if native.is_empty() {
                return Err(Trouble::new(codes::LOCAL_TROUBLE, NO_ROOTS));
            }
            Ok(Arc::clone(native))
        }
    }
}

/// What a failed handshake means.
pub fn of_handshake(why: &io::Error) -> Trouble {
    match why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
            Trouble::new(codes::BAD_CERTIFICATE, error.to_string())
        }
        Some(error) => Trouble::new(codes::TLS_FAILED, error.to_string()),
        None if why.kind() == io::ErrorKind::UnexpectedEof => {
            Trouble::new(codes::TLS_FAILED, "the target closed the connection during the handshake")
        }
        None => Trouble::of_io(why),
    }
}
