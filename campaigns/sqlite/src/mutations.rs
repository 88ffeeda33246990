//! Ways in which files break.

use crate::databases::Database;
use crate::dice::Dice;

/// What a mutation is called, and what it does to a database.
pub type Kind = (&'static str, fn(&mut Dice, &mut Database));

/// The kinds of mutations, as the tally counts them.
pub const KINDS: &[Kind] = &[
    ("bit", bit),
    ("byte", byte),
    ("used byte", used_byte),
    ("cell pointer", cell_pointer),
    ("cell pointers swapped", swap_pointers),
    ("page header", page_header),
    ("page zeroed", zero_page),
    ("pages swapped", swap_pages),
    ("page copied", copy_page),
    ("truncated", truncate),
    ("page of an older version", older_page),
    ("freelist", freelist),
    ("pointer map", pointer_map),
    ("database header", header),
    ("record header", record_header),
    ("value", value),
    ("child or overflow pointer", link),
    ("wal", wal),
];

fn page_size(database: &Database) -> usize {
    match u16::from_be_bytes([database.file[16], database.file[17]]) {
        1 => 65536,
        size => usize::from(size).max(512),
    }
}

fn pages(database: &Database) -> usize {
    database.file.len() / page_size(database)
}

/// Start of a random page, of a b-tree if one is found quickly, and where its header is.
fn tree_page(dice: &mut Dice, database: &Database) -> (usize, usize) {
    let size = page_size(database);
    for _ in 0..20 {
        let page = dice.below(pages(database));
        let header = page * size + if page == 0 { 100 } else { 0 };
        if matches!(database.file[header], 2 | 5 | 10 | 13) && cells(database, header) > 0 {
            return (page * size, header);
        }
    }
    (0, 100)
}

fn be16(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])))
}

fn cells(database: &Database, header: usize) -> usize {
    be16(&database.file, header + 3).min(page_size(database) / 2)
}

fn pointers(database: &Database, header: usize) -> usize {
    header + if matches!(database.file[header], 2 | 5) { 12 } else { 8 }
}

/// Offset of a random cell in the file.
fn cell(dice: &mut Dice, database: &Database) -> usize {
    let (start, header) = tree_page(dice, database);
    let index = dice.below(cells(database, header));
    let at = start + be16(&database.file, pointers(database, header) + 2 * index);
    at.min(database.file.len() - 16)
}

fn put(database: &mut Database, at: usize, bytes: &[u8]) {
    if let Some(place) = database.file.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn bit(dice: &mut Dice, database: &mut Database) {
    let at = dice.below(database.file.len());
    database.file[at] ^= 1 << dice.below(8);
}

fn byte(dice: &mut Dice, database: &mut Database) {
    let at = dice.below(database.file.len());
    database.file[at] = dice.word() as u8;
}

/// A byte inside of cells, where most pages are full of meaning.
fn used_byte(dice: &mut Dice, database: &mut Database) {
    let at = cell(dice, database) + dice.below(14);
    let value = if dice.one_in(2) { database.file[at] ^ (1 << dice.below(8)) } else { dice.word() as u8 };
    put(database, at, &[value]);
}

fn cell_pointer(dice: &mut Dice, database: &mut Database) {
    let (_, header) = tree_page(dice, database);
    let at = pointers(database, header) + 2 * dice.below(cells(database, header));
    let old = be16(&database.file, at);
    let new = match dice.below(4) {
        0 => dice.below(page_size(database)),
        1 => old.wrapping_add(1),
        2 => old.wrapping_sub(1),
        _ => be16(&database.file, pointers(database, header)),
    };
    put(database, at, &(new as u16).to_be_bytes());
}

fn swap_pointers(dice: &mut Dice, database: &mut Database) {
    let (_, header) = tree_page(dice, database);
    let count = cells(database, header);
    let one = pointers(database, header) + 2 * dice.below(count);
    let other = pointers(database, header) + 2 * dice.below(count);
    let (a, b) = (be16(&database.file, one), be16(&database.file, other));
    put(database, one, &(b as u16).to_be_bytes());
    put(database, other, &(a as u16).to_be_bytes());
}

fn page_header(dice: &mut Dice, database: &mut Database) {
    let (_, header) = tree_page(dice, database);
    let at = header + dice.below(12);
    let value = match dice.below(3) {
        0 => dice.word() as u8,
        1 => database.file[at].wrapping_add(1),
        _ => *dice.pick(&[0, 2, 5, 10, 13]),
    };
    put(database, at, &[value]);
}

fn zero_page(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let page = dice.below(pages(database));
    let from = if page == 0 { 100 } else { page * size };
    database.file[from..(page + 1) * size].fill(0);
}

fn swap_pages(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let count = pages(database);
    let (one, other) = (dice.below(count), dice.below(count));
    let first = database.file[one * size..(one + 1) * size].to_vec();
    let second = database.file[other * size..(other + 1) * size].to_vec();
    put(database, one * size, &second);
    put(database, other * size, &first);
}

fn copy_page(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let count = pages(database);
    let (from, to) = (dice.below(count), dice.below(count));
    let page = database.file[from * size..(from + 1) * size].to_vec();
    put(database, to * size, &page);
}

fn truncate(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let keep = if dice.one_in(2) { dice.below(pages(database)) * size } else { dice.below(database.file.len()) };
    database.file.truncate(keep);
}

fn older_page(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let both = pages(database).min(database.older.len() / size);
    for _ in 0..20 {
        let page = dice.below(both);
        let old = database.older[page * size..(page + 1) * size].to_vec();
        if database.file[page * size..(page + 1) * size] != old[..] {
            put(database, page * size, &old);
            return;
        }
    }
    bit(dice, database);
}

fn freelist(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    let trunk =
        u32::from_be_bytes([database.file[32], database.file[33], database.file[34], database.file[35]]) as usize;
    if trunk == 0 || trunk > pages(database) || dice.one_in(3) {
        let at = 32 + dice.below(8);
        let value = database.file[at].wrapping_add(1 + dice.below(3) as u8);
        put(database, at, &[value]);
    } else {
        let at = (trunk - 1) * size + dice.below(24);
        let value = dice.below(pages(database) + 2) as u8;
        put(database, at, &[value]);
    }
}

fn pointer_map(dice: &mut Dice, database: &mut Database) {
    if database.file[52..56] == [0; 4] {
        let at = if dice.one_in(2) { 55 } else { 67 };
        put(database, at, &[1 + dice.below(9) as u8]);
        return;
    }
    let size = page_size(database);
    let at = size + dice.below(5 * pages(database).max(3));
    let value = if dice.one_in(2) { dice.below(6) as u8 } else { database.file.get(at).map_or(0, |old| old ^ 1) };
    put(database, at, &[value]);
}

fn header(dice: &mut Dice, database: &mut Database) {
    let at = dice.below(100);
    let value = if dice.one_in(2) { dice.below(5) as u8 } else { dice.word() as u8 };
    put(database, at, &[value]);
}

fn record_header(dice: &mut Dice, database: &mut Database) {
    let at = cell(dice, database) + 2 + dice.below(6);
    let old = database.file[at];
    let value = match dice.below(4) {
        0 => dice.below(14) as u8,
        1 => old.wrapping_add(2),
        2 => old.wrapping_sub(2),
        _ => old ^ 1,
    };
    put(database, at, &[value]);
}

fn value(dice: &mut Dice, database: &mut Database) {
    let at = cell(dice, database) + 5 + dice.below(12);
    if let Some(old) = database.file.get(at).copied() {
        let value = if dice.one_in(2) { old.wrapping_add(1) } else { old ^ 0x20 };
        put(database, at, &[value]);
    }
}

fn link(dice: &mut Dice, database: &mut Database) {
    let size = page_size(database);
    for _ in 0..30 {
        let page = 1 + dice.below(pages(database).max(2) - 1);
        let header = page * size;
        let Some(flag) = database.file.get(header) else { break };
        let at = match flag {
            2 | 5 if dice.one_in(2) => header + 8,
            2 | 5 => header + be16(&database.file, header + 12),
            0 => header,
            _ => continue,
        };
        let to = dice.below(pages(database) + 2) as u32;
        put(database, at, &to.to_be_bytes());
        return;
    }
    bit(dice, database);
}

fn wal(dice: &mut Dice, database: &mut Database) {
    let Some(log) = &mut database.wal else {
        return bit(dice, database);
    };
    if log.is_empty() {
        return;
    }
    if dice.one_in(2) {
        let at = dice.below(log.len());
        log[at] ^= 1 << dice.below(8);
    } else {
        log.truncate(dice.below(log.len()));
    }
}
