//! Tab-separated values as PostgreSQL's `COPY` reads them: `\N` is null, and `\b \f \n \r \t \v \\` are escaped.

use super::{Layout, TextFormat, action, is_null};
use crate::dap::data::calendar::write_timestamp;
use crate::dap::data::cell::Cell;
use crate::dap::data::rows::Row;

/// Writes TSV.
pub(crate) struct Tsv {
    pub(crate) layout: Layout,
}

impl TextFormat for Tsv {
    fn header(&self, out: &mut String) {
        out.push_str(&self.layout.headers().join("\t"));
        out.push('\n');
    }

    fn row(&self, row: &Row, out: &mut String) {
        write_timestamp(out, row.committed_at);
        if self.layout.incremental {
            out.push('\t');
            out.push_str(action(row));
        }
        out.push('\t');
        write_cell(&row.key, out);
        for column in &self.layout.columns {
            out.push('\t');
            let cell = if row.deleted { &Cell::Null } else { column.cell(&row.cells) };
            write_cell(cell, out);
        }
        out.push('\n');
    }
}

fn write_cell(cell: &Cell, out: &mut String) {
    match cell {
        cell if is_null(cell) => out.push_str("\\N"),
        Cell::Text(text) => escape(text, out),
        Cell::Array(_) | Cell::Object(_) | Cell::Json(_) => {
            escape(&cell.to_json().to_string(), out);
        }
        scalar => scalar.write_text(out),
    }
}

fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| escape_of(byte).is_some()) {
        out.push_str(&rest[..at]);
        out.push_str(
            escape_of(rest.as_bytes()[at]).expect("this byte was found because it has an escape"),
        );
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

fn escape_of(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x08 => "\\b",
        0x0c => "\\f",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x0b => "\\v",
        b'\\' => "\\\\",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(cell: &Cell) -> String {
        let mut out = String::new();
        write_cell(cell, &mut out);
        out
    }

    #[test]
    fn json_is_escaped_twice() {
        assert_eq!(shown(&Cell::Json(json!({"a": "x\ny"}))), r#"{"a":"x\\ny"}"#);
    }

    #[test]
    fn null_and_the_text_that_looks_like_it_differ() {
        assert_eq!(shown(&Cell::Null), "\\N");
        assert_eq!(shown(&Cell::Text("\\N".into())), "\\\\N");
        assert_eq!(shown(&Cell::Text("".into())), "");
        assert_eq!(shown(&Cell::Text("a\tb\u{b}é".into())), "a\\tb\\vé");
    }
}
