//! The catalog of Glue.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::embedded::{no_database, no_partition, no_table};
use super::{Catalog, Error, Partition, SERVICE, Table, check_name, check_table, check_values};
use crate::aws::{CallError, Connection, JsonClient};

/// Of one call. Source: Glue API reference, `BatchCreatePartition`, `BatchDeletePartition`.
const CREATE_MAX: usize = 100;
const DELETE_MAX: usize = 25;

/// The catalog of Glue, in the account and region of the connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsCatalog {
    client: JsonClient,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FoundTable {
    table: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tables {
    #[serde(default)]
    table_list: Vec<Named>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Partitions {
    #[serde(default)]
    partitions: Vec<Partition>,
    next_token: Option<String>,
}

/// Of a batch, in an answer that is good otherwise.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    #[serde(default)]
    errors: Vec<PartitionError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionError {
    partition_values: Vec<String>,
    error_detail: ErrorDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorDetail {
    error_code: String,
    error_message: Option<String>,
}

impl AwsCatalog {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: JsonClient::new(connection, SERVICE) }
    }

    async fn send(&self, operation: &'static str, input: &Value) -> Result<(), CallError> {
        self.client.call(operation, input).await.map(drop)
    }
}

#[async_trait]
impl Catalog for AwsCatalog {
    async fn ensure_database(&self, database: &str) -> Result<(), Error> {
        check_name(database)?;
        // Looked for first: making one may not be allowed where it is there.
        let input = json!({"Name": database});
        match self.send("glue:GetDatabase", &input).await {
            Err(CallError::Refused { code, .. }) if code == "EntityNotFoundException" => {}
            found => return found.map_err(Error::from),
        }
        let input = json!({"DatabaseInput": {"Name": database}});
        match self.send("glue:CreateDatabase", &input).await {
            // Somebody else was faster.
            Err(CallError::Refused { code, .. }) if code == "AlreadyExistsException" => Ok(()),
            answer => answer.map_err(|error| refused(error, no_database(database))),
        }
    }

    async fn get_table(&self, database: &str, table: &str) -> Result<Option<Table>, Error> {
        let input = json!({"DatabaseName": database, "Name": table});
        let found: Result<FoundTable, _> = self.client.call_as("glue:GetTable", &input).await;
        match found {
            Ok(found) => Ok(Some(found.table)),
            Err(CallError::Refused { code, .. }) if code == "EntityNotFoundException" => {
                // The database may be what is missing.
                let input = json!({"Name": database});
                let found = self.send("glue:GetDatabase", &input).await;
                found.map(|()| None).map_err(|error| refused(error, no_database(database)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn list_tables(&self, database: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let mut input = json!({"DatabaseName": database});
        loop {
            let page: Result<Tables, _> = self.client.call_as("glue:GetTables", &input).await;
            let page = page.map_err(|error| refused(error, no_database(database)))?;
            names.extend(page.table_list.into_iter().map(|table| table.name));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => input["NextToken"] = json!(token),
                None => break,
            }
        }
        names.sort();
        Ok(names)
    }

    async fn create_table(&self, database: &str, table: &Table) -> Result<(), Error> {
        check_table(table)?;
        let input = json!({"DatabaseName": database, "TableInput": table});
        let answer = self.send("glue:CreateTable", &input).await;
        answer.map_err(|error| match error {
            CallError::Refused { code, .. } if code == "AlreadyExistsException" => {
                Error::AlreadyExists { table: table.name.clone() }
            }
            error => refused(error, no_database(database)),
        })
    }

    async fn update_table(&self, database: &str, table: &Table) -> Result<(), Error> {
        check_table(table)?;
        let input = json!({"DatabaseName": database, "TableInput": table, "SkipArchive": true});
        let answer = self.send("glue:UpdateTable", &input).await;
        answer.map_err(|error| refused(error, no_table(&table.name)))
    }

    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>, Error> {
        let mut partitions = Vec::new();
        let mut input = json!({"DatabaseName": database, "TableName": table});
        loop {
            let page: Result<Partitions, _> =
                self.client.call_as("glue:GetPartitions", &input).await;
            let page = page.map_err(|error| refused(error, no_table(table)))?;
            partitions.extend(page.partitions);
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => input["NextToken"] = json!(token),
                None => break,
            }
        }
        partitions.sort_by(|a, b| a.values.cmp(&b.values));
        Ok(partitions)
    }

    async fn create_partitions(
        &self,
        database: &str,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<Vec<String>>, Error> {
        let keys = self.get_table(database, table).await?.ok_or_else(|| no_table(table))?;
        partitions.iter().try_for_each(|it| check_values(&keys, &it.values))?;
        let mut existing = Vec::new();
        for chunk in partitions.chunks(CREATE_MAX) {
            let input = json!({
                "DatabaseName": database, "TableName": table, "PartitionInputList": chunk
            });
            let answer: Result<Batch, _> =
                self.client.call_as("glue:BatchCreatePartition", &input).await;
            let answer = answer.map_err(|error| refused(error, no_table(table)))?;
            for error in answer.errors {
                if error.error_detail.error_code != "AlreadyExistsException" {
                    return Err(error.into_error("glue:BatchCreatePartition", table));
                }
                existing.push(error.partition_values);
            }
        }
        Ok(existing)
    }

    async fn update_partition(
        &self,
        database: &str,
        table: &str,
        partition: &Partition,
    ) -> Result<(), Error> {
        let input = json!({
            "DatabaseName": database, "TableName": table,
            "PartitionValueList": partition.values, "PartitionInput": partition
        });
        let answer = self.send("glue:UpdatePartition", &input).await;
        answer.map_err(|error| refused(error, no_partition(table, &partition.values)))
    }

    async fn delete_partitions(
        &self,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> Result<(), Error> {
        for chunk in values.chunks(DELETE_MAX) {
            let list: Vec<_> = chunk.iter().map(|values| json!({"Values": values})).collect();
            let input = json!({
                "DatabaseName": database, "TableName": table, "PartitionsToDelete": list
            });
            let answer: Result<Batch, _> =
                self.client.call_as("glue:BatchDeletePartition", &input).await;
            let answer = answer.map_err(|error| refused(error, no_table(table)))?;
            let is_missing =
                |it: &PartitionError| it.error_detail.error_code == "EntityNotFoundException";
            if let Some(error) = answer.errors.into_iter().find(|it| !is_missing(it)) {
                return Err(error.into_error("glue:BatchDeletePartition", table));
            }
        }
        Ok(())
    }
}

impl PartitionError {
    fn into_error(self, operation: &'static str, table: &str) -> Error {
        let ErrorDetail { error_code: code, error_message } = self.error_detail;
        let message = error_message.unwrap_or_default();
        refused(
            CallError::Refused { operation, code, message },
            no_partition(table, &self.partition_values),
        )
    }
}

/// Glue's own errors; `missing` is what is not there.
fn refused(error: CallError, missing: Error) -> Error {
    let CallError::Refused { operation, code, message } = error else { return error.into() };
    match code.as_str() {
        "EntityNotFoundException" => missing,
        "InvalidInputException" | "ValidationException" => Error::Invalid { message },
        "ConcurrentModificationException" => match missing {
            Error::NotFound { entity } => Error::Concurrent { entity },
            other => other,
        },
        // Glue's own trouble, with a status of the caller's.
        "OperationTimeoutException" | "InternalServiceException" => {
            CallError::Unavailable { operation, message }.into()
        }
        _ => CallError::Refused { operation, code, message }.into(),
    }
}
