//! One row: its record, its values against their columns, and the entries that its indexes should have.

use crate::entry_hash;
use crate::finding::{Code, Finding};
use crate::header::Encoding;
use crate::page::Cell;
use crate::plan::IndexPlan;
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
            let needed = needed(table, &fields, &plan.indexes, cell.local, common.plan.schema.encoding);
            let bytes = if needed <= cell.local.len() as u64 {
                Ok(cell.local)
            } else {
                match self.scratch.gather(common.source, cell, needed) {
                    Ok(()) => Ok(self.scratch.payload.as_slice()),
                    Err(fault) => Err(fault),
                }
            };
            match bytes {
                Ok(bytes) => {
                    if common.seek.is_none() && !common.planted.types_off() {
                        for (field, column) in &plan.judged {
                            if let Some(fault) =
                                judge(table, *column, fields.get(*field), bytes, common.plan.schema.encoding)
                            {
                                self.share.findings.push(place.finding(common, fault));
                            }
                        }
                    }
                    for index in &plan.indexes {
                        let hash = entry_of(common, table, index, &fields, bytes, place.rowid);
                        match common.seek {
                            None => {
                                self.share.rows[index.sketch] += 1;
                                self.share.sketches[index.sketch].row(hash, place.locator());
                            }
                            Some(seek) => seek.row(&mut self.sought, index, hash, &place),
                        }
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
fn needed(table: &Table, fields: &[Field], indexes: &[IndexPlan], local: &[u8], encoding: Encoding) -> u64 {
    let end = |field: &Field| field.start + field.len;
    let last = fields.last().map_or(0, end);
    // The usual case: everything is on the page, and nobody needs to know exactly.
    if last <= local.len() as u64 {
        return last;
    }
    let mut needed = 0;
    for index in indexes {
        for from in &index.from {
            if let From::Field(field, _) = from {
                needed = needed.max(fields.get(*field).map_or(0, end));
            }
        }
    }
    for (number, field) in fields.iter().enumerate() {
        let Some(column) = table.fields.get(number).map(|column| &table.columns[*column]) else { break };
        let text = column.text_unless_number && field.serial >= 13 && field.serial % 2 == 1;
        if column.judged && (field.serial == 7 || text && may_be_number(field, local, encoding)) {
            needed = needed.max(end(field));
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

/// The hash of the entry that `index` should have for a row.
#[inline]
fn entry_of(
    common: &Common<'_>,
    table: &Table,
    index: &IndexPlan,
    fields: &[Field],
    bytes: &[u8],
    rowid: Option<i64>,
) -> u128 {
    let value = |from: &From| -> Value<'_> {
        match from {
            From::Rowid => rowid.map_or(Value::Null, Value::Integer),
            From::Field(field, column) => {
                let column = &table.columns[*column];
                let value = match fields.get(*field) {
                    Some(field) => field.value(bytes).unwrap_or(Value::Null),
                    None => column.default.value(),
                };
                match value {
                    Value::Integer(value) if column.real => Value::Real(value as f64),
                    value => value,
                }
            }
            From::Computed => Value::Null,
        }
    };
    with_values(index.from.len(), |at| value(&index.from[at]), |values| hash(common, index.tree, values))
}

/// Hands `count` values over as a slice, without touching the heap for the usual few.
#[inline]
pub(crate) fn with_values<'v, T>(
    count: usize,
    value: impl Fn(usize) -> Value<'v>,
    then: impl FnOnce(&[Value<'v>]) -> T,
) -> T {
    const FEW: usize = 8;
    if count <= FEW {
        let mut values = [Value::Null; FEW];
        for (at, slot) in values.iter_mut().enumerate().take(count) {
            *slot = value(at);
        }
        then(&values[..count])
    } else {
        let values: Vec<Value<'v>> = (0..count).map(value).collect();
        then(&values)
    }
}

#[inline]
pub(crate) fn hash(common: &Common<'_>, tree: TreeId, values: &[Value<'_>]) -> u128 {
    let from = usize::from(common.planted.hash_forgets_a_column());
    entry_hash::hash(common.key, tree, &values[from.min(values.len())..])
}

/// Holds one value to its column.
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

#[inline]
fn class_of(serial: u64) -> u8 {
    match serial {
        0 | 10 | 11 => class::NULL,
        7 => class::REAL,
        1..=9 => class::INTEGER,
        serial if serial % 2 == 0 => class::BLOB,
        _ => class::TEXT,
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
