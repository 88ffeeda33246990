//! Tables, indexes, columns, collations: what SQLite itself says about them, through its pragmas. DDL is never parsed
//! here; one look at its text asks only whether the word CHECK occurs, in which case SQLite evaluates it.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::collation::Collation;
use crate::header::Encoding;
use crate::{raw_name, record};

/// Bits of the classes a column may hold, in SQLite's own numbering.
pub(crate) mod class {
    pub(crate) const INTEGER: u8 = 0x01;
    pub(crate) const REAL: u8 = 0x02;
    pub(crate) const TEXT: u8 = 0x04;
    pub(crate) const BLOB: u8 = 0x08;
    pub(crate) const NULL: u8 = 0x10;
    pub(crate) const ANY: u8 = 0x1f;
}

/// The number of a tree: its place in [`Schema::trees`].
pub(crate) type TreeId = u32;

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) encoding: Encoding,
    pub(crate) trees: Vec<Tree>,
    pub(crate) tables: Vec<Table>,
    pub(crate) virtuals: Vec<Virtual>,
    /// Rows of the schema table with a root page that belong to nothing SQLite knows.
    pub(crate) strangers: Vec<String>,
}

/// One b-tree.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) root: u32,
    pub(crate) table: usize,
    pub(crate) role: Role,
    /// The order of keys, of trees that are not ordered by rowid.
    pub(crate) order: Option<KeyOrder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Rows by rowid.
    Rows,
    /// Rows by primary key.
    KeyedRows,
    /// Entries of index number `.0` of the table.
    Index(usize),
}

#[derive(Debug)]
pub(crate) struct KeyOrder {
    pub(crate) columns: Vec<KeyColumn>,
    /// How many columns make the key of a UNIQUE index.
    pub(crate) unique: Option<usize>,
    /// Fields of every record, if it is always the same number.
    pub(crate) fields: usize,
    /// Whether the last field is a rowid.
    pub(crate) ends_in_rowid: bool,
}

#[derive(Debug)]
pub(crate) struct KeyColumn {
    pub(crate) collation: Collation,
    pub(crate) descending: bool,
}

impl KeyOrder {
    /// The collation that only the application knows, if there is one.
    pub(crate) fn unknown_collation(&self) -> Option<&str> {
        self.columns.iter().find_map(|column| match &column.collation {
            Collation::Custom(name) => Some(name.as_str()),
            Collation::Binary | Collation::NoCase | Collation::RTrim => None,
        })
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) tree: TreeId,
    pub(crate) columns: Vec<Column>,
    /// For each field of a record, its column.
    pub(crate) fields: Vec<usize>,
    pub(crate) indexes: Vec<Index>,
    /// Whether anything of a row's values is to be looked at.
    pub(crate) judges_values: bool,
    pub(crate) through_sqlite: Option<ThroughSqlite>,
}

/// What SQLite has to evaluate for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThroughSqlite {
    /// `integrity_check` with its lookups, otherwise `quick_check`.
    pub(crate) full: bool,
    pub(crate) why: String,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) not_null: bool,
    /// Classes that the column may hold; TEXT only where `text_unless_number` does not forbid it.
    pub(crate) allowed: u8,
    pub(crate) text_unless_number: bool,
    pub(crate) strict_type: Option<String>,
    pub(crate) real: bool,
    pub(crate) default: Default,
    pub(crate) judged: bool,
}

/// What a record that is too short has in this column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Default {
    Null,
    Integer(i64),
    Real(f64),
    /// In the database's encoding.
    Text(Vec<u8>),
    Blob(Vec<u8>),
    /// It could not be evaluated.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) tree: TreeId,
    /// Where each field of an entry comes from.
    pub(crate) from: Vec<From>,
    /// Whether rows and entries are compared in the pass; otherwise SQLite does it.
    pub(crate) native: bool,
    /// Whether only some rows have an entry.
    pub(crate) partial: bool,
}

/// Where a field of an index entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Rowid,
    /// Field number of the row's record, and the column.
    Field(usize, usize),
    /// An expression or a column that is not stored.
    Computed,
}

#[derive(Debug)]
pub(crate) struct Virtual {
    pub(crate) name: String,
    /// The module's name, if this SQLite has the module.
    pub(crate) module: Result<String, String>,
}

struct Listed {
    name: String,
    root: u32,
    sql: String,
}

impl Schema {
    /// Reads everything through `sql`.
    pub(crate) fn read(sql: &Connection) -> Result<Schema, rusqlite::Error> {
        let encoding: String = sql.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        let encoding = match encoding.as_str() {
            "UTF-16le" => Encoding::Utf16Le,
            "UTF-16be" => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        };
        let listed = list(sql)?;
        let shapes = shapes(sql)?;
        let modules = modules(sql)?;
        // SQLite goes by what it parsed, not by the column `type`; so do we.
        let (tables, others): (Vec<Listed>, Vec<Listed>) =
            listed.into_iter().partition(|entry| shapes.contains_key(&folded(&entry.name)));
        let roots: HashMap<String, u32> = others.iter().map(|entry| (folded(&entry.name), entry.root)).collect();
        let mut schema =
            Schema { encoding, trees: Vec::new(), tables: Vec::new(), virtuals: Vec::new(), strangers: Vec::new() };
        schema.add_schema_table();
        // A table whose row in the schema has another name is still one that SQLite knows.
        let listed: HashSet<String> = tables.iter().map(|entry| folded(&entry.name)).collect();
        let mut unlisted: Vec<&String> = shapes.keys().filter(|name| !listed.contains(*name)).collect();
        unlisted.sort();
        let unlisted =
            unlisted.into_iter().filter(|name| !matches!(name.as_str(), "sqlite_schema" | "sqlite_temp_schema"));
        let unlisted: Vec<Listed> =
            unlisted.map(|name| Listed { name: name.clone(), root: 0, sql: "CHECK".into() }).collect();
        for entry in tables.iter().chain(&unlisted) {
            let Some(shape) = shapes.get(&folded(&entry.name)) else { continue };
            if shape.is_virtual {
                let module = module_of(&entry.sql);
                let known = modules.contains(&module.to_ascii_lowercase());
                let module = if known { Ok(module) } else { Err(module) };
                schema.virtuals.push(Virtual { name: entry.name.clone(), module });
            } else if !shape.is_view {
                schema.add_table(sql, entry, *shape, &roots)?;
            }
        }
        let known: HashSet<String> = schema.trees.iter().map(|tree| folded(&tree.name)).collect();
        let strangers: Vec<&Listed> =
            others.iter().filter(|entry| entry.root != 0 && !known.contains(&folded(&entry.name))).collect();
        schema.strangers.extend(strangers.iter().map(|entry| entry.name.clone()));
        schema.ask_for_roots(sql);
        Ok(schema)
    }

    /// Trees whose row in the schema could not be found by name: SQLite's own program for `integrity_check` names the
    /// root pages of a table and its indexes, in the order of its index list.
    fn ask_for_roots(&mut self, sql: &Connection) {
        for table in &self.tables {
            let is_homeless =
                self.trees.iter().any(|tree| tree.root == 0 && self.tables[tree.table].tree == table.tree);
            if !is_homeless {
                continue;
            }
            let quoted = table.name.replace('\'', "''");
            let program = format!("EXPLAIN PRAGMA main.integrity_check('{quoted}')");
            let Ok(roots) = roots_of(sql, &program) else { continue };
            let Ok(indexes) = index_list(sql, &table.name) else { continue };
            // A table without rowids is its primary key's index, and stands where that index stands.
            let is_keyed = self.trees[table.tree as usize].role == Role::KeyedRows;
            let mut others = table.indexes.iter().map(|index| index.tree);
            let mut trees: Vec<TreeId> = if is_keyed { Vec::new() } else { vec![table.tree] };
            for index in &indexes {
                trees.extend(if is_keyed && index.is_primary { Some(table.tree) } else { others.next() });
            }
            for (tree, root) in trees.into_iter().zip(roots) {
                let tree = &mut self.trees[tree as usize];
                if tree.root == 0 {
                    tree.root = root;
                }
            }
        }
    }

    /// The schema's own table: five columns, nothing to judge.
    fn add_schema_table(&mut self) {
        self.trees.push(Tree { name: "sqlite_schema".into(), root: 1, table: 0, role: Role::Rows, order: None });
        self.tables.push(Table {
            name: "sqlite_schema".into(),
            tree: 0,
            columns: ["type", "name", "tbl_name", "rootpage", "sql"].map(untyped).into(),
            fields: (0..5).collect(),
            indexes: Vec::new(),
            judges_values: true,
            through_sqlite: None,
        });
        // The declared types of the schema table are TEXT and INT.
        for (index, column) in self.tables[0].columns.iter_mut().enumerate() {
            column.judged = true;
            if index == 3 {
                column.allowed = class::ANY & !class::TEXT;
                column.text_unless_number = true;
            } else {
                column.allowed = class::NULL | class::TEXT | class::BLOB;
            }
        }
    }

    fn add_table(
        &mut self,
        sql: &Connection,
        entry: &Listed,
        shape: Shape,
        roots: &HashMap<String, u32>,
    ) -> Result<(), rusqlite::Error> {
        let table_number = self.tables.len();
        let listed = index_list(sql, &entry.name)?;
        let info = columns(sql, &entry.name)?;
        if info.is_empty() {
            // SQLite knows no columns under this name: the name in the schema is damaged.
            self.strangers.push(entry.name.clone());
        }
        let key_columns: Vec<usize> = (0..info.len()).filter(|at| info[*at].key > 0).collect();
        let has_key_index = listed.iter().any(|index| index.is_primary);
        let alias = (!shape.without_rowid && key_columns.len() == 1 && !has_key_index).then(|| key_columns[0]);
        let mut why: Vec<&str> = Vec::new();
        let mut full = false;
        if entry.sql.to_ascii_lowercase().contains("check") {
            why.push("CHECK constraints");
        }
        if info.iter().any(|column| column.hidden == 2) {
            why.push("virtual generated columns");
        }
        let columns: Vec<Column> = info
            .iter()
            .enumerate()
            .map(|(at, info)| info.judged(shape.strict, alias == Some(at), self.encoding))
            .collect::<Result<_, _>>()?;
        if columns.iter().any(|column| column.default == Default::Unknown) {
            why.push("defaults that are not UTF-8");
            full = true;
        }

        let tree = self.trees.len() as TreeId;
        let mut fields: Vec<usize> = (0..info.len()).filter(|at| info[*at].hidden != 2).collect();
        let mut order = None;
        if shape.without_rowid
            && let Some(primary) = listed.iter().find(|index| index.is_primary)
        {
            let parts = index_columns(sql, &primary.name)?;
            let key: Vec<KeyColumn> = parts.iter().filter(|part| part.is_key).map(IndexPart::order).collect();
            fields = parts.iter().filter_map(|part| usize::try_from(part.column).ok()).collect();
            let unique = Some(key.len());
            order = Some(KeyOrder { columns: key, unique, fields: fields.len(), ends_in_rowid: false });
        }
        let role = if order.is_some() { Role::KeyedRows } else { Role::Rows };
        self.trees.push(Tree { name: entry.name.clone(), root: entry.root, table: table_number, role, order });

        let mut indexes = Vec::new();
        for index in listed.iter().filter(|index| !(shape.without_rowid && index.is_primary)) {
            let parts = index_columns(sql, &index.name)?;
            let from: Vec<From> = parts.iter().map(|part| part.from(alias, &fields, &info)).collect();
            let is_unknown = |from: &From| match from {
                From::Field(_, column) => columns[*column].default == Default::Unknown,
                From::Rowid | From::Computed => false,
            };
            let computed = from.contains(&From::Computed) || from.iter().any(is_unknown);
            if index.partial {
                why.push("partial indexes");
                full = true;
            }
            if computed {
                why.push("indexes on expressions or generated columns");
                full = true;
            }
            let key = parts.iter().filter(|part| part.is_key).count();
            let index_tree = self.trees.len() as TreeId;
            self.trees.push(Tree {
                name: index.name.clone(),
                root: roots.get(&folded(&index.name)).copied().unwrap_or(0),
                table: table_number,
                role: Role::Index(indexes.len()),
                order: Some(KeyOrder {
                    columns: parts.iter().map(IndexPart::order).collect(),
                    unique: index.unique.then_some(key),
                    fields: parts.len(),
                    ends_in_rowid: !shape.without_rowid,
                }),
            });
            indexes.push(Index { tree: index_tree, from, native: !index.partial && !computed, partial: index.partial });
        }
        why.dedup();
        let through_sqlite = (!why.is_empty()).then(|| ThroughSqlite { full, why: why.join(", ") });
        let judges_values = columns.iter().any(|column| column.judged);
        self.tables.push(Table {
            name: entry.name.clone(),
            tree,
            columns,
            fields,
            indexes,
            judges_values,
            through_sqlite,
        });
        Ok(())
    }
}

/// Text that may be damaged or of other bytes than UTF-8.
fn text(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(raw_name::of_bytes(bytes)),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    })
}

/// Names are the same whatever the case of their ASCII letters.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn untyped(name: &str) -> Column {
    Column {
        name: name.into(),
        not_null: false,
        allowed: class::ANY,
        text_unless_number: false,
        strict_type: None,
        real: false,
        default: Default::Null,
        judged: false,
    }
}

fn list(sql: &Connection) -> Result<Vec<Listed>, rusqlite::Error> {
    let mut statement = sql.prepare("SELECT name, rootpage, sql FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| {
        Ok(Listed {
            name: text(row, 0)?.unwrap_or_default(),
            root: match row.get_ref(1)? {
                ValueRef::Integer(root) => u32::try_from(root).unwrap_or(0),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => 0,
            },
            sql: text(row, 2)?.unwrap_or_default(),
        })
    })?;
    rows.collect()
}

/// The list of root pages in the fourth operand of `IntegrityCk`, without the zero that stands for "not all".
fn roots_of(sql: &Connection, program: &str) -> Result<Vec<u32>, rusqlite::Error> {
    let mut statement = sql.prepare(program)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if text(row, 1)?.as_deref() == Some("IntegrityCk") {
            let list = text(row, 5)?.unwrap_or_default();
            let numbers = list.trim_matches(['[', ']']).split(',').filter_map(|number| number.parse().ok());
            return Ok(numbers.skip(1).filter(|root| *root != 0).collect());
        }
    }
    Ok(Vec::new())
}

#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    is_virtual: bool,
    is_view: bool,
    without_rowid: bool,
    strict: bool,
}

fn shapes(sql: &Connection) -> Result<HashMap<String, Shape>, rusqlite::Error> {
    let mut statement = sql.prepare("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'")?;
    let rows = statement.query_map([], |row| {
        let kind: String = row.get(1)?;
        let shape = Shape {
            is_virtual: kind == "virtual",
            is_view: kind == "view",
            without_rowid: row.get(2)?,
            strict: row.get(3)?,
        };
        Ok((folded(&text(row, 0)?.unwrap_or_default()), shape))
    })?;
    rows.collect()
}

fn modules(sql: &Connection) -> Result<HashSet<String>, rusqlite::Error> {
    let mut statement = sql.prepare("SELECT lower(name) FROM pragma_module_list")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// The word behind USING in what SQLite stored of CREATE VIRTUAL TABLE: only to name the module in the report, and to
/// know whether this SQLite has it.
fn module_of(sql: &str) -> String {
    let lower = sql.to_ascii_lowercase();
    let after = lower.find("using").map_or("", |at| &sql[at + 5..]).trim_start();
    after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

struct ListedIndex {
    name: String,
    unique: bool,
    is_primary: bool,
    partial: bool,
}

fn index_list(sql: &Connection, table: &str) -> Result<Vec<ListedIndex>, rusqlite::Error> {
    let mut statement = sql.prepare_cached("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1)")?;
    let rows = statement.query_map([raw_name::bound(table)], |row| {
        let origin: String = row.get(2)?;
        Ok(ListedIndex {
            name: text(row, 0)?.unwrap_or_default(),
            unique: row.get(1)?,
            is_primary: origin == "pk",
            partial: row.get(3)?,
        })
    })?;
    rows.collect()
}

struct IndexPart {
    column: i64,
    descending: bool,
    collation: String,
    is_key: bool,
}

impl IndexPart {
    fn order(&self) -> KeyColumn {
        KeyColumn { collation: Collation::named(&self.collation), descending: self.descending }
    }

    fn from(&self, alias: Option<usize>, fields: &[usize], info: &[ColumnInfo]) -> From {
        match usize::try_from(self.column) {
            Ok(column) if alias == Some(column) => From::Rowid,
            Ok(column) if info.get(column).is_some_and(|info| info.hidden == 2) => From::Computed,
            Ok(column) => match fields.iter().position(|field| *field == column) {
                Some(field) => From::Field(field, column),
                None => From::Computed,
            },
            Err(_) if self.column == -1 => From::Rowid,
            Err(_) => From::Computed,
        }
    }
}

fn index_columns(sql: &Connection, index: &str) -> Result<Vec<IndexPart>, rusqlite::Error> {
    let mut statement =
        sql.prepare_cached("SELECT cid, \"desc\", coll, key FROM pragma_index_xinfo(?1) ORDER BY seqno")?;
    let rows = statement.query_map([raw_name::bound(index)], |row| {
        Ok(IndexPart {
            column: row.get(0)?,
            descending: row.get(1)?,
            collation: text(row, 2)?.unwrap_or_else(|| "BINARY".into()),
            is_key: row.get(3)?,
        })
    })?;
    rows.collect()
}

struct ColumnInfo {
    name: String,
    declared: String,
    not_null: bool,
    default: Option<String>,
    key: i64,
    hidden: i64,
}

fn columns(sql: &Connection, table: &str) -> Result<Vec<ColumnInfo>, rusqlite::Error> {
    let mut statement = sql.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid",
    )?;
    let rows = statement.query_map([raw_name::bound(table)], |row| {
        Ok(ColumnInfo {
            name: text(row, 0)?.unwrap_or_default(),
            declared: text(row, 1)?.unwrap_or_default(),
            not_null: row.get(2)?,
            default: text(row, 3)?,
            key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })?;
    rows.collect()
}

impl ColumnInfo {
    fn judged(&self, strict: bool, alias: bool, encoding: Encoding) -> Result<Column, rusqlite::Error> {
        let affinity = affinity(&self.declared);
        let mut column = untyped(&self.name);
        column.real = affinity == Affinity::Real && !(strict && self.declared.eq_ignore_ascii_case("ANY"));
        column.default = match &self.default {
            Some(text) if self.hidden == 0 => default_value(text, &self.declared, strict, encoding)?,
            Some(_) | None => Default::Null,
        };
        // The rowid's column holds NULL in the record; a virtual column is not in it.
        if alias || self.hidden == 2 {
            return Ok(column);
        }
        column.not_null = self.not_null;
        if strict {
            column.strict_type = Some(self.declared.to_ascii_uppercase());
            column.allowed = match self.declared.to_ascii_uppercase().as_str() {
                "BLOB" => class::NULL | class::BLOB,
                "INT" | "INTEGER" => class::NULL | class::INTEGER,
                "REAL" => class::NULL | class::REAL | class::INTEGER,
                "TEXT" => class::NULL | class::TEXT,
                _ => class::ANY,
            };
        } else {
            match affinity {
                Affinity::Blob => {}
                Affinity::Text => column.allowed = class::NULL | class::TEXT | class::BLOB,
                Affinity::Numeric | Affinity::Real => {
                    column.allowed = class::ANY & !class::TEXT;
                    column.text_unless_number = true;
                }
            }
        }
        // What a short record has there is for SQLite to judge.
        column.judged = (column.not_null || column.allowed != class::ANY) && column.default != Default::Unknown;
        Ok(column)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Blob,
    Text,
    Numeric,
    Real,
}

/// SQLite's rules for declared types ("Determination Of Column Affinity" in its documentation).
fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        Affinity::Numeric
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || declared.is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Lets SQLite itself turn a default's text into the value that a short record has: what a column that is added to a
/// row reads as. An INSERT would evaluate it otherwise: there `1.10` becomes the text `1.1`, and here it stays. What is
/// not constant reads as NULL, and cannot be added.
fn default_value(text: &str, declared: &str, strict: bool, encoding: Encoding) -> Result<Default, rusqlite::Error> {
    if !raw_name::is_text(text) {
        // A literal of other bytes than UTF-8 cannot be said to SQLite in a statement; it is no number under any affinity.
        let literal = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let literal = literal.filter(|inner| !inner.replace("''", "").contains('\''));
        return Ok(literal
            .map_or(Default::Unknown, |inner| Default::Text(raw_name::bytes(&inner.replace("''", "'")).into_owned())));
    }
    let kind = match affinity(declared) {
        _ if strict && declared.eq_ignore_ascii_case("ANY") => "BLOB",
        Affinity::Blob => "BLOB",
        Affinity::Text => "TEXT",
        Affinity::Numeric => "NUMERIC",
        Affinity::Real => "REAL",
    };
    let scratch = Connection::open_in_memory()?;
    scratch.execute_batch("CREATE TABLE d(x); INSERT INTO d VALUES(1);")?;
    let add = |default: &str| scratch.execute_batch(&format!("ALTER TABLE d ADD COLUMN c {kind} DEFAULT {default}"));
    // An expression comes without the parentheses that it stood in; a word without them is a text.
    if add(text).is_err() && add(&format!("({text}\n)")).is_err() {
        return Ok(Default::Null);
    }
    scratch.query_row("SELECT c FROM d", [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Null => Default::Null,
            ValueRef::Integer(value) => Default::Integer(value),
            ValueRef::Real(value) => Default::Real(value),
            ValueRef::Blob(bytes) => Default::Blob(bytes.to_vec()),
            ValueRef::Text(bytes) => Default::Text(encoded(bytes, encoding)),
        })
    })
}

fn encoded(text: &[u8], encoding: Encoding) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    }
}

impl Default {
    /// As a value.
    pub(crate) fn value(&self) -> record::Value<'_> {
        match self {
            // Nobody asks for one that is not known: SQLite judges its column.
            Default::Null | Default::Unknown => record::Value::Null,
            Default::Integer(value) => record::Value::Integer(*value),
            Default::Real(value) => record::Value::Real(*value),
            Default::Text(bytes) => record::Value::Text(bytes),
            Default::Blob(bytes) => record::Value::Blob(bytes),
        }
    }

    /// The class as the type checks see it.
    pub(crate) fn class(&self) -> u8 {
        match self {
            Default::Null | Default::Unknown => class::NULL,
            Default::Integer(_) => class::INTEGER,
            Default::Real(_) => class::REAL,
            Default::Text(_) => class::TEXT,
            Default::Blob(_) => class::BLOB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ddl: &str) -> Schema {
        let sql = Connection::open_in_memory().unwrap();
        sql.execute_batch(ddl).unwrap();
        Schema::read(&sql).unwrap()
    }

    #[test]
    fn an_integer_primary_key_is_the_rowid_and_a_descending_one_is_not() {
        let schema = check("CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b, a);");
        assert_eq!(schema.tables[1].indexes[0].from, vec![From::Field(1, 1), From::Rowid, From::Rowid]);
        let schema = check("CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b);");
        assert_eq!(schema.tables[1].indexes[0].from, vec![From::Field(0, 0), From::Rowid]);
    }

    #[test]
    fn without_rowid_stores_the_key_first_and_repeats_nothing() {
        let schema = check("CREATE TABLE t(a, b, c, PRIMARY KEY(c, a)) WITHOUT ROWID; CREATE INDEX i ON t(b, c);");
        assert_eq!(schema.tables[1].fields, vec![2, 0, 1]);
        assert_eq!(schema.tables[1].indexes[0].from, vec![From::Field(2, 1), From::Field(0, 2), From::Field(1, 0)]);
    }

    #[test]
    fn a_virtual_generated_column_is_not_a_field() {
        let schema = check("CREATE TABLE t(a, b AS (a+1), c); CREATE INDEX i ON t(c); CREATE INDEX j ON t(b);");
        assert_eq!(schema.tables[1].fields, vec![0, 2]);
        let index = |name: &str| {
            let tree = schema.trees.iter().position(|tree| tree.name == name).unwrap() as TreeId;
            schema.tables[1].indexes.iter().find(|index| index.tree == tree).unwrap()
        };
        assert!(index("i").native);
        assert!(!index("j").native);
        assert!(schema.tables[1].through_sqlite.as_ref().is_some_and(|through| through.full));
    }

    #[test]
    fn defaults_have_the_value_that_sqlite_gives_them() {
        let schema = check(
            "CREATE TABLE t(a TEXT DEFAULT 5, b INT DEFAULT '7', c DEFAULT (-1.5), d DEFAULT CURRENT_TIME, e DEFAULT x'00ff', f REAL DEFAULT 3)",
        );
        let defaults: Vec<Default> = schema.tables[1].columns.iter().map(|column| column.default.clone()).collect();
        assert_eq!(
            defaults,
            vec![
                Default::Text(b"5".to_vec()),
                Default::Integer(7),
                Default::Real(-1.5),
                Default::Null,
                Default::Blob(vec![0, 255]),
                Default::Real(3.0)
            ]
        );
    }
}
