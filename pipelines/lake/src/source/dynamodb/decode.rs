//! Items become rows: each attribute goes to the columns that name it, the rest is told, and kept where the dataset has
//! a column for it.
//!
//! An item is a row as a whole or not at all: one attribute that does not fit makes it a [`Rejected`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde_json::Value;
use stepwell_tabular::rows::{UNKNOWN, Unknown};
use stepwell_tabular::{Column, arrow_schema};

use super::attribute::{Attribute, Item, write_members};
use super::builder::Builder;
use super::cell::{Cell, Kind, Member, Misfit};
use crate::dataset::{CHANGED_AT, DELETED};
use crate::source::{Chunk, Rejected};

/// Columns that are not filled from an attribute of their name.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    /// Gets `ttl` where an item was deleted because its time was over.
    pub(super) deleted_by: Option<String>,
    /// Gets the names of attributes that are `NULL`, to tell them from those that are not there: `["color"]`.
    pub(super) nulls: Option<String>,
}

/// What rows of a dataset look like.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// All columns of the source's chunks.
    pub(super) columns: Vec<Column>,
    pub(super) key: Vec<String>,
    pub(super) marks: Marks,
    /// With it the name of a column leads into maps: `address_city`.
    pub(super) separator: Option<String>,
    pub(super) unknown_fields: Unknown,
}

/// When an item was as it is, and whether that was its end. Without one: the item of a scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Microseconds since 1970.
    pub(super) changed_at: Option<i64>,
    pub(super) deleted: bool,
    /// Deleted by DynamoDB, because its time to live was over.
    pub(super) expired: bool,
}

/// Makes chunks of items.
pub(super) struct Decoder {
    schema: SchemaRef,
    columns: Vec<Filled>,
    layout: Layout,
    unknown_fields: Unknown,
    unknown: BTreeSet<String>,
    rejected: Vec<Rejected>,
    rows: usize,
}

/// A column and what fills it.
struct Filled {
    member: Member,
    fill: Fill,
    is_key: bool,
    builder: Builder,
    /// The tags that came, one bit each.
    tags: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    Attribute,
    Unknown,
    Deleted,
    ChangedAt,
    DeletedBy,
    Nulls,
}

impl Decoder {
    /// A decoder for chunks of a dataset.
    pub(super) fn new(shape: &Shape) -> Self {
        let Shape { columns, key, marks, separator, unknown_fields } = shape;
        let (separator, unknown_fields) = (separator.as_deref(), *unknown_fields);
        let schema = arrow_schema(columns);
        let mut layout = Layout::default();
        let mut filled = Vec::with_capacity(columns.len());
        for (index, (column, field)) in columns.iter().zip(schema.fields()).enumerate() {
            let fill = Fill::of(&column.name, marks);
            if fill == Fill::Attribute {
                match (&column.path, separator) {
                    (Some(path), _) => layout.add(path, ".", index),
                    (None, Some(separator)) => layout.add(&column.name, separator, index),
                    (None, None) => layout.of_name(&column.name).whole.push(index),
                }
            }
            let member = Member::of(column);
            let builder = Builder::of(field);
            filled.push(Filled {
                member,
                fill,
                is_key: key.contains(&column.name),
                builder,
                tags: 0,
            });
        }
        let (unknown, rejected) = (BTreeSet::new(), Vec::new());
        Self { schema, columns: filled, layout, unknown_fields, unknown, rejected, rows: 0 }
    }

    /// Adds an item. `record` is what is kept of it if it does not fit.
    pub(super) fn push(
        &mut self,
        item: &Item<'_>,
        change: Change,
        place: &dyn fmt::Display,
        record: impl FnOnce() -> String,
    ) {
        match self.cells(item, change) {
            Ok(cells) => {
                self.columns
                    .iter_mut()
                    .zip(cells)
                    .for_each(|(column, cell)| column.builder.append(cell));
                self.rows += 1;
            }
            Err(misfit) => self.reject(place, misfit.to_string(), record()),
        }
    }

    /// Keeps a record that is no item.
    pub(super) fn reject(&mut self, place: &dyn fmt::Display, reason: String, record: String) {
        self.rejected.push(Rejected { place: place.to_string(), reason, record });
    }

    /// Items since the last chunk, rejected ones included.
    pub(super) fn records(&self) -> usize {
        self.rows + self.rejected.len()
    }

    /// The items so far. The decoder is empty again.
    pub(super) fn finish(&mut self, checkpoint: Value) -> Chunk {
        let arrays = self.columns.iter_mut().map(|it| it.builder.finish()).collect();
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .expect("every column has a cell of its type for every row");
        self.rows = 0;
        let mut unknown = std::mem::take(&mut self.unknown);
        unknown.extend(self.columns.iter().filter_map(Filled::several_tags));
        Chunk { rows, rejected: std::mem::take(&mut self.rejected), unknown, checkpoint }
    }

    fn cells<'i>(&mut self, item: &'i Item<'_>, change: Change) -> Result<Vec<Cell<'i>>, Misfit> {
        let mut found: Vec<Option<&'i Attribute<'_>>> = vec![None; self.columns.len()];
        let mut unknown = Vec::new();
        for (position, member) in item.0.iter().enumerate() {
            let (name, attribute) = member;
            let uses = self.layout.find(position, name).map(|index| self.layout.uses(index));
            let is_complete = |uses: &Uses| {
                uses.assign(attribute, &mut found) && !self.leaves_out(uses, attribute)
            };
            if !uses.is_some_and(is_complete) {
                unknown.push(member);
            }
        }
        let context = RowContext { item, change, unknown: &unknown };
        let cells = self
            .columns
            .iter_mut()
            .zip(found)
            .map(|(column, attribute)| column.cell(attribute, &context));
        let cells = cells.collect::<Result<_, _>>()?;
        if self.unknown_fields != Unknown::Ignore {
            for (name, _) in unknown {
                if !self.unknown.contains(name.as_ref()) {
                    self.unknown.insert(name.clone().into_owned());
                }
            }
        }
        Ok(cells)
    }

    /// Whether a column takes the attribute, but not all of it.
    fn leaves_out(&self, uses: &Uses, attribute: &Attribute<'_>) -> bool {
        let mut whole = uses.whole.iter();
        matches!(attribute, Attribute::M(_) | Attribute::L(_))
            && !uses.whole.is_empty()
            && whole.all(|index| self.columns[*index].member.leaves_out(attribute))
    }
}

/// What the columns that are no attributes are made of.
struct RowContext<'c, 'i, 'a> {
    item: &'i Item<'a>,
    change: Change,
    unknown: &'c [&'i (Cow<'a, str>, Attribute<'a>)],
}

impl Filled {
    fn cell<'i>(
        &mut self,
        attribute: Option<&'i Attribute<'_>>,
        row: &RowContext<'_, 'i, '_>,
    ) -> Result<Cell<'i>, Misfit> {
        match self.fill {
            Fill::Attribute => self.attribute_cell(attribute, row.change.deleted),
            Fill::Deleted => Ok(Cell::Boolean(row.change.deleted)),
            Fill::ChangedAt => row
                .change
                .changed_at
                .map(Cell::Timestamp)
                .ok_or_else(|| self.misfit("the record has no time of change")),
            Fill::DeletedBy if row.change.expired => Ok(Cell::Text(Cow::Borrowed("ttl"))),
            Fill::Unknown if !row.unknown.is_empty() => {
                Ok(Cell::Text(Cow::Owned(unknown_json(row.unknown))))
            }
            Fill::Nulls => Ok(names_of_nulls(row.item)),
            Fill::DeletedBy | Fill::Unknown => Ok(Cell::Null),
        }
    }

    /// Of a deleted item nothing is required but its key.
    fn attribute_cell<'i>(
        &mut self,
        attribute: Option<&'i Attribute<'_>>,
        deleted: bool,
    ) -> Result<Cell<'i>, Misfit> {
        let attribute = attribute.filter(|_| !deleted || self.is_key);
        if deleted && !self.is_key {
            return Ok(Cell::Null);
        }
        let cell = self.member.cell(attribute).map_err(|it| it.within(&self.member.name))?;
        if let (Kind::Text, Some(attribute)) = (&self.member.kind, attribute) {
            self.tags |= attribute.tag_bit();
        }
        Ok(cell)
    }

    fn misfit(&self, reason: &str) -> Misfit {
        Misfit::new(reason).within(&self.member.name)
    }

    /// A schema change: one attribute, several types. `NULL` goes with every type.
    fn several_tags(&self) -> Option<String> {
        let tags = Attribute::tags(self.tags & !Attribute::Null.tag_bit());
        (tags.len() > 1).then(|| format!("{} ({})", self.member.name, tags.join(" and ")))
    }
}

impl Fill {
    fn of(name: &str, marks: &Marks) -> Self {
        let is = |mark: &Option<String>| mark.as_deref() == Some(name);
        match name {
            UNKNOWN => Self::Unknown,
            DELETED => Self::Deleted,
            CHANGED_AT => Self::ChangedAt,
            _ if is(&marks.deleted_by) => Self::DeletedBy,
            _ if is(&marks.nulls) => Self::Nulls,
            _ => Self::Attribute,
        }
    }
}

fn unknown_json(unknown: &[&(Cow<'_, str>, Attribute<'_>)]) -> String {
    let mut json = String::new();
    write_members(&mut json, unknown.iter().copied(), Attribute::write_plain);
    json
}

fn names_of_nulls<'i>(item: &Item<'_>) -> Cell<'i> {
    let mut names: Vec<&str> = item
        .0
        .iter()
        .filter(|(_, it)| matches!(it, Attribute::Null))
        .map(|(name, _)| name.as_ref())
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        Cell::Null
    } else {
        Cell::Text(Cow::Owned(Value::from(names).to_string()))
    }
}

/// Which columns take which attributes, with a guess: items tend to have the same attributes at the same places.
#[derive(Default)]
struct Layout {
    names: HashMap<String, usize>,
    uses: Vec<(String, Uses)>,
    guesses: Vec<usize>,
}

impl Layout {
    /// A path may be the name of an attribute with separators in it, or lead into maps.
    fn add(&mut self, path: &str, separator: &str, column: usize) {
        self.of_name(path).whole.push(column);
        for (at, _) in path.match_indices(separator) {
            self.of_name(&path[..at]).add(&path[at + separator.len()..], separator, column);
        }
    }

    fn of_name(&mut self, name: &str) -> &mut Uses {
        let index = *self.names.entry(name.to_owned()).or_insert_with(|| {
            self.uses.push((name.to_owned(), Uses::default()));
            self.uses.len() - 1
        });
        &mut self.uses[index].1
    }

    fn uses(&self, index: usize) -> &Uses {
        &self.uses[index].1
    }

    fn find(&mut self, position: usize, name: &str) -> Option<usize> {
        let guess = self.guesses.get(position).copied().unwrap_or(usize::MAX);
        if self.uses.get(guess).is_some_and(|(it, _)| it == name) {
            return Some(guess);
        }
        let found = *self.names.get(name)?;
        // The first items teach the order; an item has a few dozen attributes.
        if self.guesses.len() <= position {
            self.guesses.resize(position + 1, usize::MAX);
        }
        self.guesses[position] = found;
        Some(found)
    }
}

/// The columns that take a value, and those that take members of it.
#[derive(Default)]
struct Uses {
    whole: Vec<usize>,
    members: BTreeMap<String, Uses>,
}

impl Uses {
    fn add(&mut self, path: &str, separator: &str, column: usize) {
        self.member(path).whole.push(column);
        for (at, _) in path.match_indices(separator) {
            self.member(&path[..at]).add(&path[at + separator.len()..], separator, column);
        }
    }

    fn member(&mut self, name: &str) -> &mut Uses {
        self.members.entry(name.to_owned()).or_default()
    }

    /// Gives the columns their values; false if a part of the value belongs to no column.
    fn assign<'i, 'a>(
        &self,
        attribute: &'i Attribute<'a>,
        found: &mut [Option<&'i Attribute<'a>>],
    ) -> bool {
        for column in &self.whole {
            found[*column] = Some(attribute);
        }
        let mut complete = !self.whole.is_empty();
        match attribute {
            Attribute::M(item) if !self.members.is_empty() => {
                let mut all = true;
                for (name, value) in &item.0 {
                    all &= self
                        .members
                        .get(name.as_ref())
                        .is_some_and(|uses| uses.assign(value, found));
                }
                complete |= all;
            }
            Attribute::Null => complete = true,
            _ => {}
        }
        complete
    }
}

#[cfg(test)]
mod tests;
