//! One row: its record, its values against their columns, and the entries that its indexes should have.

use crate::entry_hash::Whose;
use crate::entry_record::{Piece, Sources};
use crate::finding::{Code, Finding};
use crate::header::Encoding;
use crate::page::Cell;
use crate::plan::Source;
use crate::record::{Field, Value, reads_as_number};
use crate::schema::{From, Table, TreeId, class};
use crate::worker::{Common, GatherFault, Worker, describe_record_fault, parse_record};

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) tree: TreeId,
    pub(crate) page: u32,
    /// For tables with rowids.
    pub(crate) rowid: Option<i64>,
}

impl Place {
    fn finding(&self, common: &Common<'_>, finding: Finding) -> Finding {
        let finding = finding.on_page(self.page).in_tree(common.plan.name(self.tree));
        match self.rowid {
            Some(rowid) => finding.at_row(rowid),
            None => finding,
        }
    }

    /// What goes into a sketch beside the hash.
    pub(crate) fn locator(&self) -> u64 {
        self.rowid.map_or(0, |rowid| rowid as u64)
    }
}

impl Worker {
    /// Judges a row and takes its entries off its indexes' sums.
    pub(crate) fn row(&mut self, common: &Common<'_>, place: Place, cell: &Cell<'_>) -> Result<(), GatherFault> {
        let table_number = common.plan.schema.trees[place.tree as usize].table;
        let table = &common.plan.schema.tables[table_number];
        let plan = &common.plan.rows[table_number];
        if !common.plan.content {
            return Ok(());
        }
        let mut fields = std::mem::take(&mut self.fields);
        let outcome = self.row_fields(common, place, cell, &mut fields);
        if let Ok(true) = outcome {
            let needed = needed(table, &fields, &plan.sources, cell.local, common.plan.schema.encoding);
            let bytes = if needed <= cell.local.len() {
                Ok((cell.local, cell.rest))
            } else {
                match self.scratch.gather(common.source, cell, needed as u64) {
                    Ok(()) => Ok((self.scratch.payload.as_slice(), self.scratch.payload.as_slice())),
                    Err(fault) => Err(fault),
                }
            };
            match bytes {
                Ok((bytes, rest)) => {
                    if common.seek.is_none() && !common.planted.types_off() {
                        for judged in &plan.judged {
                            let field = fields.get(judged.field);
                            if field.is_some_and(|field| class_of(field.serial) & judged.plainly != 0) {
                                continue;
                            }
                            if let Some(fault) = judge(table, judged.column, field, bytes, common.plan.schema.encoding)
                            {
                                self.share.findings.push(place.finding(common, fault));
                            }
                        }
                    }
                    let Worker { waiting, share, sought, pieces, .. } = self;
                    pieces.resize(plan.sources.len(), Piece::NULL);
                    for (piece, source) in pieces.iter_mut().zip(&plan.sources) {
                        fill(piece, table, source, &fields, (bytes, rest), place.rowid);
                    }
                    let default_of = |column: u32| &table.columns[column as usize].default;
                    let sources = Sources { record: bytes, default_of: &default_of };
                    let forgotten = usize::from(common.planted.hash_forgets_a_column());
                    let mut take = |whose: &Whose, hash| common.take(share, sought, whose, hash);
                    for index in &plan.indexes {
                        let whose = Whose {
                            tree: index.tree,
                            sketch: index.sketch as u32,
                            page: place.page,
                            is_row: true,
                            locator: place.locator(),
                        };
                        let order = &index.order[forgotten.min(index.order.len())..];
                        waiting.pieces(common.hash, whose, pieces, order, &sources, &mut take);
                    }
                }
                Err(GatherFault::Chain(why)) => self.broken_chain(common, place, why),
                Err(fault) => {
                    self.fields = fields;
                    return Err(fault);
                }
            }
        }
        self.fields = fields;
        outcome.map(|_| ())
    }

    fn row_fields(
        &mut self,
        common: &Common<'_>,
        place: Place,
        cell: &Cell<'_>,
        fields: &mut Vec<Field>,
    ) -> Result<bool, GatherFault> {
        match parse_record(common.source, cell, &mut self.scratch, fields) {
            Ok(Ok(())) => Ok(true),
            Ok(Err(fault)) => {
                self.share.findings.push(place.finding(common, describe_record_fault(fault)));
                Ok(false)
            }
            Err(GatherFault::Chain(why)) => {
                self.broken_chain(common, place, why);
                Ok(false)
            }
            Err(read) => Err(read),
        }
    }

    fn broken_chain(&mut self, common: &Common<'_>, place: Place, why: &'static str) {
        let finding = Finding::new(Code::OverflowPage, "an overflow chain that holds the row", why);
        self.share.findings.push(place.finding(common, finding));
    }
}

/// How many bytes of the record are looked at.
#[inline]
fn needed(table: &Table, fields: &[Field], sources: &[Source], local: &[u8], encoding: Encoding) -> usize {
    let last = fields.last().map_or(0, Field::end);
    // The usual case: everything is on the page, and nobody needs to know exactly.
    if last <= local.len() {
        return last;
    }
    let mut needed = 0;
    for Source { from, .. } in sources {
        if let From::Field(field, _) = from {
            needed = needed.max(fields.get(*field).map_or(0, Field::end));
        }
    }
    for (number, field) in fields.iter().enumerate() {
        let Some(column) = table.fields.get(number).map(|column| &table.columns[*column]) else { break };
        let text = column.text_unless_number && field.serial >= 13 && field.serial % 2 == 1;
        if column.judged && (field.serial == 7 || text && may_be_number(field, local, encoding)) {
            needed = needed.max(field.end());
        }
    }
    needed
}

/// A long text whose first byte is on the page and starts no number need not be read: JSON in a column of an unknown
/// declared type is the usual case.
fn may_be_number(field: &Field, local: &[u8], encoding: Encoding) -> bool {
    match (encoding, local.get(field.start as usize)) {
        (Encoding::Utf8, Some(first)) => matches!(first, b' ' | 0x09..=0x0d | b'0'..=b'9' | b'+' | b'-' | b'.'),
        (Encoding::Utf8, None) | (Encoding::Utf16Le | Encoding::Utf16Be, _) => true,
    }
}

/// What a row has of an index entry. The row's record comes alone, and with what else there is behind it.
#[inline(always)]
fn fill(
    piece: &mut Piece,
    table: &Table,
    source: &Source,
    fields: &[Field],
    (bytes, rest): (&[u8], &[u8]),
    rowid: Option<i64>,
) {
    match source.from {
        From::Rowid => match rowid {
            Some(rowid) => piece.set_integer(rowid),
            None => *piece = Piece::NULL,
        },
        From::Field(field, column) => match fields.get(field) {
            Some(field) => piece.set_field(field, bytes, rest, source.is_real),
            None => piece.set_missing(&table.columns[column].default, column as u32, source.is_real),
        },
        From::Computed => *piece = Piece::NULL,
    }
}

/// Holds one value to its column.
#[inline(never)]
fn judge(table: &Table, column: usize, field: Option<&Field>, bytes: &[u8], encoding: Encoding) -> Option<Finding> {
    let column = &table.columns[column];
    let class = match field {
        Some(field) => class_of(field.serial),
        None => column.default.class(),
    };
    let name = || format!("{}.{}", table.name, column.name);
    if column.not_null {
        let is_null = match field {
            Some(field) if field.serial == 7 => matches!(field.value(bytes), Some(Value::Null)),
            Some(_) | None => class == class::NULL,
        };
        if is_null {
            return Some(Finding::new(Code::NullValue, format!("a value in {}, which is NOT NULL", name()), "NULL"));
        }
    }
    if column.allowed & class != 0 {
        return None;
    }
    let value = match field {
        Some(field) => field.value(bytes),
        None => Some(column.default.value()),
    };
    let seen = value.map_or_else(|| word_of(class).to_owned(), |value| value.describe());
    if let Some(strict) = &column.strict_type {
        return Some(Finding::new(Code::WrongType, format!("{strict} in {} of a STRICT table", name()), seen));
    }
    if column.text_unless_number {
        let Some(Value::Text(text)) = value else { return None };
        return reads_as_number(text, encoding)
            .then(|| Finding::new(Code::TextInNumber, format!("a number in {}, or text that is none", name()), seen));
    }
    Some(Finding::new(Code::NumberInText, format!("text, a blob or NULL in {}", name()), seen))
}

#[inline(always)]
fn class_of(serial: u32) -> u8 {
    const FIRST: [u8; 12] = {
        let mut first = [class::INTEGER; 12];
        (first[0], first[7], first[10], first[11]) = (class::NULL, class::REAL, class::NULL, class::NULL);
        first
    };
    match FIRST.get(serial as usize) {
        Some(class) => *class,
        None if serial.is_multiple_of(2) => class::BLOB,
        None => class::TEXT,
    }
}

fn word_of(class: u8) -> &'static str {
    match class {
        class::NULL => "NULL",
        class::INTEGER => "an integer",
        class::REAL => "a real",
        class::TEXT => "text",
        _ => "a blob",
    }
}
