//! Comma-separated values after RFC 4180, with an unquoted `NULL` for null and nothing for what is missing.

use super::{Layout, TextFormat, action, is_null};
use crate::dap::data::calendar::write_timestamp;
use crate::dap::data::cell::Cell;
use crate::dap::data::rows::Row;

/// Writes CSV.
pub(crate) struct Csv {
    pub(crate) layout: Layout,
}

impl TextFormat for Csv {
    fn header(&self, out: &mut String) {
        out.push_str(&self.layout.headers().join(","));
        out.push_str("\r\n");
    }

    fn row(&self, row: &Row, out: &mut String) {
        write_timestamp(out, row.committed_at);
        if self.layout.incremental {
            out.push(',');
            out.push_str(action(row));
        }
        out.push(',');
        write_cell(&row.key, out);
        for column in &self.layout.columns {
            out.push(',');
            if !row.deleted {
                write_cell(column.cell(&row.cells), out);
            }
        }
        out.push_str("\r\n");
    }
}

fn write_cell(cell: &Cell, out: &mut String) {
    match cell {
        cell if is_null(cell) => out.push_str("NULL"),
        Cell::Text(text) => write_field(text, out),
        Cell::Array(_) | Cell::Object(_) | Cell::Json(_) => {
            write_field(&cell.to_json().to_string(), out);
        }
        scalar => scalar.write_text(out),
    }
}

fn write_field(text: &str, out: &mut String) {
    let special = |byte: u8| matches!(byte, b'"' | b',' | b'\r' | b'\n' | b'\t');
    if !text.is_empty() && text != "NULL" && !text.bytes().any(special) {
        out.push_str(text);
        return;
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cell: &Cell) -> String {
        let mut out = String::new();
        write_cell(cell, &mut out);
        out
    }

    #[test]
    fn null_empty_and_the_word_null_differ() {
        assert_eq!(shown(&Cell::Null), "NULL");
        assert_eq!(shown(&Cell::Text("".into())), "\"\"");
        assert_eq!(shown(&Cell::Text("NULL".into())), "\"NULL\"");
        assert_eq!(shown(&Cell::Text("say \"a\",\nb".into())), "\"say \"\"a\"\",\nb\"");
    }
}
