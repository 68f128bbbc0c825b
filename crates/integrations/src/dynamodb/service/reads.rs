//! Many items: those of a partition, and all.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::embedded::{Definition, Index, Projection, Selection};
use super::super::expression::condition::{Comparator, Condition, Operand, condition};
use super::super::expression::path::{Path, Step, project};
use super::super::expression::{Parser, Placeholders};
use super::super::value::size;
use super::super::{AttributeValue, Item, Query, RangeCondition, Scan, Segment, Table};
use super::{Call, Consumed, Done, Failure, Names, constraint, projection, read};
use crate::members::{Members, members_of};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    table_name: String,
    index_name: Option<String>,
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    expression_attribute_names: Names,
    expression_attribute_values: Option<Item>,
    exclusive_start_key: Option<Item>,
    limit: Option<i64>,
    scan_index_forward: Option<bool>,
    consistent_read: Option<bool>,
    select: Option<Select>,
    segment: Option<u32>,
    total_segments: Option<u32>,
    #[serde(default)]
    return_consumed_capacity: Consumed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Select {
    AllAttributes,
    AllProjectedAttributes,
    SpecificAttributes,
    Count,
}

/// What a request says in expressions.
struct Wanted {
    keys: Option<Condition>,
    filter: Option<Condition>,
    paths: Option<Vec<Path>>,
}

impl Wanted {
    fn of(request: &mut Request) -> Done<Self> {
        let keys = request.key_condition_expression.as_deref();
        let filter = request.filter_expression.as_deref();
        let shown = request.projection_expression.as_deref();
        let placeholders = Placeholders::new(
            request.expression_attribute_names.take(),
            request.expression_attribute_values.take(),
            keys.is_some() || filter.is_some() || shown.is_some(),
        )?;
        let read = |member: &str, text: Option<&str>| {
            text.map(|text| Parser::read(member, text, &placeholders, condition)).transpose()
        };
        let keys = read("KeyConditionExpression", keys)?;
        let filter = read("FilterExpression", filter)?;
        let paths = projection(shown, &placeholders)?;
        placeholders.check_used()?;
        Ok(Self { keys, filter, paths })
    }
}

pub(super) fn query(call: &Call<'_>, input: Value) -> Done<Value> {
    let mut request: Request = read(input, &["TableName"])?;
    if request.segment.is_some() || request.total_segments.is_some() {
        return Err("The parameters Segment and TotalSegments belong to Scan".to_owned().into());
    }
    let limit = limit(request.limit)?;
    let wanted = Wanted::of(&mut request)?;
    let table = call.table(&request.table_name)?;
    let index = index(&table, &request)?;
    let keys = index.map_or(&table.table, |index| &index.keys);
    let Some(condition) = &wanted.keys else {
        let message = "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.";
        return Err(message.to_owned().into());
    };
    check_filter(keys, wanted.filter.as_ref())?;
    let (partition, range) = key_conditions(keys, condition)?;
    let query = Query {
        table: table.table.name.clone(),
        partition,
        range,
        descending: request.scan_index_forward == Some(false),
        limit,
        start: request.exclusive_start_key.clone(),
    };
    let selection = match index {
        Some(index) => Selection::of_index(&table.table, index, Ok(&query))?,
        None => Selection::of_query(&table.table, &query)?,
    };
    call.page(&request, &table, index, selection, &wanted)
}

pub(super) fn scan(call: &Call<'_>, input: Value) -> Done<Value> {
    let mut request: Request = read(input, &["TableName"])?;
    if request.key_condition_expression.is_some() || request.scan_index_forward.is_some() {
        let message = "The parameters KeyConditionExpression and ScanIndexForward belong to Query";
        return Err(message.to_owned().into());
    }
    let limit = limit(request.limit)?;
    let segment = match (request.segment, request.total_segments) {
        (None, None) => None,
        (Some(number), Some(total)) => Some(Segment { number, total }),
        (None, Some(_)) => {
            return Err("The Segment parameter is required but was not present in the request when parameter TotalSegments is present".to_owned().into());
        }
        (Some(_), None) => {
            return Err("The TotalSegments parameter is required but was not present in the request when Segment parameter is present".to_owned().into());
        }
    };
    let wanted = Wanted::of(&mut request)?;
    let table = call.table(&request.table_name)?;
    let index = index(&table, &request)?;
    let start = request.exclusive_start_key.clone();
    let scan = Scan { table: table.table.name.clone(), segment, limit, start };
    let selection = match index {
        Some(index) => Selection::of_index(&table.table, index, Err(&scan))?,
        None => Selection::of_scan(&table.table, &scan)?,
    };
    call.page(&request, &table, index, selection, &wanted)
}

impl Call<'_> {
    fn page(
        &self,
        request: &Request,
        table: &Definition,
        index: Option<&Index>,
        selection: Selection,
        wanted: &Wanted,
    ) -> Done<Value> {
        check_select(request, index)?;
        let (mut items, mut count, mut scanned, mut bytes) = (Vec::new(), 0, 0, 0);
        let mut last = None;
        let has_more = selection.each(self.transaction, &table.table.name, |item| {
            last = Some(last_key(table, index, &item));
            if self.has_expired(table, &item) {
                return;
            }
            scanned += 1;
            bytes += size(&item);
            let item = match index {
                Some(index) if request.select != Some(Select::AllAttributes) => {
                    projected(table, index, item)
                }
                _ => item,
            };
            if wanted.filter.as_ref().is_none_or(|filter| filter.holds(&item)) {
                count += 1;
                if request.select != Some(Select::Count) {
                    items.push(match &wanted.paths {
                        Some(paths) => project(&item, paths),
                        None => item,
                    });
                }
            }
        })?;
        let mut answer = json!({"Count": count, "ScannedCount": scanned});
        if request.select != Some(Select::Count) {
            answer["Items"] = json!(items);
        }
        if let Some(last) = last.filter(|_| has_more) {
            answer["LastEvaluatedKey"] = json!(last);
        }
        let units = Consumed::reading(bytes, request.consistent_read.unwrap_or(false));
        if let Some(capacity) = request.return_consumed_capacity.told(&request.table_name, units) {
            answer["ConsumedCapacity"] = capacity;
        }
        Ok(answer)
    }
}

fn limit(limit: Option<i64>) -> Done<Option<usize>> {
    match limit {
        Some(limit) if limit < 1 => Err(constraint(&format!(
            "Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        ))
        .into()),
        limit => Ok(limit.map(|limit| limit as usize)),
    }
}

fn index<'t>(table: &'t Definition, request: &Request) -> Done<Option<&'t Index>> {
    let Some(name) = &request.index_name else { return Ok(None) };
    let index = table.indexes.iter().find(|index| index.name() == name);
    let index = index.ok_or_else(|| {
        Failure::from(format!("The table does not have the specified index: {name}"))
    })?;
    if !index.is_local && request.consistent_read == Some(true) {
        return Err("Consistent reads are not supported on global secondary indexes"
            .to_owned()
            .into());
    }
    Ok(Some(index))
}

fn check_select(request: &Request, index: Option<&Index>) -> Done<()> {
    let has_paths = request.projection_expression.is_some();
    let problem = match request.select {
        Some(Select::SpecificAttributes) if !has_paths => {
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        }
        Some(select) if has_paths && select != Select::SpecificAttributes => {
            "Cannot specify the ProjectionExpression when choosing to get other than SPECIFIC_ATTRIBUTES"
        }
        Some(Select::AllProjectedAttributes) if index.is_none() => {
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
        }
        Some(Select::AllAttributes)
            if index.is_some_and(|it| !it.is_local && it.projection != Projection::All) =>
        {
            "Select type ALL_ATTRIBUTES is not supported for global secondary index whose projection type is not ALL"
        }
        _ => return Ok(()),
    };
    Err(format!("One or more parameter values were invalid: {problem}").into())
}

/// Where the next page goes on: the keys of the table and of the index.
fn last_key(table: &Definition, index: Option<&Index>, item: &Item) -> Item {
    let mut key = table.table.key_of(item);
    if let Some(index) = index {
        key.extend(index.keys.key_of(item));
    }
    key
}

/// What an index has of an item.
fn projected(table: &Definition, index: &Index, item: Item) -> Item {
    let kept = match &index.projection {
        Projection::All => return item,
        Projection::KeysOnly => &[][..],
        Projection::Include(names) => names,
    };
    let is_key =
        |name: &String| table.table.keys().chain(index.keys.keys()).any(|key| key.name == *name);
    item.into_iter().filter(|(name, _)| is_key(name) || kept.contains(name)).collect()
}

/// What is a key is selected by, not filtered.
fn check_filter(keys: &Table, filter: Option<&Condition>) -> Done<()> {
    let Some(filter) = filter else { return Ok(()) };
    let mut used = Vec::new();
    filter.attributes(&mut used);
    match keys.keys().find(|key| used.contains(&key.name.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
            key.name
        )
        .into()),
    }
}

type Partition = (String, AttributeValue);
type Range = Option<(String, RangeCondition)>;

/// The partition and the range that a condition on keys selects.
fn key_conditions(keys: &Table, condition: &Condition) -> Done<(Partition, Range)> {
    let mut parts = Vec::new();
    flatten(condition, &mut parts);
    let invalid =
        |problem: &str| Failure::from(format!("Invalid KeyConditionExpression: {problem}"));
    let (mut partition, mut range) = (None, None);
    for part in parts {
        let (name, selected) = key_condition(part)
            .ok_or_else(|| invalid("Invalid operator used in KeyConditionExpression"))?;
        let is_twice = if name == keys.hash.name {
            match selected {
                RangeCondition::Equal(value) => partition.replace((name, value)).is_some(),
                _ => return Err("Query key condition not supported".to_owned().into()),
            }
        } else {
            range.replace((name, selected)).is_some()
        };
        if is_twice {
            return Err(invalid("KeyConditionExpressions must only contain one condition per key"));
        }
    }
    let partition = partition.ok_or_else(|| {
        let missing = &keys.hash.name;
        Failure::from(format!("Query condition missed key schema element: {missing}"))
    })?;
    match (&range, &keys.range) {
        (Some((name, _)), Some(key)) if *name != key.name => {
            Err(format!("Query condition missed key schema element: {}", key.name).into())
        }
        (Some(_), None) => Err("Query key condition not supported".to_owned().into()),
        _ => Ok((partition, range)),
    }
}

fn flatten<'c>(condition: &'c Condition, parts: &mut Vec<&'c Condition>) {
    match condition {
        Condition::And(left, right) => {
            flatten(left, parts);
            flatten(right, parts);
        }
        other => parts.push(other),
    }
}

fn key_condition(condition: &Condition) -> Option<(String, RangeCondition)> {
    let name = |operand: &Operand| match operand {
        Operand::Path(Path(steps)) => match steps.as_slice() {
            [Step::Name(name)] => Some(name.clone()),
            _ => None,
        },
        _ => None,
    };
    let value = |operand: &Operand| match operand {
        Operand::Value(value) => Some(value.clone()),
        _ => None,
    };
    match condition {
        Condition::Compare(left, comparator, right) => {
            let (name, value, comparator) = match (name(left), value(right)) {
                (Some(name), Some(value)) => (name, value, *comparator),
                _ => (name(right)?, value(left)?, comparator.turned()),
            };
            Some((name, compared(comparator, value)?))
        }
        Condition::Between(key, low, high) => {
            Some((name(key)?, RangeCondition::Between(value(low)?, value(high)?)))
        }
        Condition::BeginsWith(key, prefix) => {
            Some((name(key)?, RangeCondition::BeginsWith(value(prefix)?)))
        }
        _ => None,
    }
}

fn compared(comparator: Comparator, value: AttributeValue) -> Option<RangeCondition> {
    Some(match comparator {
        Comparator::Equal => RangeCondition::Equal(value),
        Comparator::NotEqual => return None,
        Comparator::Below => RangeCondition::Below(value),
        Comparator::AtMost => RangeCondition::AtMost(value),
        Comparator::Above => RangeCondition::Above(value),
        Comparator::AtLeast => RangeCondition::AtLeast(value),
    })
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "Query" | "Scan" => members_of::<Request>(),
        _ => return None,
    })
}
