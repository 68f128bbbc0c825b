//! Results of jobs: CSV with quotes doubled, new lines inside of values, and NUL bytes.

use crate::source::rest::Failure;

/// The records of a page, without the header row where there is one.
///
/// Whether further pages repeat the header row is not documented: it is one if its values are the names of the fields.
pub(super) fn records(body: &[u8], fields: &[String]) -> Result<Vec<Vec<String>>, Failure> {
    let mut records = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (record, length) = record(rest)?;
        if record.len() != fields.len() {
            let problem = format!("a line has {} values, not {}", record.len(), fields.len());
            return Err(Failure::Malformed(problem));
        }
        records.push(record);
        rest = &rest[length..];
    }
    let is_header = |record: &Vec<String>| {
        record.iter().zip(fields).all(|(value, field)| value.eq_ignore_ascii_case(field))
    };
    if records.first().is_some_and(is_header) {
        records.remove(0);
    }
    Ok(records)
}

/// The first record, and its length in bytes.
fn record(body: &[u8]) -> Result<(Vec<String>, usize), Failure> {
    let mut record = Vec::new();
    let mut place = 0;
    loop {
        let (value, length) = value(&body[place..])?;
        record.push(value);
        place += length;
        match body[place..] {
            [] => return Ok((record, place)),
            [b',', ..] => place += 1,
            [b'\n', ..] => return Ok((record, place + 1)),
            [b'\r', b'\n', ..] => return Ok((record, place + 2)),
            _ => return Err(Failure::Malformed("a value ends where none may".to_owned())),
        }
    }
}

/// NUL is left out: no text of Salesforce means it, and it ends texts in many a reader.
fn value(body: &[u8]) -> Result<(String, usize), Failure> {
    if body.first() != Some(&b'"') {
        let end = body.iter().position(|byte| b",\r\n".contains(byte)).unwrap_or(body.len());
        return Ok((text(&body[..end])?, end));
    }
    let mut bytes = Vec::new();
    let mut place = 1;
    loop {
        let quote = body[place..].iter().position(|byte| *byte == b'"');
        // The last value of an answer that was cut off has no end.
        let cut = || Failure::Transport("the answer ends within a value".to_owned());
        let quote = place + quote.ok_or_else(cut)?;
        bytes.extend_from_slice(&body[place..quote]);
        if body.get(quote + 1) != Some(&b'"') {
            return Ok((text(&bytes)?, quote + 1));
        }
        bytes.push(b'"');
        place = quote + 2;
    }
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| Failure::Malformed("a value is no UTF-8".to_owned()))?;
    Ok(text.replace('\0', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Vec<String>>, Failure> {
        records(body.as_bytes(), &["Id".to_owned(), "Name".to_owned()])
    }

    #[test]
    fn values_hold_quotes_new_lines_and_no_nul() {
        let found = read("\"Id\",\"Name\"\n\"1\",\"a \"\"b\"\"\r\n\nc,\"\n\"2\",\"n\0ul\"\r\n3,\n")
            .unwrap();
        assert_eq!(found, [["1", "a \"b\"\r\n\nc,"], ["2", "nul"], ["3", ""]]);
    }

    #[test]
    fn a_header_may_be_there_or_not() {
        assert_eq!(read("\"1\",\"a\"\n").unwrap().len(), 1);
        assert_eq!(read("\"Id\",\"Name\"\n").unwrap().len(), 0);
        assert_eq!(read("").unwrap().len(), 0);
    }

    #[test]
    fn what_is_cut_off_is_read_again_and_what_is_broken_is_not() {
        assert!(read("\"1\",\"a").unwrap_err().may_pass());
        assert!(!read("\"1\",\"a\"x\n").unwrap_err().may_pass());
        assert!(!read("\"1\"\n").unwrap_err().may_pass());
    }
}
