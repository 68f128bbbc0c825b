//! Several items at once, of one table or of several. All of a batch is written, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Item;
use super::super::embedded::exact_key;
use super::super::value::size;
use super::items::{Get, Kind, Request};
use super::legacy::{self, with_expressions};
use super::{Call, Consumed, Done, Metrics, Names, read};
use crate::members::{Members, members_of};

/// Source: DynamoDB API reference, `BatchGetItem` and `BatchWriteItem`.
const KEYS_MAX: usize = 100;
const REQUESTS_MAX: usize = 25;
const ANSWER_BYTES_MAX: usize = 16 << 20;

const DUPLICATES: &str = "Provided list of item keys contains duplicates";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchGet {
    request_items: BTreeMap<String, Value>,
    #[serde(default)]
    return_consumed_capacity: Consumed,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Wanted {
    keys: Vec<Item>,
    consistent_read: Option<bool>,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
}

pub(super) fn get(call: &Call<'_>, input: Value) -> Done<Value> {
    let BatchGet { request_items, return_consumed_capacity } = read(input, &["RequestItems"])?;
    let wanted = |(name, wanted)| -> Done<(String, Wanted)> {
        let wanted = with_expressions(legacy::members("BatchGetItem"), wanted)?;
        Ok((name, read(wanted, &["Keys"])?))
    };
    let request_items = request_items.into_iter().map(wanted).collect::<Done<BTreeMap<_, _>>>()?;
    let count: usize = request_items.values().map(|wanted| wanted.keys.len()).sum();
    check_count("BatchGetItem", count, KEYS_MAX)?;
    let (mut responses, mut left, mut consumed) = (Map::new(), Map::new(), Vec::new());
    let mut bytes = 0;
    for (name, wanted) in request_items {
        check_distinct(call, &name, wanted.keys.iter())?;
        let (mut found, mut unread, mut units) = (Vec::new(), Vec::new(), 0.0);
        for key in wanted.keys {
            if bytes > ANSWER_BYTES_MAX {
                unread.push(key);
                continue;
            }
            let request = Get {
                table_name: name.clone(),
                key,
                consistent_read: wanted.consistent_read,
                projection_expression: wanted.projection_expression.clone(),
                expression_attribute_names: wanted.expression_attribute_names.clone(),
                return_consumed_capacity: Consumed::None,
            };
            let (item, size) = call.get(&request)?;
            bytes += size;
            units += Consumed::reading(size, wanted.consistent_read.unwrap_or(false));
            found.extend(item);
        }
        consumed.extend(return_consumed_capacity.told(&name, units));
        if !unread.is_empty() {
            left.insert(name.clone(), json!({"Keys": unread}));
        }
        responses.insert(name, json!(found));
    }
    let mut answer = json!({"Responses": responses, "UnprocessedKeys": left});
    tell(&mut answer, consumed);
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchWrite {
    request_items: BTreeMap<String, Vec<WriteRequest>>,
    #[serde(default)]
    return_consumed_capacity: Consumed,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _metrics: Metrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
enum WriteRequest {
    #[serde(rename_all = "PascalCase")]
    PutRequest { item: Item },
    #[serde(rename_all = "PascalCase")]
    DeleteRequest { key: Item },
}

impl WriteRequest {
    fn attributes(&self) -> &Item {
        match self {
            Self::PutRequest { item } => item,
            Self::DeleteRequest { key } => key,
        }
    }
}

pub(super) fn write(call: &Call<'_>, input: Value) -> Done<Value> {
    let BatchWrite { request_items, return_consumed_capacity, .. } =
        read(input, &["RequestItems"])?;
    let count: usize = request_items.values().map(Vec::len).sum();
    check_count("BatchWriteItem", count, REQUESTS_MAX)?;
    let mut consumed = Vec::new();
    for (name, requests) in request_items {
        check_distinct(call, &name, requests.iter().map(WriteRequest::attributes))?;
        let mut units = 0.0;
        for request in requests {
            units += Consumed::writing(size(request.attributes()));
            match request {
                WriteRequest::PutRequest { item } => {
                    call.write(Kind::Put, Request::put(&name, item))?;
                }
                WriteRequest::DeleteRequest { key } => {
                    call.write(Kind::Delete, Request::of_key(&name, key))?;
                }
            }
        }
        consumed.extend(return_consumed_capacity.told(&name, units));
    }
    let mut answer = json!({"UnprocessedItems": {}});
    tell(&mut answer, consumed);
    Ok(answer)
}

fn tell(answer: &mut Value, consumed: Vec<Value>) {
    if !consumed.is_empty() {
        answer["ConsumedCapacity"] = consumed.into();
    }
}

fn check_count(action: &str, count: usize, max: usize) -> Done<()> {
    if count == 0 {
        let message = "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have length \
            greater than or equal to 1";
        return Err(message.to_owned().into());
    }
    if count > max {
        return Err(format!("Too many items requested for the {action} call").into());
    }
    Ok(())
}

/// No two may have one key.
fn check_distinct<'i>(
    call: &Call<'_>,
    table: &str,
    all: impl Iterator<Item = &'i Item>,
) -> Done<()> {
    let table = call.table(table)?.table;
    let mut seen = BTreeSet::new();
    for item in all {
        // One without its key is refused when it is written.
        if let Ok(key) = exact_key(&table, &table.key_of(item))
            && !seen.insert(key)
        {
            return Err(DUPLICATES.to_owned().into());
        }
    }
    Ok(())
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "BatchGetItem" => members_of::<BatchGet>(),
        "BatchWriteItem" => members_of::<BatchWrite>(),
        _ => return None,
    })
}
