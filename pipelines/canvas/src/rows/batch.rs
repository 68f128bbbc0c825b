//! A batch of rows in one buffer: no field is allocated on its own.

use std::ops::Range;

/// What a row does to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `U`: insert or replace. Snapshots hold nothing else.
    Upsert,
    /// `D`: hard delete. Only the key has a value.
    Delete,
}

/// Rows of one table, their fields in the order of the schema's columns.
#[derive(Debug, Default)]
pub struct Batch {
    text: Vec<u8>,
    fields: Vec<Field>,
    rows: Vec<RowHead>,
    width: usize,
}

/// Where a field lies in the text. `\N` is [`Field::NULL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    start: u32,
    end: u32,
}

impl Field {
    pub(super) const NULL: Self = Self { start: u32::MAX, end: u32::MAX };

    /// Batches stay far below 4 GiB: the decoder refuses longer rows.
    pub(super) fn at(range: Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RowHead {
    pub(super) action: Action,
    pub(super) ts: Field,
}

impl Batch {
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Adds a row of nulls; gives the text and the fields to fill in.
    pub(super) fn add_row(&mut self) -> (&[u8], &mut RowHead, &mut [Field]) {
        self.rows.push(RowHead { action: Action::Upsert, ts: Field::NULL });
        let start = self.fields.len();
        self.fields.resize(start + self.width, Field::NULL);
        let head = self.rows.last_mut().expect("pushed above");
        (&self.text, head, &mut self.fields[start..])
    }

    /// How much text the rows are.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in the order of delivery.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|index| Row { batch: self, index })
    }

    fn slice(&self, field: Field) -> Option<&[u8]> {
        (field != Field::NULL).then(|| &self.text[field.start as usize..field.end as usize])
    }
}

/// One row of a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    batch: &'a Batch,
    index: usize,
}

impl<'a> Row<'a> {
    /// What it does to the table.
    pub fn action(&self) -> Action {
        self.batch.rows[self.index].action
    }

    /// `meta.ts`, the commit time in the data lake, as delivered.
    pub fn ts(&self) -> Option<&'a [u8]> {
        self.batch.slice(self.batch.rows[self.index].ts)
    }

    /// The fields, still escaped as in COPY text, in the order of the schema's columns. `None` is null.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + use<'a> {
        let batch = self.batch;
        let start = self.index * batch.width;
        batch.fields[start..start + batch.width].iter().map(move |field| batch.slice(*field))
    }

    /// The key's field, still escaped. The key is the schema's first column.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.fields().next().flatten()
    }
}
