//! What breaks the shop, for real: each changes what the shop reads, nothing is pretended.

use std::path::Path;

use super::shop::{self, Shop};
use super::{certificates, database, pages};

/// A real breakage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakage {
    /// A deploy ships a template without its meaning section.
    MeaningGone,
    /// A migration empties the tables of accounts and jobs.
    TablesWiped,
    /// A migration rewrites records from objects to strings.
    RecordsFlattened,
    /// The certificate expires.
    CertificateExpired,
    /// The backup job runs and leaves nothing.
    BackupsEmpty,
}

impl Breakage {
    /// Every breakage, in the order of the stories.
    pub(super) const ALL: [Breakage; 5] = [
        Breakage::MeaningGone,
        Breakage::TablesWiped,
        Breakage::RecordsFlattened,
        Breakage::CertificateExpired,
        Breakage::BackupsEmpty,
    ];

    /// Breaks the shop.
    pub(super) fn strike(self, shop: &Shop) -> Result<(), String> {
        match self {
            Breakage::MeaningGone => {
                let (name, text) = pages::DESIGN;
                let gone = text.lines().filter(|line| !line.contains("Meaning") && !line.contains("{{meaning}}"));
                write(&shop.folder().join("templates").join(name), &gone.collect::<Vec<_>>().join("\n"))
            }
            Breakage::TablesWiped => sql(shop, "delete from jobs; delete from accounts;"),
            Breakage::RecordsFlattened => sql(
                shop,
                "update designs set layers = (select json_group_array(json_extract(value, '$.name')) from json_each(layers))",
            ),
            Breakage::CertificateExpired => serve(shop, certificates::EXPIRED),
            Breakage::BackupsEmpty => {
                let backups = shop.folder().join("backups");
                let entries = std::fs::read_dir(&backups).map_err(|why| format!("{}: {why}", backups.display()))?;
                for entry in entries.flatten() {
                    std::fs::remove_file(entry.path()).map_err(|why| format!("{}: {why}", entry.path().display()))?;
                }
                Ok(())
            }
        }
    }

    /// Puts it right again.
    pub(super) fn repair(self, shop: &Shop) -> Result<(), String> {
        match self {
            Breakage::MeaningGone => write(&shop.folder().join("templates").join(pages::DESIGN.0), pages::DESIGN.1),
            Breakage::TablesWiped | Breakage::RecordsFlattened => {
                database::fill(&shop.database()).map_err(|why| format!("cannot restore the database: {why}"))
            }
            Breakage::CertificateExpired => serve(shop, certificates::GOOD),
            Breakage::BackupsEmpty => shop::back_up(&shop.database(), &shop.folder().join("backups")),
        }
    }

    /// How a person breaks the kept shop the same way, in its folder.
    pub(super) const fn by_hand(self) -> &'static str {
        match self {
            Breakage::MeaningGone => "sed -i '/eaning/d' templates/design.html",
            Breakage::TablesWiped => "sqlite3 shop.db 'delete from jobs; delete from accounts'",
            Breakage::RecordsFlattened => "sqlite3 shop.db \"update designs set layers = '[\\\"gold\\\"]'\"",
            Breakage::CertificateExpired => "cp tls/expired.pem tls/shop.pem",
            Breakage::BackupsEmpty => "rm backups/*",
        }
    }
}

fn sql(shop: &Shop, statements: &str) -> Result<(), String> {
    database::run(&shop.database(), statements).map_err(|why| format!("cannot break the database: {why}"))
}

/// Swaps the served certificate in one step, so that no half file is read.
fn serve(shop: &Shop, name: &str) -> Result<(), String> {
    let tls = shop.folder().join("tls");
    let next = tls.join("next.pem");
    std::fs::copy(tls.join(name), &next)
        .and_then(|_| std::fs::rename(&next, tls.join(certificates::SERVED)))
        .map_err(|why| format!("cannot swap the certificate in {}: {why}", tls.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|why| format!("{}: {why}", file.display()))
}
