//! A table's schema as the service describes it: the three sections `meta`, `key` and `value`.
//!
//! The keyword set is closed (the official client refuses any other), nullability is absence from `required`, and there is no `null`
//! type.

use serde_json::{Map, Value, json};

use super::column::{Column, Field, Kind, OVERSIZED, TableSchema};

/// How two types are written for which the documentation and the official client (2.3.1, PostgreSQL) disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SchemaForm {
    /// Free-form JSON is an object with an empty list of properties, and an open enumeration lists nothing but the sentinel. The
    /// client makes tables of these.
    #[default]
    Loadable,
    /// Free-form JSON is an object without `properties`, and an open enumeration lists the values that are known. The client reads
    /// these schemas, but fails to make tables of them: a name that it cannot resolve, and a type that exists already.
    Documented,
}

/// The body of `GET .../schema`: `{"version": 1, "schema": {...}}`.
pub(crate) fn describe(schema: &TableSchema, form: SchemaForm) -> Value {
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.title,
        "type": "object",
        "properties": {
            "meta": meta(),
            "key": section(std::slice::from_ref(&schema.key), form),
        },
        "additionalProperties": false,
        "required": ["key"],
    });
    if !schema.columns.is_empty() {
        document["properties"]["value"] = section(&schema.columns, form);
    }
    json!({"version": schema.version, "schema": document})
}

fn meta() -> Value {
    json!({
        "type": "object",
        "properties": {
            "ts": {"type": "string", "format": "date-time"},
            "action": {"type": "string", "enum": ["U", "D"]},
        },
        "additionalProperties": false,
        "required": ["ts"],
    })
}

fn section(columns: &[Column], form: SchemaForm) -> Value {
    let properties: Map<String, Value> =
        columns.iter().map(|column| (column.name.clone(), property(column, form))).collect();
    let required: Vec<&str> = columns
        .iter()
        .filter(|column| column.required)
        .map(|column| column.name.as_str())
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false, "required": required})
}

fn property(column: &Column, form: SchemaForm) -> Value {
    let mut property = of_kind(&column.kind, form);
    if let Some(description) = &column.description {
        property["description"] = Value::from(description.as_str());
    }
    if let Some(default) = &column.default {
        property["default"] = default.clone();
    }
    property
}

fn of_kind(kind: &Kind, form: SchemaForm) -> Value {
    match kind {
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Int16 => json!({"type": "integer", "format": "int16"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Float32 => json!({"type": "number", "format": "float32"}),
        Kind::Float64 => json!({"type": "number", "format": "float64"}),
        Kind::Number => json!({"type": "number"}),
        Kind::Decimal { precision, scale } => decimal(*precision, *scale),
        Kind::Text { max_length } => bounded_text(*max_length),
        Kind::Oversizable { max_length } => {
            json!({"oneOf": [{"type": "string", "const": OVERSIZED}, bounded_text(*max_length)]})
        }
        Kind::Timestamp => formatted("date-time"),
        Kind::Date => formatted("date"),
        Kind::Time => formatted("time"),
        Kind::Duration => formatted("duration"),
        Kind::Uuid => formatted("uuid"),
        Kind::Ipv4 => formatted("ipv4"),
        Kind::Ipv6 => formatted("ipv6"),
        Kind::Inet => json!({"oneOf": [formatted("ipv4"), formatted("ipv6")]}),
        Kind::Enum(values) => json!({"type": "string", "enum": values}),
        Kind::IntEnum(values) => json!({"type": "integer", "enum": values}),
        Kind::OpenEnum(values) => open_enum(values, form),
        Kind::Array(item) => json!({"type": "array", "items": of_kind(item, form)}),
        Kind::Object(fields) => nested(fields, form),
        Kind::Json => free_json(form),
    }
}

fn open_enum(values: &[String], form: SchemaForm) -> Value {
    let listed = match form {
        SchemaForm::Loadable => &values[..1],
        SchemaForm::Documented => values,
    };
    json!({"oneOf": [{"type": "string", "enum": listed}, {"type": "string"}]})
}

fn free_json(form: SchemaForm) -> Value {
    match form {
        SchemaForm::Loadable => nested(&[], form),
        SchemaForm::Documented => json!({"type": "object"}),
    }
}

fn formatted(format: &str) -> Value {
    json!({"type": "string", "format": format})
}

fn bounded_text(max_length: Option<usize>) -> Value {
    match max_length {
        Some(max) => json!({"type": "string", "maxLength": max}),
        None => json!({"type": "string"}),
    }
}

/// A decimal is a number that is a multiple of its last place within symmetric bounds.
fn decimal(precision: u32, scale: u32) -> Value {
    let bound = 10_f64.powi((precision - scale) as i32);
    json!({
        "type": "number",
        "multipleOf": 10_f64.powi(-(scale as i32)),
        "exclusiveMinimum": -bound,
        "exclusiveMaximum": bound,
    })
}

fn nested(fields: &[Field], form: SchemaForm) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.clone(), of_kind(&field.kind, form))).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}
