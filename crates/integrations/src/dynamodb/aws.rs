//! Tables of DynamoDB.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::value::check_item;
use super::{
    Error, Item, KeyAttribute, KeyKind, Page, Query, RangeCondition, SERVICE, Scan, Table, Tables,
    check_same_keys,
};
use crate::aws::{CallError, Connection, JsonClient};

/// Source: DynamoDB API reference, `BatchWriteItem`.
const BATCH_MAX: usize = 25;

/// Rounds for what DynamoDB did not process in time; with the pauses between them about half a minute.
const ROUNDS_MAX: u32 = 10;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A new table takes some seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const LOOKS_MAX: u32 = 600;

/// Tables of DynamoDB, in the account and region of the connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsTables {
    client: JsonClient,
    /// The keys of tables by name; a table has the same for ever.
    keys: Arc<Mutex<HashMap<String, Table>>>,
}

/// What `DescribeTable` says, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    table: Described,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    table_status: String,
    key_schema: Vec<KeyElement>,
    attribute_definitions: Vec<AttributeDefinition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: KeyKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    item: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(default)]
    items: Vec<Item>,
    last_evaluated_key: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    #[serde(default)]
    unprocessed_items: Map<String, Value>,
}

impl AwsTables {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: JsonClient::new(connection, SERVICE), keys: Arc::default() }
    }

    async fn keys(&self, table: &str) -> Result<Table, Error> {
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.describe_table(table).await?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(table.to_owned(), found.clone());
        Ok(found)
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        table: &str,
        input: &Value,
    ) -> Result<T, Error> {
        self.client.call_as(operation, input).await.map_err(|error| refused(table, error))
    }

    async fn describe(&self, table: &str) -> Result<Described, Error> {
        let input = json!({"TableName": table});
        let answer: Description = self.call("dynamodb:DescribeTable", table, &input).await?;
        Ok(answer.table)
    }

    async fn create(&self, table: &Table) -> Result<(), Error> {
        let definition =
            |key: &KeyAttribute| json!({"AttributeName": key.name, "AttributeType": key.kind});
        let element =
            |(key, kind): (&KeyAttribute, _)| json!({"AttributeName": key.name, "KeyType": kind});
        let input = json!({
            "TableName": table.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": table.keys().map(definition).collect::<Vec<_>>(),
            "KeySchema": table.keys().zip(["HASH", "RANGE"]).map(element).collect::<Vec<_>>(),
        });
        match self.client.call("dynamodb:CreateTable", &input).await {
            // Somebody else was faster.
            Err(CallError::Refused { code, .. }) if code == "ResourceInUseException" => Ok(()),
            answer => answer.map(drop).map_err(|error| refused(&table.name, error)),
        }
    }

    async fn put_with(&self, table: &str, item: &Item, condition: Value) -> Result<(), CallError> {
        let mut input = json!({"TableName": table, "Item": item});
        if let (Some(input), Value::Object(condition)) = (input.as_object_mut(), condition) {
            input.extend(condition);
        }
        self.client.call("dynamodb:PutItem", &input).await.map(drop)
    }

    /// Writes up to 25 items.
    async fn write(&self, table: &str, items: &[Item]) -> Result<(), Error> {
        let requests: Vec<_> =
            items.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
        let mut requests = Map::from_iter([(table.to_owned(), Value::Array(requests))]);
        let mut pause = PAUSE_FIRST;
        for _ in 0..ROUNDS_MAX {
            let input = json!({"RequestItems": requests});
            let answer: Written = self.call("dynamodb:BatchWriteItem", table, &input).await?;
            requests = answer.unprocessed_items;
            if requests.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        let message = "some items were not processed again and again".to_owned();
        Err(CallError::Throttled { operation: "dynamodb:BatchWriteItem", message }.into())
    }

    async fn page(
        &self,
        operation: &'static str,
        table: &str,
        input: &Value,
    ) -> Result<Page, Error> {
        let answer: Answered = self.call(operation, table, input).await?;
        Ok(Page { items: answer.items, last_key: answer.last_evaluated_key })
    }
}

#[async_trait]
impl Tables for AwsTables {
    async fn ensure_table(&self, table: &Table) -> Result<(), Error> {
        for _ in 0..LOOKS_MAX {
            match self.describe(&table.name).await {
                Ok(found) if found.table_status == "ACTIVE" || found.table_status == "UPDATING" => {
                    return check_same_keys(&found.into_table(&table.name), table);
                }
                Ok(_) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(Error::NoSuchTable { .. }) => self.create(table).await?,
                Err(error) => return Err(error),
            }
        }
        let message = "the table does not become active".to_owned();
        Err(CallError::Unavailable { operation: "dynamodb:DescribeTable", message }.into())
    }

    async fn describe_table(&self, table: &str) -> Result<Table, Error> {
        Ok(self.describe(table).await?.into_table(table))
    }

    async fn put(&self, table: &str, item: &Item) -> Result<(), Error> {
        check_item(item).map_err(Error::validation(table))?;
        self.put_with(table, item, json!({})).await.map_err(|error| refused(table, error))
    }

    async fn put_if_absent(&self, table: &str, item: &Item) -> Result<Option<Item>, Error> {
        check_item(item).map_err(Error::validation(table))?;
        let keys = self.keys(table).await?;
        let condition = json!({
            "ConditionExpression": "attribute_not_exists(#hash)",
            "ExpressionAttributeNames": {"#hash": keys.hash.name},
        });
        loop {
            match self.put_with(table, item, condition.clone()).await {
                Ok(()) => return Ok(None),
                Err(CallError::Refused { code, .. })
                    if code == "ConditionalCheckFailedException" =>
                {
                    let found = self.get(table, &keys.key_of(item)).await?;
                    // Unless it was deleted in between.
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Err(error) => return Err(refused(table, error)),
            }
        }
    }

    async fn update(&self, table: &str, key: &Item, attributes: &Item) -> Result<(), Error> {
        check_item(attributes).map_err(Error::validation(table))?;
        let mut input = json!({"TableName": table, "Key": key});
        if !attributes.is_empty() {
            let numbered = || attributes.iter().enumerate();
            let names = numbered().map(|(at, (name, _))| (format!("#a{at}"), json!(name)));
            let values = numbered().map(|(at, (_, value))| (format!(":v{at}"), json!(value)));
            let set: Vec<_> = numbered().map(|(at, _)| format!("#a{at} = :v{at}")).collect();
            input["UpdateExpression"] = format!("SET {}", set.join(", ")).into();
            input["ExpressionAttributeNames"] = Value::Object(names.collect());
            input["ExpressionAttributeValues"] = Value::Object(values.collect());
        }
        let answer = self.client.call("dynamodb:UpdateItem", &input).await;
        answer.map(drop).map_err(|error| refused(table, error))
    }

    async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, Error> {
        let input = json!({"TableName": table, "Key": key, "ConsistentRead": true});
        let answer: Found = self.call("dynamodb:GetItem", table, &input).await?;
        Ok(answer.item)
    }

    async fn batch_put(&self, table: &str, items: &[Item]) -> Result<(), Error> {
        items.iter().try_for_each(check_item).map_err(Error::validation(table))?;
        for chunk in items.chunks(BATCH_MAX) {
            self.write(table, chunk).await?;
        }
        Ok(())
    }

    async fn query(&self, query: &Query) -> Result<Page, Error> {
        let (name, value) = &query.partition;
        let mut names = Map::from_iter([("#hash".to_owned(), json!(name))]);
        let mut values = Map::from_iter([(":hash".to_owned(), json!(value))]);
        let mut condition = "#hash = :hash".to_owned();
        if let Some((name, range)) = &query.range {
            names.insert("#range".to_owned(), json!(name));
            let (text, operands) = range_condition(range);
            condition = format!("{condition} AND {text}");
            values.extend(operands);
        }
        let mut input = json!({
            "TableName": query.table,
            "ConsistentRead": true,
            "ScanIndexForward": !query.descending,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        });
        go_on(&mut input, query.limit, query.start.as_ref());
        self.page("dynamodb:Query", &query.table, &input).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        let mut input = json!({"TableName": scan.table, "ConsistentRead": true});
        if let Some(segment) = scan.segment {
            input["Segment"] = segment.number.into();
            input["TotalSegments"] = segment.total.into();
        }
        go_on(&mut input, scan.limit, scan.start.as_ref());
        self.page("dynamodb:Scan", &scan.table, &input).await
    }

    async fn delete(&self, table: &str, key: &Item) -> Result<(), Error> {
        let input = json!({"TableName": table, "Key": key});
        let answer = self.client.call("dynamodb:DeleteItem", &input).await;
        answer.map(drop).map_err(|error| refused(table, error))
    }
}

impl Described {
    fn into_table(self, name: &str) -> Table {
        let kind = |name: &str| {
            let defined = self.attribute_definitions.iter().find(|it| it.attribute_name == name);
            defined.map_or(KeyKind::S, |it| it.attribute_type)
        };
        let key = |key_type| {
            let element = self.key_schema.iter().find(|it| it.key_type == key_type)?;
            let name = element.attribute_name.clone();
            Some(KeyAttribute { kind: kind(&name), name })
        };
        let hash = key("HASH").unwrap_or_else(|| KeyAttribute::text(""));
        Table { name: name.to_owned(), hash, range: key("RANGE") }
    }
}

/// The condition on `#range`, and its values.
fn range_condition(range: &RangeCondition) -> (&'static str, Vec<(String, Value)>) {
    let (text, operands) = match range {
        RangeCondition::Equal(value) => ("#range = :a", vec![value]),
        RangeCondition::Below(value) => ("#range < :a", vec![value]),
        RangeCondition::AtMost(value) => ("#range <= :a", vec![value]),
        RangeCondition::AtLeast(value) => ("#range >= :a", vec![value]),
        RangeCondition::Above(value) => ("#range > :a", vec![value]),
        RangeCondition::Between(low, high) => ("#range BETWEEN :a AND :b", vec![low, high]),
        RangeCondition::BeginsWith(value) => ("begins_with(#range, :a)", vec![value]),
    };
    let named = [":a", ":b"].into_iter().zip(operands);
    (text, named.map(|(name, value)| (name.to_owned(), json!(value))).collect())
}

fn go_on(input: &mut Value, limit: Option<usize>, start: Option<&Item>) {
    if let Some(limit) = limit {
        input["Limit"] = limit.into();
    }
    if let Some(start) = start {
        input["ExclusiveStartKey"] = json!(start);
    }
}

/// DynamoDB has errors of its own for what is asked wrongly.
fn refused(table: &str, error: CallError) -> Error {
    match error {
        CallError::Refused { code, message, .. } if code == "ValidationException" => {
            Error::Validation { table: table.to_owned(), message }
        }
        CallError::Refused { code, .. } if code == "ResourceNotFoundException" => {
            Error::NoSuchTable { table: table.to_owned() }
        }
        other => other.into(),
    }
}
