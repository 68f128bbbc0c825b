//! Why queries fail: Trino's names, codes and types of errors.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Source: Trino, `StandardErrorCode`.
const CODES: &[(&str, u32)] = &[
    ("GENERIC_USER_ERROR", 0),
    ("SYNTAX_ERROR", 1),
    ("ABANDONED_QUERY", 2),
    ("USER_CANCELED", 3),
    ("PERMISSION_DENIED", 4),
    ("NOT_FOUND", 5),
    ("INVALID_VIEW", 11),
    ("ALREADY_EXISTS", 12),
    ("NOT_SUPPORTED", 13),
    ("TRANSACTION_CONFLICT", 17),
    ("QUERY_REJECTED", 31),
    ("SCHEMA_NOT_EMPTY", 34),
    ("QUERY_TEXT_TOO_LARGE", 35),
    ("ADMINISTRATIVELY_KILLED", 38),
    ("CATALOG_NOT_FOUND", 44),
    ("SCHEMA_NOT_FOUND", 45),
    ("TABLE_NOT_FOUND", 46),
    ("COLUMN_NOT_FOUND", 47),
    ("SCHEMA_ALREADY_EXISTS", 49),
    ("TABLE_ALREADY_EXISTS", 50),
    ("DUPLICATE_COLUMN_NAME", 54),
    ("MISSING_CATALOG_NAME", 56),
    ("MISSING_SCHEMA_NAME", 57),
    ("VIEW_IS_STALE", 81),
    ("VIEW_IS_RECURSIVE", 82),
    ("GENERIC_INTERNAL_ERROR", 65_536),
    ("NO_NODES_AVAILABLE", 65_541),
    ("SERVER_SHUTTING_DOWN", 65_545),
    ("SERVER_STARTING_UP", 65_548),
    ("REMOTE_HOST_GONE", 65_558),
    ("QUERY_QUEUE_FULL", 131_074),
    ("EXCEEDED_TIME_LIMIT", 131_075),
];

/// Connectors have codes of their own from here on.
const FIRST_EXTERNAL: u32 = 0x0100_0000;

/// Line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The line.
    pub line_number: u32,
    /// The column.
    pub column_number: u32,
}

impl Location {
    /// The place of a byte.
    pub(crate) fn of(sql: &str, byte: usize) -> Self {
        let before = &sql[..byte];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line_number: before.matches('\n').count() as u32 + 1,
            column_number: line.chars().count() as u32 + 1,
        }
    }
}

/// Why a query fails: `{"name": "PERMISSION_DENIED", "message": "..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryError {
    /// Trino's name; a name that Trino does not know is that of a connector, and external.
    pub name: String,
    /// What it says, without the place.
    #[serde(default)]
    pub message: String,
    /// The place in the statement.
    #[serde(default)]
    pub location: Option<Location>,
}

impl QueryError {
    /// An error of this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), message: name.to_lowercase(), location: None }
    }

    /// With this message.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    #[must_use]
    pub(crate) fn at(self, location: Location) -> Self {
        Self { location: Some(location), ..self }
    }

    pub(crate) fn syntax(message: impl Into<String>, location: Location) -> Self {
        Self::new("SYNTAX_ERROR").message(message).at(location)
    }

    pub(crate) fn not_supported(message: impl Into<String>) -> Self {
        Self::new("NOT_SUPPORTED").message(message)
    }

    /// With the place in a text that holds the one that was read, from this place on.
    #[must_use]
    pub(crate) fn within(self, start: Location) -> Self {
        let location = self.location.map(|inner| match inner.line_number {
            1 => Location {
                line_number: start.line_number,
                column_number: start.column_number + inner.column_number - 1,
            },
            line => Location { line_number: start.line_number + line - 1, ..inner },
        });
        Self { location, ..self }
    }

    fn code(&self) -> u32 {
        CODES.iter().find(|(name, _)| *name == self.name).map_or(FIRST_EXTERNAL, |(_, code)| *code)
    }

    /// As clients get it: the place is in front of the message.
    pub(crate) fn full_message(&self) -> String {
        match self.location {
            Some(Location { line_number, column_number }) => {
                format!("line {line_number}:{column_number}: {}", self.message)
            }
            None => self.message.clone(),
        }
    }

    /// `{"message": "...", "errorCode": 46, "errorName": "TABLE_NOT_FOUND", "errorType": "USER_ERROR", ...}`
    pub(crate) fn to_json(&self) -> Value {
        let code = self.code();
        let message = self.full_message();
        let mut error = json!({
            "message": message,
            "errorCode": code,
            "errorName": self.name,
            "errorType": error_type(code),
            "failureInfo": {
                "type": "io.trino.spi.TrinoException",
                "message": message,
                "stack": [],
                "suppressed": [],
            },
        });
        if let Some(location) = self.location {
            error["errorLocation"] = json!(location);
        }
        error
    }
}

fn error_type(code: u32) -> &'static str {
    match code {
        0..65_536 => "USER_ERROR",
        65_536..131_072 => "INTERNAL_ERROR",
        131_072..FIRST_EXTERNAL => "INSUFFICIENT_RESOURCES",
        FIRST_EXTERNAL.. => "EXTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_code_type_and_place() {
        let location = Location::of("SELECT 1\n  FROM x", 16);
        let error =
            QueryError::new("TABLE_NOT_FOUND").message("Table 'x' does not exist").at(location);
        let json = error.to_json();
        assert_eq!(json["message"], "line 2:8: Table 'x' does not exist");
        assert_eq!((&json["errorCode"], &json["errorType"]), (&json!(46), &json!("USER_ERROR")));
        assert_eq!(QueryError::new("HIVE_METASTORE_ERROR").to_json()["errorType"], "EXTERNAL");
        assert_eq!(
            QueryError::new("QUERY_QUEUE_FULL").to_json()["errorType"],
            "INSUFFICIENT_RESOURCES"
        );
    }
}
