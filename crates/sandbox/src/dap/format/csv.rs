//! Comma-separated values after RFC 4180, with an unquoted `NULL` for null and nothing for what is missing.

use super::is_null;
use super::tabular::Spelling;
use crate::dap::data::cell::Cell;

/// CSV.
pub(crate) struct Csv;

impl Spelling for Csv {
    const SEPARATOR: char = ',';
    const LINE_END: &str = "\r\n";
    const MISSING: &str = "";

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
        Csv::write_cell(cell, &mut out);
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
