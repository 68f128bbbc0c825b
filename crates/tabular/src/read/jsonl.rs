//! JSON lines: one object in each.

use std::io::{BufRead, Read};

use super::{Filling, ReadOptions, Sink};
use crate::{Column, Error, Location};

/// A line that is longer is no record but another format, or a denial of service.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn read(
    bytes: impl BufRead,
    columns: &[Column],
    options: &ReadOptions,
    sink: &Sink,
) -> Result<(), Error> {
    let mut filling = Filling::new(options, columns);
    let mut lines = Lines::new(bytes, &sink.at);
    let mut passed = 0;
    while let Some(line) = lines.next()? {
        if passed < options.skip_rows {
            passed += 1;
            continue;
        }
        let place = Place { file: sink.at.name(), line: line.number };
        if let Ok(text) = std::str::from_utf8(line.bytes) {
            filling.rows.json(text, &place);
        } else {
            filling.rows.reject("the record is no UTF-8".to_owned());
            filling.rows.end_row(&place, || String::from_utf8_lossy(line.bytes).into_owned());
        }
        if let Some(batch) = filling.end_record(line.bytes.len())
            && !sink.send(Ok(batch))
        {
            return Ok(());
        }
    }
    if let Some(batch) = filling.rest() {
        sink.send(Ok(batch));
    }
    Ok(())
}

pub(super) fn count(bytes: impl BufRead, at: &Location) -> Result<u64, Error> {
    let mut lines = Lines::new(bytes, at);
    let mut rows = 0;
    while lines.next()?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

/// `orders.csv line 17`
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// The lines that are not empty.
pub(super) struct Lines<'a, R> {
    bytes: R,
    at: &'a Location,
    line: Vec<u8>,
    number: u64,
}

pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) number: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(super) fn new(bytes: R, at: &'a Location) -> Self {
        Self { bytes, at, line: Vec::new(), number: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        loop {
            self.line.clear();
            self.number += 1;
            let read = (&mut self.bytes).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
            let place = || format!(" line {}", self.number);
            let read = read.map_err(|error| super::of_bytes(self.at, place(), &error))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES_MAX && self.line.last() != Some(&b'\n') {
                return Err(self.damaged(
                    "it is longer than 64 MiB, so this is no file of JSON lines".to_owned(),
                ));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(Line { bytes: self.line.trim_ascii(), number: self.number }))
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Content { at: self.at.clone(), place: format!(" line {}", self.number), reason }
    }
}
