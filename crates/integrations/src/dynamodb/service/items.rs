//! One item: put, got, changed, deleted, each with a condition where it writes.

use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::super::embedded::{Definition, INVALID, Key, Row, exact_key, rows};
use super::super::expression::condition::condition;
use super::super::expression::path::{Path, project};
use super::super::expression::update::{Update, update as read_update};
use super::super::expression::{Parser, Placeholders};
use super::super::value::{check_item, size};
use super::super::{AttributeValue, Item};
use super::{Call, Consumed, Done, Failure, Metrics, Names, projection, read};
use crate::members::{Members, members_of};

/// What a writing action has beside the item or key.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Request {
    pub(super) table_name: String,
    item: Option<Item>,
    key: Option<Item>,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Option<Item>,
    #[serde(default)]
    return_values: ReturnValues,
    #[serde(default)]
    return_values_on_condition_check_failure: OnFailure,
    #[serde(default)]
    return_consumed_capacity: Consumed,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _metrics: Metrics,
}

impl Request {
    /// Of an item, without a condition.
    pub(super) fn put(table: &str, item: Item) -> Self {
        Self { table_name: table.to_owned(), item: Some(item), ..Self::default() }
    }

    /// Of a key, without a condition.
    pub(super) fn of_key(table: &str, key: Item) -> Self {
        Self { table_name: table.to_owned(), key: Some(key), ..Self::default() }
    }

    /// The attributes among which those of the key are.
    pub(super) fn attributes(&self) -> &Item {
        static NONE: Item = Item::new();
        self.item.as_ref().or(self.key.as_ref()).unwrap_or(&NONE)
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReturnValues {
    #[default]
    None,
    AllOld,
    AllNew,
    UpdatedOld,
    UpdatedNew,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum OnFailure {
    #[default]
    None,
    AllOld,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Update,
    Delete,
    /// Nothing: only the condition is looked at.
    Check,
}

/// An item before and after.
pub(super) struct Written {
    pub(super) table: String,
    before: Option<Item>,
    after: Option<Item>,
    update: Option<Update>,
}

impl Written {
    /// Bytes that count for the price: those of the larger.
    fn bytes(&self) -> usize {
        let of = |item: &Option<Item>| item.as_ref().map_or(0, size);
        of(&self.before).max(of(&self.after))
    }

    fn attributes(self, returned: ReturnValues) -> Option<Item> {
        let paths =
            || -> Vec<Path> { self.update.iter().flat_map(Update::paths).cloned().collect() };
        match returned {
            ReturnValues::None => None,
            ReturnValues::AllOld => self.before,
            ReturnValues::AllNew => self.after,
            ReturnValues::UpdatedOld => self.before.as_ref().map(|item| project(item, &paths())),
            ReturnValues::UpdatedNew => self.after.as_ref().map(|item| project(item, &paths())),
        }
    }
}

pub(super) fn put(call: &Call<'_>, input: Value) -> Done<Value> {
    act(call, Kind::Put, read(input, &["TableName", "Item"])?)
}

pub(super) fn update(call: &Call<'_>, input: Value) -> Done<Value> {
    act(call, Kind::Update, read(input, &["TableName", "Key"])?)
}

pub(super) fn delete(call: &Call<'_>, input: Value) -> Done<Value> {
    act(call, Kind::Delete, read(input, &["TableName", "Key"])?)
}

fn act(call: &Call<'_>, kind: Kind, request: Request) -> Done<Value> {
    let is_allowed = match request.return_values {
        ReturnValues::None | ReturnValues::AllOld => true,
        _ => kind == Kind::Update,
    };
    if !is_allowed {
        return Err("Return values set to invalid value".to_owned().into());
    }
    let (returned, consumed) = (request.return_values, request.return_consumed_capacity);
    let written = call.write(kind, request)?;
    let capacity = consumed.told(&written.table, Consumed::writing(written.bytes()));
    let mut answer = json!({});
    if let Some(attributes) = written.attributes(returned).filter(|it| !it.is_empty()) {
        answer["Attributes"] = json!(attributes);
    }
    if let Some(capacity) = capacity {
        answer["ConsumedCapacity"] = capacity;
    }
    Ok(answer)
}

pub(super) fn get(call: &Call<'_>, input: Value) -> Done<Value> {
    let request: Get = read(input, &["TableName", "Key"])?;
    let (consumed, is_consistent) =
        (request.return_consumed_capacity, request.consistent_read.unwrap_or(false));
    let table = request.table_name.clone();
    let (item, bytes) = call.get(&request)?;
    let mut answer = json!({});
    if let Some(item) = item {
        answer["Item"] = json!(item);
    }
    if let Some(capacity) = consumed.told(&table, Consumed::reading(bytes, is_consistent)) {
        answer["ConsumedCapacity"] = capacity;
    }
    Ok(answer)
}

/// `GetItem`, and the same of a transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    pub(super) table_name: String,
    pub(super) key: Item,
    pub(super) consistent_read: Option<bool>,
    pub(super) projection_expression: Option<String>,
    pub(super) expression_attribute_names: Names,
    #[serde(default)]
    pub(super) return_consumed_capacity: Consumed,
}

impl Call<'_> {
    /// The item, or what is wanted of it, and its bytes.
    pub(super) fn get(&self, request: &Get) -> Done<(Option<Item>, usize)> {
        let text = request.projection_expression.as_deref();
        let names = request.expression_attribute_names.clone();
        let placeholders = Placeholders::new(names, None, text.is_some())?;
        let paths = projection(text, &placeholders)?;
        placeholders.check_used()?;
        let table = self.table(&request.table_name)?;
        let key = exact_key(&table.table, &request.key)?;
        let found = self.select(&table, &key)?;
        let bytes = found.as_ref().map_or(0, size);
        let item = match (found, paths) {
            (Some(item), Some(paths)) => Some(project(&item, &paths)),
            (found, _) => found,
        };
        Ok((item, bytes))
    }

    /// The item with a key, unless its time is over.
    pub(super) fn select(&self, table: &Definition, key: &Key) -> Done<Option<Item>> {
        let found = rows::select(self.transaction, &table.table.name, key)?;
        Ok(found.filter(|item| !self.has_expired(table, item)))
    }

    /// Writes an item if its condition holds.
    ///
    /// # Errors
    /// `ConditionalCheckFailedException`, `ValidationException`, `ResourceNotFoundException`
    pub(super) fn write(&self, kind: Kind, request: Request) -> Done<Written> {
        let has_expressions =
            request.condition_expression.is_some() || request.update_expression.is_some();
        let placeholders = Placeholders::new(
            request.expression_attribute_names,
            request.expression_attribute_values,
            has_expressions,
        )?;
        let read_condition =
            |text: &str| Parser::read("ConditionExpression", text, &placeholders, condition);
        let wanted = request.condition_expression.as_deref().map(read_condition).transpose()?;
        let read_update =
            |text: &str| Parser::read("UpdateExpression", text, &placeholders, read_update);
        let update = request.update_expression.as_deref().map(read_update).transpose()?;
        placeholders.check_used()?;
        if let Some(item) = &request.item {
            check_item(item)?;
        }
        let table = self.table(&request.table_name)?;
        let target = Target::of(kind, &table, request.item, request.key)?;
        let before = self.select(&table, target.key())?;
        let nothing = Item::new();
        if wanted.is_some_and(|wanted| !wanted.holds(before.as_ref().unwrap_or(&nothing))) {
            let shown = request.return_values_on_condition_check_failure == OnFailure::AllOld;
            return Err(failed_condition(before.filter(|_| shown)).into());
        }
        let after = self.apply(&table, target, before.as_ref(), update.as_ref())?;
        Ok(Written { table: request.table_name, before, after, update })
    }

    /// What is there afterwards.
    fn apply(
        &self,
        table: &Definition,
        target: Target,
        before: Option<&Item>,
        update: Option<&Update>,
    ) -> Done<Option<Item>> {
        let row = match target {
            Target::Check(_) => return Ok(before.cloned()),
            Target::Delete(key) => {
                rows::delete(self.transaction, table, &key)?;
                return Ok(None);
            }
            Target::Put(row) => row,
            Target::Update(_, key) => updated(table, before.cloned().unwrap_or(key), update)?,
        };
        check_index_keys(table, &row.item)?;
        rows::write(self.transaction, table, &row)?;
        Ok(Some(row.item))
    }
}

/// What is written where.
enum Target {
    Put(Row),
    /// With the attributes that a new item has.
    Update(Key, Item),
    Delete(Key),
    Check(Key),
}

impl Target {
    fn of(kind: Kind, table: &Definition, item: Option<Item>, key: Option<Item>) -> Done<Self> {
        let exact = |key: Option<Item>| -> Done<(Key, Item)> {
            let key = key.unwrap_or_default();
            Ok((exact_key(&table.table, &key)?, key))
        };
        Ok(match kind {
            Kind::Put => Self::Put(Row::new(&table.table, item.unwrap_or_default())?),
            Kind::Update => {
                let (at, key) = exact(key)?;
                Self::Update(at, key)
            }
            Kind::Delete => Self::Delete(exact(key)?.0),
            Kind::Check => Self::Check(exact(key)?.0),
        })
    }

    fn key(&self) -> &Key {
        match self {
            Self::Put(row) => &row.key,
            Self::Update(key, _) | Self::Delete(key) | Self::Check(key) => key,
        }
    }
}

fn updated(table: &Definition, mut item: Item, update: Option<&Update>) -> Done<Row> {
    if let Some(update) = update {
        let is_key = |path: &&Path| table.table.keys().any(|key| key.name == path.attribute());
        if let Some(path) = update.paths().find(is_key) {
            let name = path.attribute();
            return Err(format!(
                "{INVALID}: Cannot update attribute {name}. This attribute is part of the key"
            )
            .into());
        }
        update.apply(&mut item)?;
    }
    // DynamoDB says it so of an update.
    check_item(&item).map_err(|problem| match problem.as_str() {
        "Item size has exceeded the maximum allowed size" => {
            Failure::from("Item size to update has exceeded the maximum allowed size".to_owned())
        }
        _ => Failure::from(problem),
    })?;
    Row::new(&table.table, item).map_err(Failure::from)
}

/// An attribute that is a key of an index has its type, where it is there.
fn check_index_keys(table: &Definition, item: &Item) -> Done<()> {
    for index in &table.indexes {
        for key in index.keys.keys() {
            let Some(value) = item.get(&key.name) else { continue };
            let (name, actual) = (index.name(), value.type_name());
            let expected = format!("{:?}", key.kind);
            if actual != expected {
                let key = &key.name;
                return Err(format!(
                    "{INVALID}: Type mismatch for Index Key {key} Expected: {expected} Actual: {actual} IndexName: {name}"
                )
                .into());
            }
            let is_empty = match value {
                AttributeValue::S(text) => text.is_empty(),
                AttributeValue::B(bytes) => bytes.is_empty(),
                _ => false,
            };
            if is_empty {
                let key = &key.name;
                return Err(format!(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. \
                     The AttributeValue for a key attribute cannot contain an empty string value. IndexName: {name}, IndexKey: {key}"
                )
                .into());
            }
        }
    }
    Ok(())
}

fn failed_condition(item: Option<Item>) -> ServiceError {
    let message = "The conditional request failed";
    let error = ServiceError::sender("ConditionalCheckFailedException", message);
    match item {
        Some(item) => error.with_member("Item", json!(item)),
        None => error,
    }
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "PutItem" | "UpdateItem" | "DeleteItem" => members_of::<Request>(),
        "GetItem" => members_of::<Get>(),
        _ => return None,
    })
}
