//! Databases as real programs write them: `databases/make.sh` says how each was made. Each is proven, SQLite's own check
//! agrees, and each turns red when a key of any index or any page is changed.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use steadfast_sqlite::{Finding, Proof, Prover, Verdict};

struct Copy {
    _folder: tempfile::TempDir,
    path: PathBuf,
    sound: Vec<u8>,
}

impl Copy {
    fn of(name: &str) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let sound = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases").join(name)).unwrap();
        std::fs::write(&path, &sound).unwrap();
        Copy { _folder: folder, path, sound }
    }

    /// SQLite with the collation that only Anki has, as its own program compares: without regard to case.
    fn sql(&self) -> Connection {
        let sql = Connection::open(&self.path).unwrap();
        sql.create_collation("unicase", |a, b| a.to_lowercase().cmp(&b.to_lowercase())).unwrap();
        sql
    }

    fn integrity_check(&self) -> String {
        self.sql().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap_or_else(|why| why.to_string())
    }

    fn prove(&self) -> Option<Proof> {
        Prover::new(&self.path).run(&mut |_| ()).ok()
    }

    /// The verdict with some bytes changed.
    fn with(&self, change: impl FnOnce(&mut Vec<u8>)) -> (Option<Proof>, String) {
        let mut bytes = self.sound.clone();
        change(&mut bytes);
        assert_ne!(bytes, self.sound);
        std::fs::write(&self.path, bytes).unwrap();
        let proof = self.prove();
        (proof, self.integrity_check())
    }

    fn number(&self, at: usize, length: usize) -> usize {
        self.sound[at..at + length].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn page_size(&self) -> usize {
        self.number(16, 2)
    }

    /// Where the first entry of an index has a byte of its key: the last byte of the first column that has any.
    fn byte_of_a_key(&self, root: usize) -> Option<usize> {
        let mut page = (root - 1) * self.page_size();
        while self.sound[page] == 2 {
            page = (self.number(page + self.number(page + 12, 2), 4) - 1) * self.page_size();
        }
        assert_eq!(self.sound[page], 10, "a leaf of an index");
        if self.number(page + 3, 2) == 0 {
            return None;
        }
        let mut at = page + self.number(page + 8, 2);
        self.varint(&mut at);
        let record = at;
        let header = self.varint(&mut at);
        let mut content = record + header;
        while at < record + header {
            let length = match self.varint(&mut at) {
                0 | 8 | 9 => 0,
                kind @ 1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                kind => (kind - 12) / 2,
            };
            if length > 0 {
                return Some(content + length - 1);
            }
            content += length;
        }
        None
    }

    fn varint(&self, at: &mut usize) -> usize {
        let mut value = 0;
        loop {
            let byte = usize::from(self.sound[*at]);
            *at += 1;
            value = value << 7 | byte & 127;
            if byte < 128 {
                return value;
            }
        }
    }
}

/// The file is proven but for what is named, holds so many tables and rows at least, and every change of it is seen.
#[track_caller]
fn check(name: &str, unproven: &[&str], tables: u32, rows: u64) {
    let copy = Copy::of(name);
    let proof = copy.prove().unwrap();
    assert_eq!(proof.findings, vec![], "{name}");
    let named: Vec<&str> = proof.unproven.iter().map(|unproven| unproven.name.as_str()).collect();
    assert_eq!(named, unproven, "{name}");
    assert_eq!(proof.verdict, if unproven.is_empty() { Verdict::Pass } else { Verdict::Unknown }, "{name}");
    assert!(proof.tables >= tables && proof.rows() >= rows, "{name}: {} tables, {} rows", proof.tables, proof.rows());
    assert_eq!(copy.integrity_check(), "ok", "{name}");
    every_table_has_the_rows_that_sqlite_counts(&copy, &proof);
    a_changed_key_of_any_index_is_a_fault_of_that_index(&copy);
    a_changed_page_is_never_passed(&copy);
}

fn every_table_has_the_rows_that_sqlite_counts(copy: &Copy, proof: &Proof) {
    let sql = copy.sql();
    for tree in proof.trees.iter().filter(|tree| !tree.is_index) {
        let count: i64 =
            sql.query_row(&format!("SELECT count(*) FROM \"{}\"", tree.name), [], |row| row.get(0)).unwrap();
        assert_eq!(tree.entries as i64, count, "{}", tree.name);
    }
}

fn a_changed_key_of_any_index_is_a_fault_of_that_index(copy: &Copy) {
    let indexes: Vec<(String, usize)> = copy
        .sql()
        .prepare("SELECT name, rootpage FROM sqlite_schema WHERE type = 'index'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut changed = 0;
    for (index, root) in indexes {
        let Some(at) = copy.byte_of_a_key(root) else { continue };
        let (proof, pragma) = copy.with(|bytes| bytes[at] ^= 1);
        let proof = proof.unwrap();
        // What only SQLite can evaluate (the keys of a partial index) is told in its words, under the table.
        let in_its_words = format!(" index {index}");
        let names =
            |finding: &Finding| finding.tree.as_deref() == Some(&index) || finding.seen.ends_with(&in_its_words);
        let is_told = proof.findings.iter().any(names);
        assert!(proof.verdict == Verdict::Fail && is_told, "{index}: {:?}; SQLite says {pragma}", proof.findings);
        changed += 1;
    }
    assert!(changed > 0, "some index must have had an entry");
}

fn a_changed_page_is_never_passed(copy: &Copy) {
    let size = copy.page_size();
    let (mut red, mut pages) = (0, 0);
    for page in 1..copy.sound.len() / size {
        let start = page * size;
        if copy.sound[start..start + size].iter().all(|byte| *byte == 0) {
            continue;
        }
        pages += 1;
        let changes: [fn(&mut [u8]); 2] = [|page| page.fill(0), |page| page.reverse()];
        for change in changes {
            let (proof, pragma) = copy.with(|bytes| change(&mut bytes[start..start + size]));
            let passed = proof.is_some_and(|proof| proof.verdict != Verdict::Fail);
            // Nobody can see what stands on a free page, or on one that holds nothing but a blob.
            assert!(!passed || pragma == "ok", "page {}: SQLite says {pragma}", page + 1);
            red += usize::from(!passed);
        }
    }
    assert!(red >= pages, "{red} of {} changes were seen", 2 * pages);
}

#[test]
fn a_shop_on_django_with_its_admin_its_users_and_its_sessions() {
    check("django.sqlite3", &[], 12, 590);
}

#[test]
fn tables_that_sqlite_utils_made_with_full_text_search_kept_by_triggers() {
    check("sqlite-utils-fts5.db", &[], 8, 300);
}

#[test]
fn the_catalog_that_datasette_keeps_of_its_databases() {
    check("datasette-internal.db", &[], 9, 30);
}

#[test]
fn a_geopackage_that_gdal_wrote_with_its_spatial_index() {
    check("gdal-rtree.gpkg", &[], 10, 300);
}

#[test]
fn the_cards_of_anki_are_proven_but_for_the_order_that_only_anki_knows() {
    let of_unicase =
        ["idx_fields_name_ntid", "idx_templates_name_ntid", "idx_notetypes_name", "idx_decks_name", "tags"];
    check("anki-unicase.anki2", &of_unicase, 10, 120);
}

#[test]
fn full_text_search_without_content_of_its_own_and_an_rtree_with_labels_by_the_sqlite3_program() {
    check("cli-fts5-and-rtree.db", &[], 10, 400);
}
