//! The schema, turned into what the inner loops ask: per table which fields are judged and how, per index where its
//! fields come from, per tree whether its content is summed.

use crate::schema::{Column, From, Schema, Table, TreeId, class};

/// Everything that the passes hold against the pages.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) schema: Schema,
    /// Per table.
    pub(crate) rows: Vec<RowPlan>,
    /// Per tree: whether it is looked at in this run.
    pub(crate) in_scope: Vec<bool>,
    /// Per tree: its place among the sketches, if rows and entries are compared in the pass.
    pub(crate) sketch_of: Vec<Option<usize>>,
    pub(crate) sketches: usize,
    /// Whether values and index content are judged, not only the structure.
    pub(crate) content: bool,
}

#[derive(Debug, Default)]
pub(crate) struct RowPlan {
    pub(crate) judged: Vec<Judged>,
    /// What the indexes ask for, each once.
    pub(crate) sources: Vec<Source>,
    pub(crate) indexes: Vec<IndexPlan>,
}

/// A field of a row that is held to its column.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) field: usize,
    pub(crate) column: usize,
    /// Classes of which every value will do.
    pub(crate) plainly: u8,
}

/// Where a field of an entry comes from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) from: From,
    /// Whether an integer stands for a real there.
    pub(crate) is_real: bool,
}

#[derive(Debug)]
pub(crate) struct IndexPlan {
    pub(crate) tree: TreeId,
    pub(crate) sketch: usize,
    /// Its columns, as places among the table's sources.
    pub(crate) order: Vec<u16>,
}

impl RowPlan {
    /// The place of a source, which is added if it is new. A table has at most 32,767 columns.
    fn place(&mut self, from: From, table: &Table) -> u16 {
        let known = self.sources.iter().position(|source| source.from == from);
        let place = known.unwrap_or_else(|| {
            let is_real = matches!(from, From::Field(_, column) if table.columns[column].real);
            self.sources.push(Source { from, is_real });
            self.sources.len() - 1
        });
        place as u16
    }
}

impl Judged {
    fn new(field: usize, column: usize, table: &Table) -> Judged {
        let Column { allowed, not_null, .. } = &table.columns[column];
        // A real may be a NaN, which is NULL.
        let plainly = if *not_null { allowed & !(class::NULL | class::REAL) } else { *allowed };
        Judged { field, column, plainly }
    }
}

impl Plan {
    pub(crate) fn new(schema: Schema, content: bool, table: Option<&str>) -> Plan {
        let in_scope: Vec<bool> = schema
            .trees
            .iter()
            .map(|tree| table.is_none_or(|wanted| schema.tables[tree.table].name.eq_ignore_ascii_case(wanted)))
            .collect();
        let mut sketch_of = vec![None; schema.trees.len()];
        let mut sketches = 0;
        let mut rows = Vec::with_capacity(schema.tables.len());
        for table in &schema.tables {
            let mut plan = RowPlan::default();
            if content && table.judges_values {
                plan.judged = table
                    .fields
                    .iter()
                    .enumerate()
                    .filter(|(_, column)| table.columns[**column].judged)
                    .map(|(field, column)| Judged::new(field, *column, table))
                    .collect();
            }
            for index in table.indexes.iter().filter(|index| content && index.native) {
                sketch_of[index.tree as usize] = Some(sketches);
                let order = index.from.iter().map(|from| plan.place(*from, table)).collect();
                plan.indexes.push(IndexPlan { tree: index.tree, sketch: sketches, order });
                sketches += 1;
            }
            rows.push(plan);
        }
        Plan { schema, rows, in_scope, sketch_of, sketches, content }
    }

    /// The name of a tree.
    pub(crate) fn name(&self, tree: TreeId) -> &str {
        &self.schema.trees[tree as usize].name
    }
}
