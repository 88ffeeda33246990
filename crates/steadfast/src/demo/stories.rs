//! The stories: what breaks, what a status-code probe looks at meanwhile, and which check must tell.

use super::breakage::Breakage;

/// One incident that really happened to somebody.
pub(super) struct Story {
    /// Its name.
    pub(super) title: &'static str,
    /// What happens.
    pub(super) what: &'static str,
    /// How it is done.
    pub(super) breakage: Breakage,
    /// What the status-code probe asks for.
    pub(super) asked: &'static str,
    /// The check that must fail.
    pub(super) told_by: &'static str,
}

/// Every story, in the order of the show.
pub(super) const STORIES: &[Story] = &[
    Story {
        title: "The page is there. Its content is not.",
        what: "A deploy ships a template without the meaning section.",
        breakage: Breakage::MeaningGone,
        asked: "/d/7d0bd618",
        told_by: "design-page",
    },
    Story {
        title: "The health endpoint is well. The tables are empty.",
        what: "A migration wipes accounts and jobs; /health touches no table.",
        breakage: Breakage::TablesWiped,
        asked: "/health",
        told_by: "accounts",
    },
    Story {
        title: "The API answers. Every reader of it breaks.",
        what: "A migration turns the layers of a design from objects into strings.",
        breakage: Breakage::RecordsFlattened,
        asked: "/api/designs/7d0bd618",
        told_by: "design-record",
    },
    Story {
        title: "The site answers. No browser will open it.",
        what: "The certificate expires; the probe asks behind the TLS proxy.",
        breakage: Breakage::CertificateExpired,
        asked: "/",
        told_by: "certificate",
    },
    Story {
        title: "The backup job succeeds. It leaves nothing.",
        what: "The folder of dumps is empty, and nobody restores until they must.",
        breakage: Breakage::BackupsEmpty,
        asked: "/health",
        told_by: "backups",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_breakage_has_its_story() {
        assert!(STORIES.iter().map(|story| story.breakage).eq(Breakage::ALL));
    }
}
