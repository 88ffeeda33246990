//! What the files of a project say about it, before anybody has looked whether it is so.

use serde_json::Value;

use super::draft::LeftOut;

/// Why something out there is not looked at.
pub(super) const NOT_DIALLED: &str = "init dials only this machine and what --url names";

/// What was found in the files.
#[derive(Debug, Default)]
pub(super) struct Clues {
    /// Every file that was read, and what is in it in a few words.
    pub(super) read: Vec<(String, String)>,
    /// What is worth a check.
    pub(super) leads: Vec<Lead>,
    /// What is there and cannot be seen by a check, and why.
    pub(super) unseen: Vec<LeftOut>,
    /// Which port of which image is published as which port of this machine.
    pub(super) published: Vec<Published>,
    /// Names of variables that hold addresses. Never their values.
    pub(super) addresses: Vec<String>,
    /// Names of variables that hold secrets. Never their values.
    pub(super) secrets: Vec<String>,
}

/// Something that is worth a check.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lead {
    /// File and line.
    pub(super) from: String,
    /// A name for the check, and for its target.
    pub(super) name: String,
    /// What the file says, as a sentence without its full stop.
    pub(super) says: String,
    /// How to see it.
    pub(super) ask: Ask,
}

/// How a lead can be seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// A port of this machine of which nothing more is known: it may speak HTTP, or greet, or neither.
    Port(u16),
    /// A page.
    Page {
        /// Of what.
        base: Base,
        /// Its path, with its query.
        path: String,
    },
    /// A Postgres on a port of this machine.
    Postgres {
        /// The port.
        port: u16,
        /// Its superuser, as far as the file says.
        user: String,
        /// Its database, as far as the file says.
        database: String,
    },
    /// A service on a port of this machine that says a line.
    Line {
        /// The port.
        port: u16,
        /// What it wants to hear first.
        send: Option<&'static str>,
        /// How a right answer begins.
        begins: &'static str,
    },
    /// The operations that an OpenAPI document lists.
    OpenApi {
        /// The document, relative to the folder.
        file: String,
        /// Where they are served.
        base: Base,
        /// The paths that can be asked for without knowing more, below the base.
        paths: Vec<String>,
    },
    /// Something that cannot be seen from here at all.
    Later(Later),
}

/// Where pages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// On a port of this machine.
    Here(u16),
    /// On a port within the image that is built in a folder; what publishes it decides where that is.
    Inside {
        /// The folder, relative to that of the project.
        folder: String,
        /// The port in the image.
        port: u16,
    },
    /// At an address out there. It is asked only if `--url` names it.
    Public(String),
    /// Wherever the project's site is.
    Site,
}

/// A check for whoever can see what we cannot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Later {
    /// Its kind.
    pub(super) kind: &'static str,
    /// The key of the look that holds the address, and the address, if it has one.
    pub(super) address: Option<(&'static str, Value)>,
    /// The rest of the look.
    pub(super) look: Value,
    /// What to expect.
    pub(super) expect: Value,
    /// Why it was not looked at.
    pub(super) why: String,
    /// What to do.
    pub(super) then: String,
}

/// A port of an image that is a port of this machine, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// The folder in which the image is built.
    pub(super) folder: Option<String>,
    /// What it is called.
    pub(super) service: String,
    /// The port in the image.
    pub(super) inside: u16,
    /// The port of this machine.
    pub(super) outside: u16,
}

impl Clues {
    /// Notes what cannot be seen.
    pub(super) fn miss(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.unseen.push(LeftOut { what: what.into(), why: why.into() });
    }

    /// Notes what is worth a check.
    pub(super) fn lead(&mut self, from: String, name: impl Into<String>, says: impl Into<String>, ask: Ask) {
        self.leads.push(Lead { from, name: name.into(), says: says.into(), ask });
    }
}
