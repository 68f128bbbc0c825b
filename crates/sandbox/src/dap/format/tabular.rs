//! What the formats of separated values share: a header, then a line per row.
//!
//! How a value is spelled is left to [`csv`](super::csv) and [`tsv`](super::tsv).

use std::marker::PhantomData;

use super::{Layout, TextFormat, action};
use crate::dap::data::calendar::write_timestamp;
use crate::dap::data::cell::Cell;
use crate::dap::data::rows::Row;

/// How one format spells its values.
pub(crate) trait Spelling: Send {
    const SEPARATOR: char;
    const LINE_END: &str;
    /// The values of a deleted row.
    const MISSING: &str;

    fn write_cell(cell: &Cell, out: &mut String);
}

/// Writes separated values.
pub(crate) struct Tabular<S> {
    layout: Layout,
    spelling: PhantomData<S>,
}

impl<S> Tabular<S> {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, spelling: PhantomData }
    }
}

impl<S: Spelling> TextFormat for Tabular<S> {
    fn header(&self, out: &mut String) {
        out.push_str(&self.layout.headers().join(&S::SEPARATOR.to_string()));
        out.push_str(S::LINE_END);
    }

    fn row(&self, row: &Row, out: &mut String) {
        write_timestamp(out, row.committed_at);
        if self.layout.incremental {
            out.push(S::SEPARATOR);
            out.push_str(action(row));
        }
        out.push(S::SEPARATOR);
        S::write_cell(&row.key, out);
        for column in &self.layout.columns {
            out.push(S::SEPARATOR);
            if row.deleted {
                out.push_str(S::MISSING);
            } else {
                S::write_cell(column.cell(&row.cells), out);
            }
        }
        out.push_str(S::LINE_END);
    }
}
