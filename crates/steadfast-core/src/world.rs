//! The World: all that an `observe` is given. Effects come in as trait objects, so that this crate has none.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use crate::address::Address;
use crate::finding::codes;
use crate::observation::Trouble;
use crate::redact::{Redactor, SHORTEST_SECRET};
use crate::secret::{Secret, SecretRef, Text};

/// A future behind a pointer.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time, as the World has it. The only clock there is.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A steady clock: how long since some fixed moment.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration) -> Boxed<'static, ()>;
}

/// Where secrets are read from.
pub trait SecretSource: Send + Sync {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The text of a file; the error is what the system said.
    fn file(&self, path: &Path) -> Result<String, String>;
}

/// How much may happen at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests to one host at the same time.
    pub per_host: usize,
    /// Endpoints of one sweep at the same time.
    pub per_sweep: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { per_host: 16, per_sweep: 8 }
    }
}

/// What a World is made of.
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// The targets by name.
    pub targets: BTreeMap<String, Text>,
    /// Where addresses really lead.
    pub routes: Routes,
    /// Where we look from: `inside`, `public`, a node's name.
    pub vantage: String,
    /// How much at once.
    pub limits: Limits,
    /// The folder that relative paths start from: that of the root configuration.
    pub root: PathBuf,
}

/// All that an `observe` is given. Cheap to clone.
#[derive(Clone)]
pub struct World {
    parts: Arc<Parts>,
    resources: Arc<Resources>,
    redactor: Arc<Redactor>,
    patience: Patience,
}

/// How long a look may take, and which bound that is. Moments are on [`Clock::elapsed`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    /// When the check's own timeout ends it: the target failed.
    pub timeout: Option<Duration>,
    /// When the run's deadline ends it: could not look.
    pub deadline: Option<Duration>,
}

impl World {
    /// A World of these parts, without bounds.
    pub fn new(parts: Parts) -> World {
        World {
            parts: Arc::new(parts),
            resources: Arc::default(),
            redactor: Arc::default(),
            patience: Patience::default(),
        }
    }

    /// The same World for one look: with its bounds, and a redactor that knows no secret yet.
    #[must_use]
    pub fn for_look(&self, patience: Patience) -> World {
        World {
            parts: Arc::clone(&self.parts),
            resources: Arc::clone(&self.resources),
            redactor: Arc::default(),
            patience,
        }
    }

    /// Time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.parts.clock
    }

    /// Where we look from.
    pub fn vantage(&self) -> &str {
        &self.parts.vantage
    }

    /// How much at once.
    pub fn limits(&self) -> Limits {
        self.parts.limits
    }

    /// Where addresses really lead.
    pub fn routes(&self) -> &Routes {
        &self.parts.routes
    }

    /// Takes secrets out of what was seen.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// How long the look may still take, and the trouble that it is in when that is over. `None` is without bound.
    pub fn patience(&self) -> Option<(Duration, Trouble)> {
        let elapsed = self.clock().elapsed();
        let left = |moment: Option<Duration>| moment.map(|moment| moment.saturating_sub(elapsed));
        let timeout = left(self.patience.timeout);
        let deadline = left(self.patience.deadline);
        match (timeout, deadline) {
            (None, None) => None,
            (Some(timeout), Some(deadline)) if deadline < timeout => Some((deadline, run_deadline())),
            (None, Some(deadline)) => Some((deadline, run_deadline())),
            (Some(timeout), None | Some(_)) => {
                Some((timeout, Trouble::new(codes::TIMEOUT, "no complete answer within the check's timeout")))
            }
        }
    }

    /// A thing that looks share, made when first asked for: a connection pool, say.
    pub fn resource<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.resources.get()
    }

    /// The value of a secret. From now on the redactor knows it.
    pub fn secret(&self, source: &SecretRef) -> Result<Secret, Trouble> {
        let missing = |detail: String| Trouble::new(codes::MISSING_SECRET, detail);
        let value = match source {
            SecretRef::Env(name) => {
                self.parts.secrets.env(name).ok_or_else(|| missing(format!("{source} is not set")))?
            }
            SecretRef::File(path) => {
                let text = self.parts.secrets.file(&self.parts.root.join(path));
                let text = text.map_err(|why| missing(format!("{source}: {why}")))?;
                text.lines().next().unwrap_or_default().to_owned()
            }
        };
        if value.len() < SHORTEST_SECRET {
            return Err(Trouble::new(codes::SHORT_SECRET, format!("{source} holds {} characters", value.len())));
        }
        let secret = Secret::new(value);
        self.redactor.learn(&secret);
        Ok(secret)
    }

    /// A text, read from its secret if it is one.
    pub fn text(&self, text: &Text) -> Result<Secret, Trouble> {
        match text {
            Text::Literal(text) => Ok(Secret::new(text.as_str())),
            Text::Secret(source) => self.secret(source),
        }
    }

    /// What an address stands for here: the route of its target if there is one, otherwise what is written. The
    /// password in a URL that came from a secret is known to the redactor, as is the URL.
    pub fn address(&self, address: &Address) -> Result<Secret, Trouble> {
        match address {
            Address::Literal(text) => Ok(Secret::new(text.as_str())),
            Address::Secret(source) => self.secret_address(source),
            Address::Target(name, _) => {
                if let Some(routed) = self.parts.routes.by_target.get(name) {
                    return Ok(Secret::new(routed.as_str()));
                }
                if self.parts.routes.closed {
                    return Err(not_in_this_world(&format!("target `{name}`")));
                }
                match self.parts.targets.get(name) {
                    Some(Text::Literal(text)) => Ok(Secret::new(text.as_str())),
                    Some(Text::Secret(source)) => self.secret_address(source),
                    None => Err(Trouble::new(codes::LOCAL_TROUBLE, format!("no target `{name}`"))),
                }
            }
        }
    }

    fn secret_address(&self, source: &SecretRef) -> Result<Secret, Trouble> {
        let secret = self.secret(source)?;
        if let Some(password) = password_of(secret.expose()).filter(|password| password.len() >= SHORTEST_SECRET) {
            self.redactor.learn(&Secret::new(password));
        }
        Ok(secret)
    }

    /// Where a connection to this host and port really goes. **Every dial passes here**, redirects included.
    pub fn route(&self, host: &str, port: u16) -> Result<(String, u16), Trouble> {
        let routes = &self.parts.routes;
        let asked = (host.trim_matches(['[', ']']).to_ascii_lowercase(), port);
        if let Some(to) = routes.by_endpoint.get(&asked) {
            return Ok(to.clone());
        }
        if !routes.closed || routes.reachable.contains(&asked) {
            return Ok(asked);
        }
        Err(not_in_this_world(&format!("{host}:{port}")))
    }

    /// Refuses a Unix socket that this World does not lead to. In a closed one a socket is reached only if it lies at a
    /// routed place, or if the address that names it is a target with a route of its own.
    pub fn route_socket(&self, socket: &Path, address: &Address) -> Result<(), Trouble> {
        let routes = &self.parts.routes;
        let routed = match address {
            Address::Target(name, _) => routes.by_target.contains_key(name),
            Address::Literal(_) | Address::Secret(_) => false,
        };
        if !routes.closed || routed || routes.holds(socket, &self.parts.root) {
            return Ok(());
        }
        Err(not_in_this_world(&socket.display().to_string()))
    }

    /// The value of an environment variable that is no secret, as `PGHOST`: the redactor does not learn it.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.parts.secrets.env(name)
    }

    /// The file or folder that an address stands for here; relative ones start at the root configuration's folder.
    pub fn path(&self, address: &Address) -> Result<PathBuf, Trouble> {
        let secret = self.address(address)?;
        let text = secret.expose();
        let path =
            self.parts.root.join(text.strip_prefix("sqlite://").or(text.strip_prefix("file://")).unwrap_or(text));
        if self.parts.routes.closed && !self.parts.routes.holds(&path, &self.parts.root) {
            return Err(not_in_this_world(&path.display().to_string()));
        }
        Ok(path)
    }

    /// The folder that relative paths start from.
    pub fn root(&self) -> &Path {
        &self.parts.root
    }
}

fn run_deadline() -> Trouble {
    Trouble::new(codes::RUN_DEADLINE, "the deadline of the run came first")
}

fn not_in_this_world(what: &str) -> Trouble {
    Trouble::new(codes::NOT_IN_THIS_WORLD, format!("no route for {what}"))
}

/// The password in `scheme://user:password@host`.
fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

/// Where addresses really lead. Open: those without a route lead where they say. Closed: nowhere.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    closed: bool,
    by_target: BTreeMap<String, String>,
    by_endpoint: BTreeMap<(String, u16), (String, u16)>,
    reachable: BTreeSet<(String, u16)>,
    places: Vec<PathBuf>,
}

impl Routes {
    /// The same routes, and no way to anywhere else.
    #[must_use]
    pub fn closed(mut self) -> Routes {
        self.closed = true;
        self
    }

    /// Whether addresses without a route lead nowhere.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Adds a route. `from` is the name of a target, a URL or `host:port`; `to` a URL, `host:port` or path.
    pub fn add(&mut self, from: &str, to: &str, targets: &BTreeMap<String, Text>) -> Result<(), String> {
        let destination = endpoint_of(to);
        match &destination {
            Some(endpoint) => drop(self.reachable.insert(endpoint.clone())),
            None => self.places.push(PathBuf::from(to.strip_prefix("sqlite://").unwrap_or(to))),
        }
        if let Some(target) = targets.get(from) {
            self.by_target.insert(from.to_owned(), to.to_owned());
            // Absolute links and redirects to the target's own address follow it there.
            if let (Text::Literal(text), Some(to)) = (target, &destination)
                && let Some(origin) = endpoint_of(text)
            {
                self.by_endpoint.insert(origin, to.clone());
            }
            return Ok(());
        }
        match (endpoint_of(from), destination) {
            (Some(from), Some(to)) => {
                self.by_endpoint.insert(from, to);
                Ok(())
            }
            (None, Some(_) | None) => {
                Err(format!("`{from}` is neither a target of this configuration nor an address (URL or host:port)"))
            }
            (Some(_), None) => Err(format!("`{to}` is no address (URL or host:port)")),
        }
    }

    fn holds(&self, path: &Path, root: &Path) -> bool {
        // `..` could lead out of a place by its spelling alone.
        let plain = path.components().all(|part| part != std::path::Component::ParentDir);
        plain && self.places.iter().any(|place| path.starts_with(root.join(place)))
    }
}

/// Host (lower case, without brackets) and port of a URL or of `host:port`.
pub fn endpoint_of(address: &str) -> Option<(String, u16)> {
    let (default, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (default_port(scheme), rest),
        None => (None, address),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        Some(_) | None => (authority, None),
    };
    let host = host.trim_matches(['[', ']']);
    if host.is_empty() {
        return None;
    }
    Some((host.to_ascii_lowercase(), port.or(default)?))
}

/// The port that a scheme means when none is written.
pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" | "tls" => Some(443),
        "postgres" | "postgresql" => Some(5432),
        _ => None,
    }
}

/// Shared things by type.
#[derive(Default)]
struct Resources(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Resources {
    fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut map = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let thing = map.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(thing).downcast().unwrap_or_default()
    }
}
