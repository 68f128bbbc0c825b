//! One partition of a table, embedded or of DynamoDB, in the order of its sort key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use serde_json::Value;
use stepwell_integrations::dynamodb::{
    AttributeValue, Item, KeyKind, Query, RangeCondition, Tables,
};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::settings::InvalidInput;
use stepwell_services::ToHandlerError as _;

use super::push;
use crate::input::{Members, Window};
use crate::process::nanoseconds;
use crate::series::TimeUnit;
use crate::service::Service;
use crate::spool::Spool;

/// A query by partition key and time range.
///
/// ```json
/// {"table":"Measurements","partition":{"sensor":"7"},"time":"at"}
/// ```
///
/// `time` is the sort key: a string with the time as `2026-03-01T00:00:00Z`, or a number since 1970 in the
/// `time_unit` of the columns.
#[derive(Debug, Clone)]
pub(crate) struct DynamoDb {
    table: String,
    partition: (String, AttributeValue),
    time: String,
}

impl DynamoDb {
    pub(super) fn read(place: &str, value: &Value) -> Result<Self, InvalidInput> {
        let mut members = Members::of(place, value)?;
        let read = Self {
            table: members.text("table")?,
            partition: read_partition(&mut members)?,
            time: members.text("time")?,
        };
        members.end(&["table", "partition", "time"])?;
        Ok(read)
    }

    pub(super) async fn rows(
        &self,
        unit: TimeUnit,
        window: Option<Window>,
        service: &Service,
        spool: &mut Spool,
    ) -> Result<(), HandlerError> {
        let tables = service.opener.tables().await?;
        let range = match window {
            None => None,
            Some(window) => {
                let kind = self.kind_of_time(tables.as_ref()).await?;
                Some((self.time.clone(), between(window, kind, unit)))
            }
        };
        let (key, value) = self.partition.clone();
        let mut query = Query { range, ..Query::new(&self.table, key, value) };
        let mut items = Vec::new();
        loop {
            let page = tables.query(&query).await.map_err(|error| error.to_handler_error())?;
            items.extend(page.items);
            query.start = page.last_key.filter(|_| items.len() <= spool.max_points());
            if query.start.is_none() {
                // At once: whether a column has numbers only is known at the end.
                return push(spool, &batch(&items)?);
            }
        }
    }

    /// Whether the sort key is a text or a number.
    async fn kind_of_time(&self, tables: &dyn Tables) -> Result<KeyKind, HandlerError> {
        let table =
            tables.describe_table(&self.table).await.map_err(|error| error.to_handler_error())?;
        match table.range.filter(|key| key.name == self.time) {
            Some(key) => Ok(key.kind),
            None => Err(HandlerError::Config(format!(
                "`Data.dynamodb.time`: `{}` is not the sort key of the table `{}`",
                self.time, self.table
            ))),
        }
    }
}

fn read_partition(members: &mut Members) -> Result<(String, AttributeValue), InvalidInput> {
    let Some(value) = members.take("partition") else { return Err(members.missing("partition")) };
    let help = "write the partition key and its value, for instance {\"sensor\":\"7\"}";
    let only = value.as_object().filter(|it| it.len() == 1).and_then(|it| it.iter().next());
    match only {
        Some((key, Value::String(text))) => Ok((key.clone(), AttributeValue::S(text.clone()))),
        Some((key, Value::Number(number))) => {
            Ok((key.clone(), AttributeValue::N(number.to_string())))
        }
        _ => Err(members.wrong("partition", help)),
    }
}

/// The window as a condition on the sort key. What lies at its ends and does not belong to it is left out later.
fn between(window: Window, kind: KeyKind, unit: TimeUnit) -> RangeCondition {
    match kind {
        KeyKind::N => {
            let counted = |time| nanoseconds(time).div_euclid(unit.nanoseconds());
            let (from, to) = (counted(window.from), counted(window.to).saturating_add(1));
            let number = |count: i64| AttributeValue::N(count.to_string());
            RangeCondition::Between(number(from), number(to))
        }
        KeyKind::S | KeyKind::B => {
            // Whole seconds without the `Z`, which sorts behind a fraction: the one that holds the start, and the one
            // behind the end.
            let second = |second: i64| {
                let time = jiff::Timestamp::from_second(second).ok();
                let text = time.map(|it| it.to_string().trim_end_matches('Z').to_owned());
                text.unwrap_or_default()
            };
            let from = second(nanoseconds(window.from).div_euclid(1_000_000_000));
            let to = second(window.to.as_second().saturating_add(1));
            RangeCondition::Between(AttributeValue::S(from), AttributeValue::S(to))
        }
    }
}

/// One column for each attribute that an item has: numbers where all are numbers, otherwise texts.
fn batch(items: &[Item]) -> Result<RecordBatch, HandlerError> {
    if items.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::new(Schema::empty())));
    }
    let names: BTreeSet<&str> = items.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let columns = names.into_iter().map(|name| (name, column(items, name), true));
    RecordBatch::try_from_iter_with_nullable(columns)
        .map_err(|error| HandlerError::Data(format!("`Data.dynamodb`: {error}")))
}

fn column(items: &[Item], name: &str) -> ArrayRef {
    let is_number = |item: &Item| {
        matches!(item.get(name), None | Some(AttributeValue::N(_) | AttributeValue::Null))
    };
    if items.iter().all(is_number) {
        let number = |item: &Item| text(item.get(name)?)?.parse::<f64>().ok();
        return Arc::new(items.iter().map(number).collect::<Float64Array>());
    }
    Arc::new(items.iter().map(|item| text(item.get(name)?)).collect::<StringArray>())
}

fn text(value: &AttributeValue) -> Option<&str> {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
        AttributeValue::Bool(true) => Some("true"),
        AttributeValue::Bool(false) => Some("false"),
        _ => None,
    }
}
