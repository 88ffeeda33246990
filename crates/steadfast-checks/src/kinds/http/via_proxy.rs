//! The proxy that a look goes through, as it stands in the configuration.

use serde_json::{Value, json};
use steadfast_core::address::Address;
use steadfast_core::finding::codes;
use steadfast_core::observation::Trouble;
use steadfast_core::secret::{Secret, SecretRef, Text};
use steadfast_core::setting::{Node, Problems, Raw, Setting};
use steadfast_core::world::World;
use steadfast_probe::proxy::Proxy;

steadfast_core::settings! {
    /// A forward proxy with its credentials.
    pub struct ProxySettings {
        /// `"http://proxy.example:3128"`, or `https://` for one that is itself spoken to by TLS, or
        /// `{ target = "proxy" }`.
        address: Address,
        /// The name to sign in with.
        user: Option<Text>,
        /// The password to sign in with.
        password: Option<SecretRef>,
    }
}

/// `proxy = "http://..."`, or a table with credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct ViaProxy(ProxySettings);

impl ViaProxy {
    /// Its address, for the names of targets.
    pub(super) fn address(&self) -> &Address {
        &self.0.address
    }

    /// What is wrong with it, if that can be said without looking.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let written = match &self.0.address {
            Address::Literal(text) => text.as_str(),
            Address::Target(..) | Address::Secret(_) => "http://",
        };
        match (written.split_once("://"), &self.0.user, &self.0.password) {
            (Some(("http" | "https", _)), Some(_), Some(_)) | (Some(("http" | "https", _)), None, None) => None,
            (Some(("http" | "https", _)), _, _) => Some(("half of the proxy's credentials", "user and password")),
            (_, _, _) => Some(("a proxy that is not spoken to by HTTP", "http://HOST:PORT or https://HOST:PORT")),
        }
    }

    /// With everything resolved.
    pub(super) fn read_in(&self, world: &World) -> Result<Proxy, Trouble> {
        let unusable = |why: &str| Trouble::new(codes::LOCAL_TROUBLE, format!("the proxy's address {why}"));
        let address = world.address(&self.0.address)?;
        let url = url::Url::parse(address.expose()).map_err(|why| unusable(&format!("is no URL: {why}")))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(unusable("begins with neither http:// nor https://")),
        };
        let host = url.host_str().ok_or_else(|| unusable("has no host"))?;
        let authorization = match (&self.0.user, &self.0.password) {
            (Some(user), Some(password)) => {
                let pair = format!("{}:{}", world.text(user)?.expose(), world.secret(password)?.expose());
                Some(Secret::new(format!("Basic {}", steadfast_probe::body::encode(pair.as_bytes()))))
            }
            (_, _) => None,
        };
        Ok(Proxy {
            tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            authorization,
        })
    }

    /// As curl has it: the options, and the credentials for the shell to expand.
    pub(super) fn curl(&self) -> (String, Option<String>) {
        let credentials = match (&self.0.user, &self.0.password) {
            (Some(user), Some(password)) => Some(format!("{}:{}", user.shell(), password.shell())),
            (_, _) => None,
        };
        (self.0.address.shown(), credentials)
    }
}

impl Setting for ViaProxy {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let alone = |address| ViaProxy(ProxySettings { address, user: None, password: None });
        match &node.raw {
            Raw::Table(_) if node.entry("address").is_some() => ProxySettings::read(node, problems).map(ViaProxy),
            Raw::Table(_) | Raw::Text(_) => Address::read(node, problems).map(alone),
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Datetime(_) | Raw::List(_) => {
                problems.wrong_type(node, "a string, or a table with `address`, `user` and `password`");
                None
            }
        }
    }
    fn write(&self) -> Value {
        match &self.0 {
            ProxySettings { address, user: None, password: None } => address.write(),
            settings => settings.write(),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [Address::schema(), ProxySettings::schema()] })
    }
}
