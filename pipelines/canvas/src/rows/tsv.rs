//! The streaming TSV decoder.
//!
//! DAP's TSV is PostgreSQL's COPY text format with a header: tab between fields, `\N` for null, backslash
//! escapes. The header is authoritative: fields are mapped by name. Rows are never lost: an empty line with
//! rows after it, a row with another number of fields and an unknown column are errors with their line.
//! Empty lines at the end of a part are its end, as is an optional `\.`.
//!
//! Source: DAP data formats, "TSV"; PostgreSQL, "COPY, Text Format".

use std::ops::Range;

use super::batch::{Action, Batch, Field};
use super::decoder::Place;
use crate::schema::{Column, TableSchema};

/// A batch is handed out when it holds this much text. Large enough that a batch costs no measurable
/// overhead, small enough that several tables at once stay flat in memory.
const BATCH_BYTES: usize = 1 << 20;

/// No row is longer. PostgreSQL itself refuses fields of 1 GiB, and oversized values are truncated upstream
/// at several MB.
pub(super) const ROW_BYTES_MAX: usize = 512 << 20;

/// Why a part cannot be read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TsvError {
    #[error("the header lacks column `{0}` of the schema")]
    ColumnMissing(String),
    #[error("the header has column `{0}`, which the schema does not know")]
    ColumnUnknown(String),
    #[error("the header names column `{0}` twice")]
    ColumnTwice(String),
    #[error(
        "the header lacks `meta.action`, without which upserts and deletes cannot be told apart"
    )]
    ActionMissing,
    #[error("the header is not UTF-8")]
    HeaderEncoding,
    #[error("line {line}: {found} fields where the header has {expected}")]
    FieldCount { line: u64, found: usize, expected: usize },
    #[error("line {line}: empty line between rows")]
    EmptyLine { line: u64 },
    #[error("line {line}: text after the end-of-data marker")]
    AfterEnd { line: u64 },
    #[error("line {line}: action `{found}` where `U` or `D` is due")]
    Action { line: u64, found: String },
    #[error("line {line}: a snapshot delivers a delete")]
    DeleteInSnapshot { line: u64 },
    #[error("line {line}: the key is null")]
    KeyNull { line: u64 },
    #[error("line {line}: the row is longer than {max} bytes", max = ROW_BYTES_MAX)]
    RowTooLong { line: u64 },
    #[error("line {line}, column {column}: {problem}")]
    JsonLine { line: u64, column: usize, problem: &'static str },
    #[error("the part ends after {found} rows, but {staged} were staged from it before")]
    Shorter { found: u64, staged: u64 },
}

/// What the parts of a job hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Upserts without `meta.action`.
    Snapshot,
    /// Upserts and deletes.
    Increment,
}

/// Turns chunks of one part's decompressed bytes into batches.
///
/// ```
/// # use stepwell_canvas::{rows::{TsvDecoder, tsv::Delivery}, schema::TableSchema};
/// # fn read(schema: &TableSchema, chunks: &[&[u8]]) -> Result<(), stepwell_canvas::rows::TsvError> {
/// let mut decoder = TsvDecoder::new(schema, Delivery::Snapshot);
/// for chunk in chunks {
///     if let Some(batch) = decoder.push(chunk)? {
///         println!("{} rows", batch.len());
///     }
/// }
/// let last = decoder.finish()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TsvDecoder {
    columns: Vec<String>,
    keys: usize,
    delivery: Delivery,
    header: Option<Header>,
    batch: Batch,
    /// Text before this offset is decoded.
    decoded: usize,
    /// Text before this offset holds no line end that was not seen.
    searched: usize,
    line: u64,
    rows: u64,
    skip: u64,
    /// What comes first is the rest of a row that was decoded before.
    cut: bool,
    end: End,
}

/// What the last line said about the end of the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    EmptyLine(u64),
    Marker,
}

/// What stands where in a line.
#[derive(Debug)]
struct Header {
    slots: Vec<Slot>,
    /// The line; empty where there is none.
    text: String,
}

impl Header {
    /// Calls `take` for each field that has a slot and counts all fields.
    fn read_fields(
        &self,
        line: &[u8],
        mut take: impl FnMut(Slot, Range<usize>) -> Result<(), TsvError>,
    ) -> Result<usize, TsvError> {
        let mut found = 0;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\t', line).chain([line.len()]) {
            if let Some(slot) = self.slots.get(found) {
                take(*slot, start..end)?;
            }
            found += 1;
            start = end + 1;
        }
        Ok(found)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Ts,
    Action,
    Column(usize),
}

impl TsvDecoder {
    /// A decoder for one part of a job on the table of `schema`.
    pub fn new(schema: &TableSchema, delivery: Delivery) -> Self {
        let columns: Vec<String> = schema.columns.iter().map(header_name).collect();
        let keys = schema.columns.iter().filter(|column| column.key).count();
        Self {
            batch: Batch::new(columns.len()),
            columns,
            keys,
            delivery,
            header: None,
            decoded: 0,
            searched: 0,
            line: 0,
            rows: 0,
            skip: 0,
            cut: false,
            end: End::Open,
        }
    }

    /// A decoder for rows without a header that have `meta.ts`, `meta.action`, and all columns in order.
    pub(super) fn for_own_rows(schema: &TableSchema, delivery: Delivery) -> Self {
        let mut decoder = Self::new(schema, delivery);
        let columns = (0..decoder.columns.len()).map(Slot::Column);
        let slots = [Slot::Ts, Slot::Action].into_iter().chain(columns).collect();
        decoder.header = Some(Header { slots, text: String::new() });
        decoder
    }

    /// The names of the columns as headers have them, in the order of the schema.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Passes over the first `rows` rows: they were staged before a restart.
    #[must_use]
    pub fn resume_after(mut self, rows: u64) -> Self {
        self.skip = rows;
        self
    }

    /// Begins at a place in the part instead of its beginning.
    ///
    /// # Errors
    /// [`TsvError`] if the header of the place does not fit the schema.
    pub fn begin_at(mut self, place: &Place) -> Result<Self, TsvError> {
        if self.header.is_none() {
            self.header = Some(self.read_header(&place.header)?);
            self.line = 1;
        }
        self.rows = place.rows - u64::from(place.inside_row);
        self.line += self.rows;
        self.cut = place.inside_row;
        Ok(self)
    }

    /// How many rows there were so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The place that was reached. None where nothing but the end, or the header, can come.
    pub fn place(&self) -> Option<Place> {
        let header = self.header.as_ref().filter(|_| self.end == End::Open)?;
        let inside_row = self.cut || self.decoded < self.batch.bytes().len();
        let rows = self.rows + u64::from(inside_row);
        Some(Place { rows, inside_row, header: header.text.clone() })
    }

    /// Takes the next bytes; gives a batch when one is full.
    ///
    /// # Errors
    /// [`TsvError`] with the line; the decoder is of no use afterwards.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Batch>, TsvError> {
        self.batch.bytes_mut().extend_from_slice(chunk);
        self.decode_lines()?;
        if self.batch.bytes().len() - self.decoded > ROW_BYTES_MAX {
            return Err(TsvError::RowTooLong { line: self.line + 1 });
        }
        Ok((self.decoded >= BATCH_BYTES).then(|| self.take_batch()).filter(|it| !it.is_empty()))
    }

    /// The part has ended: gives what is left.
    ///
    /// # Errors
    /// [`TsvError`], [`TsvError::Shorter`] where the part does not reach back to where it was left.
    pub fn finish(&mut self) -> Result<Option<Batch>, TsvError> {
        self.finish_with(b"")
    }

    /// The part has ended with this text.
    pub(super) fn finish_with(&mut self, text: &[u8]) -> Result<Option<Batch>, TsvError> {
        self.batch.bytes_mut().extend_from_slice(text);
        self.decode_lines()?;
        if self.decoded < self.batch.bytes().len() {
            self.batch.bytes_mut().push(b'\n');
            self.decode_lines()?;
        }
        // Without a line end, nothing need be left of the row that was cut.
        self.rows += u64::from(std::mem::take(&mut self.cut));
        if self.rows < self.skip {
            return Err(TsvError::Shorter { found: self.rows, staged: self.skip });
        }
        Ok(Some(self.take_batch()).filter(|batch| !batch.is_empty()))
    }

    fn take_batch(&mut self) -> Batch {
        let rest = self.batch.bytes()[self.decoded..].to_vec();
        let full = std::mem::replace(&mut self.batch, Batch::new(self.columns.len()));
        *self.batch.bytes_mut() = rest;
        self.searched -= self.decoded;
        self.decoded = 0;
        full
    }

    fn decode_lines(&mut self) -> Result<(), TsvError> {
        while let Some(length) = memchr::memchr(b'\n', &self.batch.bytes()[self.searched..]) {
            let start = self.decoded;
            let end = self.searched + length;
            self.decoded = end + 1;
            self.searched = end + 1;
            self.line += 1;
            // COPY escapes carriage returns in data: a bare one before the line end belongs to the line end.
            let end = if self.batch.bytes()[start..end].ends_with(b"\r") { end - 1 } else { end };
            self.decode_line(start, end)?;
        }
        self.searched = self.batch.bytes().len();
        Ok(())
    }

    fn decode_line(&mut self, start: usize, end: usize) -> Result<(), TsvError> {
        if self.header.is_none() {
            let text = std::str::from_utf8(&self.batch.bytes()[start..end])
                .map_err(|_| TsvError::HeaderEncoding)?;
            self.header = Some(self.read_header(text)?);
            return Ok(());
        }
        if std::mem::take(&mut self.cut) {
            self.rows += 1;
            return Ok(());
        }
        match (&self.batch.bytes()[start..end], self.end) {
            (b"", End::Open) => self.end = End::EmptyLine(self.line),
            (b"", _) => {}
            (b"\\.", End::Open | End::EmptyLine(_)) => self.end = End::Marker,
            (_, End::EmptyLine(line)) => return Err(TsvError::EmptyLine { line }),
            (_, End::Marker) => return Err(TsvError::AfterEnd { line: self.line }),
            (_, End::Open) => self.decode_row(start, end)?,
        }
        Ok(())
    }

    fn decode_row(&mut self, start: usize, end: usize) -> Result<(), TsvError> {
        self.rows += 1;
        if self.rows <= self.skip {
            return Ok(());
        }
        let header = self.header.as_ref().expect("rows come after the header");
        let line = self.line;
        let (text, head, fields) = self.batch.add_row();
        let found = header.read_fields(&text[start..end], |slot, range| {
            let range = start + range.start..start + range.end;
            let field =
                if &text[range.clone()] == b"\\N" { Field::NULL } else { Field::at(range.clone()) };
            match slot {
                Slot::Column(index) => fields[index] = field,
                Slot::Ts => head.ts = field,
                Slot::Action => head.action = read_action(&text[range], line)?,
            }
            Ok(())
        })?;
        if found != header.slots.len() {
            return Err(TsvError::FieldCount { line, found, expected: header.slots.len() });
        }
        if fields[..self.keys].contains(&Field::NULL) {
            return Err(TsvError::KeyNull { line });
        }
        if head.action == Action::Delete && self.delivery == Delivery::Snapshot {
            return Err(TsvError::DeleteInSnapshot { line });
        }
        Ok(())
    }

    fn read_header(&self, text: &str) -> Result<Header, TsvError> {
        let mut slots = Vec::new();
        for name in text.split('\t') {
            let slot = self.slot(name)?;
            if slots.contains(&slot) {
                return Err(TsvError::ColumnTwice(name.to_owned()));
            }
            slots.push(slot);
        }
        self.check_complete(&slots)?;
        Ok(Header { slots, text: text.to_owned() })
    }

    fn slot(&self, name: &str) -> Result<Slot, TsvError> {
        match name {
            "meta.ts" => Ok(Slot::Ts),
            "meta.action" => Ok(Slot::Action),
            _ => match self.columns.iter().position(|column| column == name) {
                Some(index) => Ok(Slot::Column(index)),
                None => Err(TsvError::ColumnUnknown(name.to_owned())),
            },
        }
    }

    fn check_complete(&self, slots: &[Slot]) -> Result<(), TsvError> {
        for (index, column) in self.columns.iter().enumerate() {
            if !slots.contains(&Slot::Column(index)) {
                return Err(TsvError::ColumnMissing(column.clone()));
            }
        }
        if self.delivery == Delivery::Increment && !slots.contains(&Slot::Action) {
            return Err(TsvError::ActionMissing);
        }
        Ok(())
    }
}

fn header_name(column: &Column) -> String {
    let section = if column.key { "key" } else { "value" };
    format!("{section}.{}", column.name)
}

fn read_action(text: &[u8], line: u64) -> Result<Action, TsvError> {
    match text {
        b"U" | b"\\N" => Ok(Action::Upsert),
        b"D" => Ok(Action::Delete),
        other => {
            let found = String::from_utf8_lossy(other).into_owned();
            Err(TsvError::Action { line, found })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::rows::testing::schema;

    /// One line per row: action, ts, fields. Chunks of `size` bytes.
    fn read(text: &str, delivery: Delivery, size: usize, skip: u64) -> Result<String, TsvError> {
        let schema = schema(&[("id", "int64"), ("name", "text"), ("score", "float64")]);
        let mut decoder = TsvDecoder::new(&schema, delivery).resume_after(skip);
        let mut batches = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            batches.extend(decoder.push(chunk)?);
        }
        batches.extend(decoder.finish()?);
        let show = |field: Option<&[u8]>| {
            field.map_or("-".to_owned(), |it| String::from_utf8_lossy(it).into_owned())
        };
        let mut lines = String::new();
        for row in batches.iter().flat_map(Batch::rows) {
            let fields: Vec<String> = row.fields().map(show).collect();
            let (action, ts) = (row.action(), show(row.ts()));
            writeln!(lines, "{action:?} {ts} {}", fields.join("|")).unwrap();
        }
        Ok(lines)
    }

    #[track_caller]
    fn fails(text: &str, delivery: Delivery, expected: &TsvError) {
        for size in [1, 7, 1000] {
            assert_eq!(read(text, delivery, size, 0).unwrap_err(), *expected, "chunks of {size}");
        }
    }

    const HEADER: &str = "meta.ts\tvalue.name\tkey.id\tvalue.score\n";

    #[test]
    fn a_header_must_fit_the_schema() {
        let snapshot = Delivery::Snapshot;
        let missing = |name: &str| TsvError::ColumnMissing(name.into());
        fails("meta.ts\tkey.id\tvalue.name\n", snapshot, &missing("value.score"));
        fails(
            "key.id\tvalue.name\tvalue.score\tvalue.new\n",
            snapshot,
            &TsvError::ColumnUnknown("value.new".into()),
        );
        fails("key.id\tvalue.id\n", snapshot, &TsvError::ColumnUnknown("value.id".into()));
        fails("key.id\tkey.id\n", snapshot, &TsvError::ColumnTwice("key.id".into()));
        fails(HEADER, Delivery::Increment, &TsvError::ActionMissing);
    }

    #[test]
    fn broken_lines_are_named() {
        let row = "t\ta\t1\t2\n";
        let text = |rows: &str| format!("{HEADER}{rows}");
        let count = |line, found| TsvError::FieldCount { line, found, expected: 4 };
        fails(&text("t\ta\t1\n"), Delivery::Snapshot, &count(2, 3));
        fails(&text("t\ta\t1\t2\t3\n"), Delivery::Snapshot, &count(2, 5));
        fails(
            &text(&format!("{row}\n{row}")),
            Delivery::Snapshot,
            &TsvError::EmptyLine { line: 3 },
        );
        fails(&text(&format!("\\.\n{row}")), Delivery::Snapshot, &TsvError::AfterEnd { line: 3 });
        fails(&text("t\ta\t\\N\t2\n"), Delivery::Snapshot, &TsvError::KeyNull { line: 2 });
        let actions = "meta.action\tkey.id\tvalue.name\tvalue.score\n";
        let delete = format!("{actions}D\t1\t\\N\t\\N\n");
        fails(&delete, Delivery::Snapshot, &TsvError::DeleteInSnapshot { line: 2 });
        let unknown = format!("{actions}X\t1\t\\N\t\\N\n");
        let found = "X".to_owned();
        fails(&unknown, Delivery::Increment, &TsvError::Action { line: 2, found });
    }

    #[test]
    fn rows_come_in_schema_order_whatever_the_chunks() {
        let text = format!("{HEADER}t1\ta\\tb\t1\t2.5\r\nt2\t\\N\t2\t\\N\n\n\n");
        for size in [1, 3, 1000] {
            let rows = read(&text, Delivery::Snapshot, size, 0).unwrap();
            assert_eq!(rows, "Upsert t1 1|a\\tb|2.5\nUpsert t2 2|-|-\n");
        }
    }

    #[test]
    fn increments_carry_deletes() {
        let text = "meta.action\tmeta.ts\tkey.id\tvalue.name\tvalue.score\nU\tt\t1\ta\t1\nD\tt\t2\t\\N\t\\N";
        let rows = read(text, Delivery::Increment, 5, 0).unwrap();
        assert_eq!(rows, "Upsert t 1|a|1\nDelete t 2|-|-\n");
    }

    #[test]
    fn a_restart_passes_over_staged_rows() {
        let text = format!("{HEADER}t\ta\t1\t1\nt\tb\t2\t2\nt\tc\t3\t3\n");
        assert_eq!(read(&text, Delivery::Snapshot, 4, 2).unwrap(), "Upsert t 3|c|3\n");
        let shorter = Err(TsvError::Shorter { found: 3, staged: 4 });
        assert_eq!(read(&text, Delivery::Snapshot, 4, 4), shorter);
    }

    /// Cuts a part anywhere and begins there with a decoder of its own.
    #[test]
    fn a_part_can_be_taken_up_at_any_place() {
        let text = format!("{HEADER}t\ta\t1\t1\r\nt\tb\t2\t2\nt\tc\t3\t3\n");
        for text in [text.as_str(), text.trim_end()] {
            can_be_taken_up_at_any_place(text);
        }
    }

    fn can_be_taken_up_at_any_place(text: &str) {
        let schema = schema(&[("id", "int64"), ("name", "text"), ("score", "float64")]);
        let decoder = || TsvDecoder::new(&schema, Delivery::Snapshot);
        let rows = |batches: &[Batch]| batches.iter().map(Batch::len).sum::<usize>();
        for cut in 0..=text.len() {
            let mut first = decoder();
            first.push(&text.as_bytes()[..cut]).unwrap();
            let Some(place) = first.place() else {
                assert!(cut < HEADER.len());
                continue;
            };
            let staged = first.rows().max(place.rows);
            let mut second = decoder().begin_at(&place).unwrap().resume_after(staged);
            let mut batches = Vec::new();
            batches.extend(second.push(&text.as_bytes()[cut..]).unwrap());
            batches.extend(second.finish().unwrap());
            assert_eq!(rows(&batches) as u64 + staged, 3, "cut at {cut} of {text}");
        }
    }

    #[test]
    fn an_empty_part_has_no_rows() {
        assert_eq!(read("", Delivery::Snapshot, 1, 0).unwrap(), "");
        assert_eq!(read(HEADER.trim_end(), Delivery::Snapshot, 9, 0).unwrap(), "");
    }

    #[test]
    fn long_parts_come_in_several_batches() {
        let row = format!("t\t{}\t1\t2\n", "x".repeat(1000));
        let text = format!("{HEADER}{}", row.repeat(3000));
        let schema = schema(&[("id", "int64"), ("name", "text"), ("score", "float64")]);
        let mut decoder = TsvDecoder::new(&schema, Delivery::Snapshot);
        let mut sizes = Vec::new();
        for chunk in text.as_bytes().chunks(64 << 10) {
            sizes.extend(decoder.push(chunk).unwrap().map(|batch| batch.len()));
        }
        sizes.extend(decoder.finish().unwrap().map(|batch| batch.len()));
        assert_eq!(sizes.iter().sum::<usize>(), 3000);
        assert!(sizes.len() == 3, "{sizes:?}");
    }
}
