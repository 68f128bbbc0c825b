//! JSON Lines: one object per row with the sections `meta`, `key` and `value`; properties that are null are left out.

use super::{TextFormat, action, is_null};
use crate::dap::data::calendar::write_timestamp;
use crate::dap::data::cell::Cell;
use crate::dap::data::column::TableSchema;
use crate::dap::data::rows::Row;

/// Writes JSON Lines.
pub(crate) struct Jsonl {
    incremental: bool,
    /// `"id":`
    key: String,
    /// `"name":`, one per column of the table.
    members: Vec<String>,
}

impl Jsonl {
    pub(crate) fn new(schema: &TableSchema, incremental: bool) -> Self {
        let member = |name: &str| format!("{}:", serde_json::Value::from(name));
        Self {
            incremental,
            key: member(&schema.key.name),
            members: schema.columns.iter().map(|column| member(&column.name)).collect(),
        }
    }

    fn write_value(&self, cells: &[Cell], out: &mut String) {
        out.push_str(",\"value\":{");
        let present = self.members.iter().zip(cells).filter(|(_, cell)| !is_null(cell));
        for (index, (member, cell)) in present.enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(member);
            write_cell(cell, out);
        }
        out.push('}');
    }
}

impl TextFormat for Jsonl {
    fn header(&self, _out: &mut String) {}

    fn row(&self, row: &Row, out: &mut String) {
        out.push_str("{\"meta\":{\"ts\":\"");
        write_timestamp(out, row.committed_at);
        out.push('"');
        if self.incremental {
            out.push_str(",\"action\":\"");
            out.push_str(action(row));
            out.push('"');
        }
        out.push_str("},\"key\":{");
        out.push_str(&self.key);
        write_cell(&row.key, out);
        out.push('}');
        if !row.deleted {
            self.write_value(&row.cells, out);
        }
        out.push_str("}\n");
    }
}

/// Numbers and booleans are written as they are; all else goes through JSON's own quoting.
fn write_cell(cell: &Cell, out: &mut String) {
    match cell {
        Cell::Bool(_) | Cell::Int(_) => cell.write_text(out),
        _ => out.push_str(&cell.to_json().to_string()),
    }
}
