//! The client certificate that a look shows: where its two halves are read from.

use steadfast_core::observation::Trouble;
use steadfast_core::secret::SecretRef;
use steadfast_core::world::World;
use steadfast_probe::identity::Identity;

steadfast_core::settings! {
    /// A client certificate (mutual TLS), in PEM. Read at every look, so that a renewed one is used at once.
    pub struct ClientCertificate {
        /// The certificate, followed by its intermediates: `{ file = "client.pem" }`, relative to the root
        /// configuration, or `{ env = "CLIENT_CERTIFICATE" }` with the PEM itself.
        certificate: SecretRef,
        /// Its private key, without a passphrase, likewise. In the same file as the certificate unless said.
        key: Option<SecretRef>,
    }
}

impl ClientCertificate {
    /// Reads it, and holds it against its key and the clock.
    pub fn read_in(&self, world: &World) -> Result<Identity, Trouble> {
        let certificate = world.secret_text(&self.certificate)?;
        let key = match &self.key {
            Some(key) => world.secret_text(key)?,
            None => certificate.clone(),
        };
        Identity::read(certificate.expose(), key.expose(), world.clock().now())
    }

    /// As curl has it.
    pub(crate) fn curl(&self) -> String {
        // curl reads files alone; bash makes one of a variable.
        let file = |source: &SecretRef| match source {
            SecretRef::File(path) => path.clone(),
            SecretRef::Env(name) => format!("<(printf %s \"${name}\")"),
        };
        let key = self.key.iter().map(|key| format!(" --key {}", file(key))).collect::<String>();
        format!("--cert {}{key}", file(&self.certificate))
    }
}
