//! DynamoDB over the file that embedded tables are: its actions, with expressions, indexes and transactions.
//!
//! ```text
//!   Service::call("PutItem", {..}) --> items, reads, batches, transactions, tables --> one transaction of SQLite
//!                                          \--> expression: conditions, updates, projections
//! ```
//!
//! Every action is one transaction: what it changed is on disk when it answers, or nothing has changed. Reads are consistent.
//! Members of the time before expressions (`Expected`, `KeyConditions` ..) become expressions; what is not here is refused by name.
//! An item whose time to live is over is gone at once, where AWS takes up to a few days.

mod batches;
mod items;
mod legacy;
mod reads;
mod tables;
mod transactions;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Transaction;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::embedded::{Definition, EmbeddedTables};
use super::expression::{Parser, path};
use super::{AttributeValue, Error, Item};
use crate::Clock;
use crate::members::Members;
use crate::service::{
    Conventions, Facts, Optimised, Origin, Place, Protocol, Service, without_nulls,
};

/// What DynamoDB is called where.
pub const FACTS: Facts = Facts {
    name: "dynamodb",
    error_prefix: "DynamoDB",
    legacy_name: "AmazonDynamoDBv2",
    sdk_name: "DynamoDb",
    protocol: Protocol::Json {
        target_prefix: super::SERVICE.target_prefix,
        version: super::SERVICE.json_version,
        error_namespace: "com.amazonaws.dynamodb.v20120810",
    },
    actions: &[
        "BatchGetItem",
        "BatchWriteItem",
        "CreateTable",
        "DeleteItem",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "ListTables",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
        "UpdateTimeToLive",
    ],
    optimised: &[
        Optimised {
            action: "GetItem",
            parameters: &[
                "AttributesToGet",
                "ConsistentRead",
                "ExpressionAttributeNames",
                "Key",
                "ProjectionExpression",
                "ReturnConsumedCapacity",
                "TableName",
            ],
            required: &["Key", "TableName"],
            has_metadata: true,
        },
        Optimised {
            action: "PutItem",
            parameters: &[
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Item",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "TableName",
            ],
            required: &["Item", "TableName"],
            has_metadata: true,
        },
        Optimised {
            action: "UpdateItem",
            parameters: &[
                "AttributeUpdates",
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Key",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "TableName",
                "UpdateExpression",
            ],
            required: &["Key", "TableName"],
            has_metadata: true,
        },
        Optimised {
            action: "DeleteItem",
            parameters: &[
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Key",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "TableName",
            ],
            required: &["Key", "TableName"],
            has_metadata: true,
        },
    ],
    members,
    modelled_errors: &[
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "ItemCollectionSizeLimitExceededException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ResourceInUseException",
        "ResourceNotFoundException",
        "TransactionCanceledException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ],
    conventions: Conventions {
        tells_attempts: false,
        base_exception: Some("AmazonDynamoDBException"),
        names_server: true,
        ..Conventions::USUAL
    },
};

/// DynamoDB over the file of embedded tables. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedDynamoDb {
    tables: EmbeddedTables,
    place: Place,
    clock: Clock,
}

impl std::fmt::Debug for EmbeddedDynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedDynamoDb").field("place", &self.place).finish_non_exhaustive()
    }
}

impl EmbeddedDynamoDb {
    /// Opens the file of [`EmbeddedTables`], or makes it.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(path: &Path, place: Place, clock: Clock) -> Result<Self, Error> {
        Ok(Self { tables: EmbeddedTables::open(path)?, place, clock })
    }
}

#[async_trait]
impl Service for EmbeddedDynamoDb {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        let perform: fn(&Call<'_>, Value) -> Done<Value> = match action {
            "BatchGetItem" => batches::get,
            "BatchWriteItem" => batches::write,
            "CreateTable" => tables::create,
            "DeleteItem" => items::delete,
            "DeleteTable" => tables::delete,
            "DescribeTable" => tables::describe,
            "DescribeTimeToLive" => tables::describe_time_to_live,
            "GetItem" => items::get,
            "ListTables" => tables::list,
            "PutItem" => items::put,
            "Query" => reads::query,
            "Scan" => reads::scan,
            "TransactGetItems" => transactions::get,
            "TransactWriteItems" => transactions::write,
            "UpdateItem" => items::update,
            "UpdateTimeToLive" => tables::update_time_to_live,
            other => return Err(ServiceError::unsupported("dynamodb", other)),
        };
        let (place, now) = (self.place.clone(), (self.clock)());
        let older = legacy::members(action);
        let work = move |transaction: &Transaction<'_>| {
            let call = Call { transaction, place: &place, now };
            let input = legacy::with_expressions(older, without_nulls(input));
            match input.and_then(|input| perform(&call, input)) {
                Ok(answer) => Ok(Ok(answer)),
                Err(Failure::Refused(error)) => Ok(Err(error)),
                Err(Failure::Sql(error)) => Err(error),
            }
        };
        if READING.contains(&action) {
            self.tables.database.read(work).await
        } else {
            self.tables.database.change(work).await
        }
    }
}

/// What only reads: it waits for nobody who writes.
const READING: &[&str] = &[
    "BatchGetItem",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTables",
    "Query",
    "Scan",
    "TransactGetItems",
];

/// One call, in its transaction.
struct Call<'c> {
    transaction: &'c Transaction<'c>,
    place: &'c Place,
    now: Timestamp,
}

/// Why a call fails: nothing has changed then.
enum Failure {
    Sql(rusqlite::Error),
    Refused(ServiceError),
}

type Done<T> = Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Refused(error)
    }
}

/// What DynamoDB says to a request that it does not take.
impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Refused(ServiceError::sender("ValidationException", message))
    }
}

impl Call<'_> {
    /// The table that a request names, by name or ARN.
    fn table(&self, given: &str) -> Done<Definition> {
        let name = self.table_name(given)?;
        let found = Definition::find(self.transaction, name)?;
        found.ok_or_else(|| not_found("Requested resource not found").into())
    }

    fn table_name<'n>(&self, given: &'n str) -> Done<&'n str> {
        let prefix = self.place.arn("dynamodb", "table/");
        let name = given.strip_prefix(&prefix).unwrap_or(given);
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let problem = if !name.chars().all(is_allowed) {
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        } else if name.len() < 3 {
            "Member must have length greater than or equal to 3"
        } else if name.len() > 255 {
            "Member must have length less than or equal to 255"
        } else {
            return Ok(name);
        };
        Err(constraint(&format!(
            "Value '{given}' at 'tableName' failed to satisfy constraint: {problem}"
        ))
        .into())
    }

    /// Whether the time to live of an item is over.
    fn has_expired(&self, table: &Definition, item: &Item) -> bool {
        let value = table.time_to_live.as_ref().and_then(|name| item.get(name));
        let Some(AttributeValue::N(second)) = value else { return false };
        second.parse::<f64>().is_ok_and(|second| second <= self.now.as_second() as f64)
    }
}

fn not_found(message: &str) -> ServiceError {
    ServiceError::sender("ResourceNotFoundException", message)
}

/// A member that breaks what the service model says of it.
fn constraint(problem: &str) -> String {
    format!("1 validation error detected: {problem}")
}

/// Reads the members of a request: first those that must be there, then all, each of which must be known.
fn read<T: DeserializeOwned>(input: Value, required: &[&str]) -> Done<T> {
    let missing: Vec<_> = required.iter().filter(|name| input[**name].is_null()).collect();
    if !missing.is_empty() {
        let problem = |name: &&&str| {
            let name = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
            format!("Value null at '{name}' failed to satisfy constraint: Member must not be null")
        };
        let problems: Vec<_> = missing.iter().map(problem).collect();
        let plural = if problems.len() == 1 { "error" } else { "errors" };
        let count = problems.len();
        return Err(format!("{count} validation {plural} detected: {}", problems.join("; ")).into());
    }
    crate::service::read(input).map_err(Failure::from)
}

type Names = Option<BTreeMap<String, String>>;

/// Reads a `ProjectionExpression`.
fn projection(
    text: Option<&str>,
    placeholders: &super::expression::Placeholders,
) -> Done<Option<Vec<path::Path>>> {
    let Some(text) = text else { return Ok(None) };
    let paths = Parser::read("ProjectionExpression", text, placeholders, |parser| {
        let paths = parser.list(Parser::path)?;
        path::check_apart(&paths.iter().collect::<Vec<_>>())?;
        Ok(paths)
    })?;
    Ok(Some(paths))
}

/// What a call is told to cost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Consumed {
    Indexes,
    Total,
    #[default]
    None,
}

impl Consumed {
    /// Bytes of one unit. Source: Developer Guide, "Read and write operations".
    const READ_BYTES: usize = 4096;
    const WRITE_BYTES: usize = 1024;

    fn reading(bytes: usize, is_consistent: bool) -> f64 {
        let units = bytes.div_ceil(Self::READ_BYTES).max(1) as f64;
        if is_consistent { units } else { units / 2.0 }
    }

    fn writing(bytes: usize) -> f64 {
        bytes.div_ceil(Self::WRITE_BYTES).max(1) as f64
    }

    fn told(self, table: &str, units: f64) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Total => Some(json!({"TableName": table, "CapacityUnits": units})),
            Self::Indexes => Some(json!({
                "TableName": table, "CapacityUnits": units, "Table": {"CapacityUnits": units},
            })),
        }
    }
}

/// `ReturnItemCollectionMetrics`: nothing is told of collections.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Metrics {
    #[default]
    None,
}

/// The members of its actions, those of older code included.
fn members(action: &str) -> Option<Members> {
    let parts =
        [items::members, reads::members, tables::members, batches::members, transactions::members];
    let mut members = parts.iter().find_map(|members| members(action))?;
    members.extend(legacy::members(action));
    Some(members)
}
