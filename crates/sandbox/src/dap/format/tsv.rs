//! Tab-separated values as PostgreSQL's `COPY` reads them: `\N` is null, and `\b \f \n \r \t \v \\` are escaped.

use super::is_null;
use super::tabular::Spelling;
use crate::dap::data::cell::Cell;

/// TSV.
pub(crate) struct Tsv;

impl Spelling for Tsv {
    const SEPARATOR: char = '\t';
    const LINE_END: &str = "\n";
    const MISSING: &str = "\\N";

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
        Tsv::write_cell(cell, &mut out);
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
