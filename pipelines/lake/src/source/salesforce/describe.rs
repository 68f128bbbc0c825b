//! What Salesforce tells of an object: its fields, and the columns that fit them.

use serde::Deserialize;
use stepwell_pipeline::Context;
use stepwell_tabular::{Column, ColumnType};

use super::client::Client;
use crate::source::rest::Error;

/// The widest decimal that a column can be.
const PRECISION_MAX: u8 = 38;

/// In the order in which they are preferred.
const STAMPS: [&str; 4] = ["SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime"];

/// An object.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Object {
    pub(super) name: String,
    #[serde(default)]
    pub(super) queryable: bool,
    /// Whether there is a list of deleted records.
    #[serde(default)]
    pub(super) replicateable: bool,
    pub(super) fields: Vec<Field>,
}

/// A field, as far as it matters. `nillable` does not: old records violate it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    precision: u8,
    #[serde(default)]
    scale: i8,
    #[serde(default)]
    deprecated_and_hidden: bool,
}

impl Client {
    pub(super) async fn describe(&self, object: &str, ctx: &Context) -> Result<Object, Error> {
        let path = self.path(&format!("sobjects/{object}/describe"));
        self.get(&format!("describe {object}"), &path, &[], ctx).await
    }
}

impl Object {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field that says when a record changed last.
    pub(super) fn stamp(&self) -> Option<&str> {
        let found = STAMPS.iter().find_map(|name| self.field(name));
        found.map(|field| field.name.as_str())
    }

    /// The fields that become columns by themselves: neither base64 nor compounds, whose parts are fields of their own.
    pub(super) fn plain_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.is_readable() && !field.is_compound())
    }

    /// One column for each plain field: `annual_revenue decimal(18,0) from AnnualRevenue`.
    pub(super) fn columns(&self) -> Vec<Column> {
        let column = |field: &Field| Column {
            name: column_name(&field.name),
            kind: field.column_type(),
            required: field.kind == "id",
            path: Some(field.name.clone()),
        };
        self.plain_fields().map(column).collect()
    }
}

impl Field {
    pub(super) fn is_compound(&self) -> bool {
        matches!(self.kind.as_str(), "address" | "location")
    }

    pub(super) fn is_readable(&self) -> bool {
        self.kind != "base64" && !self.deprecated_and_hidden
    }

    pub(super) fn is_whole_number(&self) -> bool {
        matches!(self.kind.as_str(), "int" | "long")
    }

    pub(super) fn is_number(&self) -> bool {
        self.is_whole_number() || matches!(self.kind.as_str(), "double" | "currency" | "percent")
    }

    /// The type that holds every value of the field exactly; the real type of `anyType` is unknown.
    fn column_type(&self) -> ColumnType {
        match self.kind.as_str() {
            "boolean" => ColumnType::Boolean,
            "int" | "long" => ColumnType::Bigint,
            "double" | "currency" | "percent" => self.decimal(),
            "date" => ColumnType::Date,
            "datetime" => ColumnType::Timestamp,
            _ => ColumnType::String,
        }
    }

    fn decimal(&self) -> ColumnType {
        match (self.precision, self.scale) {
            (0, _) => ColumnType::Decimal { precision: PRECISION_MAX, scale: 18 },
            (precision, scale) => {
                ColumnType::Decimal { precision: precision.min(PRECISION_MAX), scale }
            }
        }
    }
}

/// `AnnualRevenue` as `annual_revenue`, `Balance__c` as `balance__c`.
fn column_name(field: &str) -> String {
    let mut name = String::new();
    let mut before = '_';
    for letter in field.chars() {
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
        before = letter;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_exact() {
        let object: Object =
            serde_json::from_value(serde_json::json!({"name": "Account", "fields": [
                {"name": "Id", "type": "id"},
                {"name": "AnnualRevenue", "type": "currency", "precision": 18, "scale": 2},
                {"name": "Rate__c", "type": "double"},
                {"name": "BillingAddress", "type": "address"},
                {"name": "Logo__c", "type": "base64"},
                {"name": "NumberOfEmployees", "type": "int"},
                {"name": "SystemModstamp", "type": "datetime"},
            ]}))
            .unwrap();
        let columns: Vec<_> = object.columns().iter().map(ToString::to_string).collect();
        assert_eq!(
            columns,
            [
                "id string not null from Id",
                "annual_revenue decimal(18,2) from AnnualRevenue",
                "rate__c decimal(38,18) from Rate__c",
                "number_of_employees bigint from NumberOfEmployees",
                "system_modstamp timestamp from SystemModstamp",
            ]
        );
        assert_eq!(object.stamp(), Some("SystemModstamp"));
    }
}
