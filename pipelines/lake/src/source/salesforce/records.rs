//! From records to rows: which fields are asked for, and where their values go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{Cell, Rows, UNKNOWN, Unknown};
use stepwell_tabular::{Batch, Column};

use super::describe::{Field, Object};
use super::soql::Key;
use crate::dataset::{CHANGED_AT, DELETED, Dataset};
use crate::source::rest::{Raw, cell};

const ID: &str = "Id";
const IS_DELETED: &str = "IsDeleted";

/// Where the values of an object's records go.
pub(super) struct Mapping<'d> {
    dataset: &'d Dataset,
    pub(super) object: Object,
    /// What is asked for, `Id` first.
    pub(super) fields: Vec<String>,
    targets: Vec<Target>,
    deleted: Option<usize>,
    changed_at: Option<usize>,
    /// Plain fields that no column takes.
    undeclared: BTreeSet<String>,
}

/// What becomes of a field's value.
#[derive(Debug, Default)]
struct Target {
    /// The columns that take it.
    columns: Vec<usize>,
    /// The name under which columns look for parts of it, if it is a compound.
    compound: Option<String>,
    is_whole_number: bool,
    is_number: bool,
    is_boolean: bool,
}

/// A record, with one value for each field that was asked for.
pub(super) struct Record {
    values: Vec<Option<String>>,
    /// Whether values are JSON, and not what stands in CSV.
    is_json: bool,
}

impl Record {
    pub(super) fn of_csv(values: Vec<String>) -> Self {
        let values = values.into_iter().map(|value| Some(value).filter(|it| !it.is_empty()));
        Self { values: values.collect(), is_json: false }
    }

    /// Of a record of REST; its members have the names that were asked for.
    pub(super) fn of_json(mut members: Raw, fields: &[String]) -> Self {
        let value = |field: &String| {
            let found = members.remove(field)?;
            Some(String::from(Box::<str>::from(found))).filter(|it| it != "null")
        };
        Self { values: fields.iter().map(value).collect(), is_json: true }
    }

    fn value(&self, field: usize) -> Option<&str> {
        self.values[field].as_deref()
    }

    /// The plain text of a value: an id, a time.
    fn text(&self, field: usize) -> String {
        self.value(field).unwrap_or_default().trim_matches('"').to_owned()
    }
}

impl<'d> Mapping<'d> {
    /// # Errors
    /// [`HandlerError::Config`] that names the column for which the object has no field.
    pub(super) fn new(dataset: &'d Dataset, object: Object) -> Result<Self, HandlerError> {
        let columns = dataset.read_columns();
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let mut wanted: BTreeMap<String, Target> = BTreeMap::new();
        for (index, column) in columns.iter().enumerate() {
            if [UNKNOWN, DELETED, CHANGED_AT].contains(&column.name.as_str()) {
                continue;
            }
            let (spelled, part) = match column.place().split_once('.') {
                Some((spelled, part)) => (spelled, Some(part)),
                None => (column.place(), None),
            };
            let field = object.field(spelled).filter(|field| field.is_readable());
            let field = field.ok_or_else(|| no_field(dataset, &object, column, spelled))?;
            let target = wanted.entry(field.name.clone()).or_default();
            match (field.is_compound(), part) {
                (true, _) => target.compound = Some(spelled.to_owned()),
                (false, None) => target.columns.push(index),
                (false, Some(_)) => return Err(no_field(dataset, &object, column, column.place())),
            }
        }
        let undeclared = object.plain_fields().map(|field| field.name.clone());
        let undeclared: BTreeSet<_> = undeclared.filter(|it| !wanted.contains_key(it)).collect();
        let needed = [Some(ID), object.stamp(), object.field(IS_DELETED).map(|_| IS_DELETED)];
        let mut fields: Vec<_> = needed.into_iter().flatten().map(str::to_owned).collect();
        let caught = undeclared.iter().filter(|_| dataset.unknown_fields == Unknown::Catch);
        for name in wanted.keys().chain(caught) {
            if !fields.contains(name) {
                fields.push(name.clone());
            }
        }
        let targets = fields.iter().map(|name| {
            let target = wanted.remove(name).unwrap_or_default();
            object.field(name).map_or(Target::default(), |field| target.of(field))
        });
        Ok(Self {
            targets: targets.collect(),
            fields,
            deleted: place(DELETED),
            changed_at: place(CHANGED_AT),
            dataset,
            object,
            undeclared,
        })
    }

    /// Whether a compound is asked for, which the Bulk API does not give.
    pub(super) fn has_compound(&self) -> bool {
        self.targets.iter().any(|target| target.compound.is_some())
    }

    fn place(&self, field: &str) -> Option<usize> {
        self.fields.iter().position(|name| name == field)
    }

    pub(super) fn has_deleted(&self) -> bool {
        self.place(IS_DELETED).is_some()
    }

    /// A record's place in the order.
    ///
    /// # Errors
    /// If it has no id, or its stamp is no time.
    pub(super) fn key(&self, record: &Record) -> Result<Key, HandlerError> {
        let id = record.text(0);
        let stamp = self.object.stamp().and_then(|stamp| self.place(stamp));
        let at = stamp.map(|stamp| time(&record.text(stamp)));
        let wrong =
            || HandlerError::Data(format!("a record of {} has no time: {id}", self.object.name));
        if id.is_empty() || at == Some(None) {
            return Err(wrong());
        }
        Ok(Key(at.flatten(), id))
    }

    /// Rows for records; `read_at` is when a record counts as changed that does not say it.
    pub(super) fn rows(&self, records: &[Record], read_at: Timestamp) -> Batch {
        let mut rows = self.dataset.rows();
        for record in records {
            self.add(&mut rows, record, read_at);
        }
        self.finish(&mut rows)
    }

    fn add(&self, rows: &mut Rows, record: &Record, read_at: Timestamp) {
        let is_true = |field: usize| record.value(field) == Some("true");
        let is_deleted = self.place(IS_DELETED).is_some_and(is_true);
        let at = self.key(record).ok().and_then(|key| key.0).unwrap_or(read_at);
        // Without a column for it, what was deleted is not there.
        if is_deleted && self.deleted.is_none() {
            return;
        }
        for (field, target) in self.targets.iter().enumerate() {
            let Some(value) = record.value(field) else { continue };
            if is_deleted && !self.is_key(target) {
                continue;
            }
            self.set(rows, target, &self.fields[field], value, record.is_json);
        }
        self.mark(rows, is_deleted, at);
        let place = format!("{} {}", self.object.name, record.text(0));
        let whole = || self.told(record);
        if is_deleted { rows.end_tombstone(&place, whole) } else { rows.end_row(&place, whole) }
    }

    fn is_key(&self, target: &Target) -> bool {
        let key = &self.dataset.key;
        let named = |index: &usize| {
            self.dataset.columns.get(*index).is_some_and(|it| key.contains(&it.name))
        };
        target.columns.iter().any(named)
    }

    fn set(&self, rows: &mut Rows, target: &Target, name: &str, value: &str, is_json: bool) {
        if let Some(spelled) = &target.compound {
            return rows.fields(&format!("{{{}:{value}}}", Value::from(spelled.as_str())));
        }
        let mut text = String::new();
        let value = if is_json { cell(value, &mut text) } else { target.cell(value) };
        if target.columns.is_empty() && self.undeclared.contains(name) {
            return rows.not_declared(name, &json(value));
        }
        for column in &target.columns {
            match value {
                Cell::Text(text) => rows.set(*column, Cell::Text(&text.replace('\0', ""))),
                other => rows.set(*column, other),
            }
        }
    }

    fn mark(&self, rows: &mut Rows, is_deleted: bool, at: Timestamp) {
        if let Some(column) = self.deleted {
            rows.set(column, Cell::Bool(is_deleted));
        }
        if let Some(column) = self.changed_at {
            rows.set(column, Cell::Text(&at.to_string()));
        }
    }

    /// Rows for records that are gone for good: ids and times of deletion.
    pub(super) fn tombstones(&self, gone: &[(String, Timestamp)]) -> Batch {
        let mut rows = self.dataset.rows();
        for (id, at) in gone {
            for column in &self.targets[0].columns {
                rows.set(*column, Cell::Text(id));
            }
            self.mark(&mut rows, true, *at);
            rows.end_tombstone(id, || id.clone());
        }
        self.finish(&mut rows)
    }

    fn finish(&self, rows: &mut Rows) -> Batch {
        let mut batch = rows.finish();
        // Fields that are not asked for are known all the same.
        if self.dataset.unknown_fields != Unknown::Ignore {
            batch.unknown.extend(self.undeclared.iter().cloned());
        }
        batch
    }

    /// The record in JSON, for the quarantine.
    fn told(&self, record: &Record) -> String {
        let value = |(field, target): (usize, &Target)| {
            let value = record.value(field)?;
            let value = if record.is_json { value.to_owned() } else { json(target.cell(value)) };
            Some(format!("{}:{value}", Value::from(self.fields[field].as_str())))
        };
        let members: Vec<_> = self.targets.iter().enumerate().filter_map(value).collect();
        format!("{{{}}}", members.join(","))
    }
}

impl Target {
    fn of(self, field: &Field) -> Self {
        Self {
            is_whole_number: field.is_whole_number(),
            is_number: field.is_number(),
            is_boolean: field.kind == "boolean",
            ..self
        }
    }

    /// A value of CSV; whole numbers may come as `0.0`.
    fn cell<'v>(&self, value: &'v str) -> Cell<'v> {
        match value {
            "true" if self.is_boolean => Cell::Bool(true),
            "false" if self.is_boolean => Cell::Bool(false),
            number if self.is_whole_number => {
                let whole =
                    number.split_once('.').filter(|(_, rest)| rest.bytes().all(|it| it == b'0'));
                Cell::Number(whole.map_or(number, |(whole, _)| whole))
            }
            number if self.is_number => Cell::Number(number),
            text => Cell::Text(text),
        }
    }
}

fn json(value: Cell<'_>) -> String {
    match value {
        Cell::Bool(flag) => flag.to_string(),
        Cell::Number(text) | Cell::Json(text) => text.to_owned(),
        Cell::Text(text) => Value::from(text.replace('\0', "")).to_string(),
        Cell::Null | Cell::Bytes(_) => "null".to_owned(),
    }
}

fn no_field(dataset: &Dataset, object: &Object, column: &Column, field: &str) -> HandlerError {
    let names = object.fields.iter().map(|field| field.name.as_str());
    let help = match stepwell_pipeline::suggest::closest(field, names) {
        Some(meant) => format!("; did you mean `{} from {meant}`?", column.name),
        None => format!("; name the field: `{} {} from Field__c`", column.name, column.kind),
    };
    HandlerError::Config(format!(
        "the dataset `{}` has a column `{}`, but {} has no field `{field}` that can be read by this user{help}",
        dataset.name, column.name, object.name
    ))
}

/// `2026-03-01T10:00:00.000+0000`, and `.000Z` in CSV.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |it| format!("{it}Z"));
    text.parse().ok()
}
