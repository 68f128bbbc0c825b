//! Reads the JSON Schema that DAP sends for a table.
//!
//! Two forms are read: the present one with the sections `meta`, `key` and `value`, and the old flat one,
//! whose first property is the key. The set of keywords is closed: a keyword that is not understood could
//! change what a value means, so it is an error that names the column.
//!
//! Source: DAP Query API, table schema; DAP data types.

use serde_json::{Map, Value};

use super::{Column, ColumnType, TableSchema};

/// Every keyword that may stand anywhere in a schema document.
const KEYWORDS: [&str; 23] = [
    "$schema",
    "$ref",
    "additionalProperties",
    "const",
    "default",
    "definitions",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "multipleOf",
    "oneOf",
    "properties",
    "required",
    "title",
    "type",
];

/// A `$ref` that leads to itself ends here.
const REFERENCE_DEPTH_MAX: usize = 16;

/// The precision of a decimal whose bounds are not told: more than any source value needs.
const PRECISION_UNTOLD: u32 = 38;

/// Why a schema document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schema of {table} has {problem} at `{place}`; this version of stepwell cannot read it"
)]
pub struct SchemaError {
    /// For instance `canvas.users`.
    pub table: String,
    /// For instance `value.score`.
    pub place: String,
    /// For instance "the unknown keyword `pattern`".
    pub problem: String,
}

/// Reads the schema document of one table at one version.
///
/// # Errors
/// [`SchemaError`], with the column.
pub fn parse(
    namespace: &str,
    table: &str,
    version: i64,
    document: Value,
) -> Result<TableSchema, SchemaError> {
    let columns = columns(&document).map_err(|Misread { place, problem }| SchemaError {
        table: format!("{namespace}.{table}"),
        place,
        problem,
    })?;
    Ok(TableSchema {
        namespace: namespace.to_owned(),
        table: table.to_owned(),
        version,
        title: text(&document, "title"),
        description: text(&document, "description"),
        columns,
        document,
    })
}

/// A [`SchemaError`] that does not know its table yet.
struct Misread {
    place: String,
    problem: String,
}

fn misread<T>(place: &str, problem: impl Into<String>) -> Result<T, Misread> {
    Err(Misread { place: place.to_owned(), problem: problem.into() })
}

fn columns(document: &Value) -> Result<Vec<Column>, Misread> {
    let Some(properties) = document.get("properties").and_then(Value::as_object) else {
        return misread("properties", "no columns");
    };
    check_keywords("schema", document)?;
    let reader = Reader { document };
    if is_section(properties.get("key")) {
        let mut columns = reader.section("key", &properties["key"], true)?;
        if columns.is_empty() {
            return misread("key", "no key column");
        }
        if let Some(value) = properties.get("value") {
            columns.extend(reader.section("value", value, false)?);
        }
        Ok(columns)
    } else {
        reader.flat(document)
    }
}

/// A column of the flat form may be called `key`, too, but is no object with properties then.
fn is_section(key: Option<&Value>) -> bool {
    key.is_some_and(|key| key.get("properties").is_some())
}

/// Reads types; knows where `$ref` leads.
struct Reader<'a> {
    document: &'a Value,
}

impl Reader<'_> {
    fn section(&self, name: &str, section: &Value, key: bool) -> Result<Vec<Column>, Misread> {
        check_keywords(name, section)?;
        let empty = Map::new();
        let properties = section.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        properties
            .iter()
            .map(|(column, property)| {
                let place = format!("{name}.{column}");
                self.column(&place, column, property, key, is_required(section, column))
            })
            .collect()
    }

    /// The first property is the key. Files of either form name it `key.<name>`.
    fn flat(&self, document: &Value) -> Result<Vec<Column>, Misread> {
        let mut columns = self.section("properties", document, false)?;
        let Some(key) = columns.first_mut() else { return misread("properties", "no columns") };
        key.key = true;
        Ok(columns)
    }

    fn column(
        &self,
        place: &str,
        name: &str,
        property: &Value,
        key: bool,
        required: bool,
    ) -> Result<Column, Misread> {
        Ok(Column {
            name: name.to_owned(),
            key,
            ty: self.column_type(place, property, 0)?,
            required,
            default: property.get("default").filter(|default| !default.is_null()).cloned(),
            description: text(property, "title").or_else(|| text(property, "description")),
        })
    }

    fn column_type(
        &self,
        place: &str,
        property: &Value,
        depth: usize,
    ) -> Result<ColumnType, Misread> {
        check_keywords(place, property)?;
        if let Some(reference) = property.get("$ref") {
            return self.referenced(place, reference, depth);
        }
        if let Some(variants) = property.get("oneOf") {
            return self.union(place, variants, depth);
        }
        match property.get("type").and_then(Value::as_str) {
            Some("boolean") => Ok(ColumnType::Boolean),
            Some("integer") => integer(place, property),
            Some("number") => number(place, property),
            Some("string") => Ok(string(property)),
            Some("array") => self.array(place, property, depth),
            Some("object") => Ok(ColumnType::Json),
            Some(other) => misread(place, format!("the unknown type `{other}`")),
            None => misread(place, "no type"),
        }
    }

    fn referenced(
        &self,
        place: &str,
        reference: &Value,
        depth: usize,
    ) -> Result<ColumnType, Misread> {
        let target = reference
            .as_str()
            .and_then(|text| text.strip_prefix('#'))
            .and_then(|pointer| self.document.pointer(pointer));
        match target {
            Some(target) if depth < REFERENCE_DEPTH_MAX => {
                self.column_type(place, target, depth + 1)
            }
            Some(_) => misread(place, format!("the circular reference {reference}")),
            None => misread(place, format!("the reference {reference}, which leads nowhere,")),
        }
    }

    /// Arrays of scalars keep their type; anything deeper is JSON.
    fn array(&self, place: &str, property: &Value, depth: usize) -> Result<ColumnType, Misread> {
        let Some(items) = property.get("items") else { return Ok(ColumnType::Json) };
        match self.column_type(&format!("{place}[]"), items, depth + 1)? {
            ColumnType::Json | ColumnType::Array(_) => Ok(ColumnType::Json),
            scalar => Ok(ColumnType::Array(Box::new(scalar))),
        }
    }

    /// The constants of a union (`__dap_oversized_truncated__`) are texts like any other.
    fn union(&self, place: &str, variants: &Value, depth: usize) -> Result<ColumnType, Misread> {
        let mut types = Vec::new();
        for variant in variants.as_array().into_iter().flatten() {
            if variant.get("const").is_some() {
                check_keywords(place, variant)?;
                continue;
            }
            let ty = self.column_type(place, variant, depth + 1)?;
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        join(types)
            .map_or_else(|| misread(place, "a union of types that have nothing in common"), Ok)
    }
}

/// The one type that holds the values of all these types, if there is one.
fn join(types: Vec<ColumnType>) -> Option<ColumnType> {
    types
        .into_iter()
        .map(Some)
        .reduce(|left, right| join_two(left?, right?))
        .unwrap_or(Some(ColumnType::Text { max_length: None }))
}

fn join_two(left: ColumnType, right: ColumnType) -> Option<ColumnType> {
    use ColumnType::{Enum, OpenEnum, Text};
    match (left, right) {
        (left, right) if left == right => Some(left),
        (Enum { values }, Text { max_length }) | (Text { max_length }, Enum { values }) => {
            Some(OpenEnum { values, max_length })
        }
        (Text { max_length: left }, Text { max_length: right }) => {
            Some(Text { max_length: left.zip(right).map(|(left, right)| left.max(right)) })
        }
        (left, right) if is_text(&left) && is_text(&right) => Some(Text { max_length: None }),
        _ => None,
    }
}

/// Types whose values stand in JSON as strings: any two of them can be held as text.
fn is_text(ty: &ColumnType) -> bool {
    use ColumnType as T;
    match ty {
        T::Text { .. }
        | T::Timestamp
        | T::Date
        | T::Time
        | T::Duration
        | T::Uuid
        | T::Inet
        | T::Enum { .. }
        | T::OpenEnum { .. } => true,
        T::Boolean
        | T::Int16
        | T::Int32
        | T::Int64
        | T::Float32
        | T::Float64
        | T::Decimal { .. }
        | T::Array(_)
        | T::Json => false,
    }
}

fn integer(place: &str, property: &Value) -> Result<ColumnType, Misread> {
    match property.get("format").and_then(Value::as_str) {
        Some("int16") => Ok(ColumnType::Int16),
        Some("int32") => Ok(ColumnType::Int32),
        Some("int64") => Ok(ColumnType::Int64),
        Some(other) => misread(place, format!("the unknown integer format `{other}`")),
        None => Ok(bounds(property).map_or(ColumnType::Int64, fitting)),
    }
}

/// The smallest and the largest value that an integer without a format may have.
fn bounds(property: &Value) -> Option<(i64, i64)> {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        let values: Option<Vec<i64>> = values.iter().map(Value::as_i64).collect();
        let values = values?;
        return Some((*values.iter().min()?, *values.iter().max()?));
    }
    Some((property.get("minimum")?.as_i64()?, property.get("maximum")?.as_i64()?))
}

fn fitting((min, max): (i64, i64)) -> ColumnType {
    let fits = |low: i64, high: i64| low <= min && max <= high;
    if fits(i16::MIN.into(), i16::MAX.into()) {
        ColumnType::Int16
    } else if fits(i32::MIN.into(), i32::MAX.into()) {
        ColumnType::Int32
    } else {
        ColumnType::Int64
    }
}

fn number(place: &str, property: &Value) -> Result<ColumnType, Misread> {
    if let Some(step) = property.get("multipleOf") {
        return decimal(place, property, step);
    }
    match property.get("format").and_then(Value::as_str) {
        Some("float32") => Ok(ColumnType::Float32),
        Some("float64") | None => Ok(ColumnType::Float64),
        Some(other) => misread(place, format!("the unknown number format `{other}`")),
    }
}

/// `multipleOf: 0.01` with `exclusiveMaximum: 10000` is `decimal(6, 2)`.
fn decimal(place: &str, property: &Value, step: &Value) -> Result<ColumnType, Misread> {
    let Some(scale) = power_of_ten(step).filter(|power| *power <= 0) else {
        return misread(place, format!("the step `multipleOf: {step}`, which is no power of ten,"));
    };
    let scale = scale.unsigned_abs();
    let precision = match property.get("exclusiveMaximum") {
        None => PRECISION_UNTOLD,
        Some(bound) => match power_of_ten(bound).filter(|power| *power >= 0) {
            Some(digits) => digits.unsigned_abs() + scale,
            None => {
                return misread(
                    place,
                    format!("the bound `exclusiveMaximum: {bound}`, which is no power of ten,"),
                );
            }
        },
    };
    Ok(ColumnType::Decimal { precision: precision.max(1), scale })
}

/// `2` of `100`, `-2` of `0.01`.
fn power_of_ten(number: &Value) -> Option<i32> {
    let number = number.as_f64().filter(|number| *number > 0.0)?;
    let power = number.log10().round();
    let exact = (number / 10f64.powf(power) - 1.0).abs() < 1e-9;
    (exact && power.abs() <= 38.0).then_some(power as i32)
}

/// A format that is not known is no reason to lose the text.
fn string(property: &Value) -> ColumnType {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        let values = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return ColumnType::Enum { values };
    }
    match property.get("format").and_then(Value::as_str) {
        Some("date-time") => ColumnType::Timestamp,
        Some("date") => ColumnType::Date,
        Some("time") => ColumnType::Time,
        Some("duration") => ColumnType::Duration,
        Some("uuid") => ColumnType::Uuid,
        Some("ipv4" | "ipv6") => ColumnType::Inet,
        Some(_) | None => ColumnType::Text { max_length: max_length(property) },
    }
}

fn max_length(property: &Value) -> Option<u32> {
    property.get("maxLength").and_then(Value::as_u64).and_then(|length| length.try_into().ok())
}

fn check_keywords(place: &str, schema: &Value) -> Result<(), Misread> {
    let Some(members) = schema.as_object() else {
        return misread(place, "something that is no object");
    };
    match members.keys().find(|keyword| !KEYWORDS.contains(&keyword.as_str())) {
        Some(unknown) => misread(place, format!("the unknown keyword `{unknown}`")),
        None => Ok(()),
    }
}

fn is_required(section: &Value, column: &str) -> bool {
    let required = section.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|name| name == column))
}

fn text(schema: &Value, keyword: &str) -> Option<String> {
    schema.get(keyword).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The type of one column with this schema.
    fn ty(property: &Value) -> Result<ColumnType, SchemaError> {
        let value = json!({"type": "object", "properties": {"c": property}});
        let parsed = parse("canvas", "t", 1, sections(&value))?;
        Ok(parsed.columns[1].ty.clone())
    }

    fn sections(value: &Value) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {
                "meta": {"type": "object", "properties": {"ts": {"type": "string", "format": "date-time"}}},
                "key": {"type": "object", "properties": {"id": {"type": "integer", "format": "int64"}}, "required": ["id"]},
                "value": value
            },
            "definitions": {"State": {"type": "string", "enum": ["a", "b"]}, "Loop": {"$ref": "#/definitions/Loop"}},
            "additionalProperties": false, "required": ["key"]
        })
    }

    #[test]
    fn sections_give_the_key_first_then_the_values() {
        let document = sections(&json!({"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "title": "T", "description": "D", "default": "x"},
            "note": {"type": "string", "description": "D"}}}));
        let schema = parse("canvas", "t", 7, document).unwrap();
        let [id, name, note] = &schema.columns[..] else { panic!("{:?}", schema.columns) };
        assert!(id.key && id.required);
        assert_eq!((name.key, name.required), (false, true));
        assert_eq!(name.description.as_deref(), Some("T"), "the title is preferred");
        assert_eq!(name.default, Some(json!("x")));
        assert_eq!((note.required, note.description.as_deref()), (false, Some("D")));
    }

    #[test]
    fn the_old_flat_form_has_its_key_first() {
        let document = json!({"type": "object", "properties": {
            "id": {"type": "integer", "format": "int64"}, "key": {"type": "string"}}, "required": ["id"]});
        let schema = parse("canvas", "t", 1, document).unwrap();
        assert!(schema.columns[0].key);
        assert!(!schema.columns[1].key);
    }

    #[test]
    fn a_table_may_have_a_key_alone() {
        let mut document = sections(&json!({}));
        document["properties"].as_object_mut().unwrap().shift_remove("value");
        assert_eq!(parse("canvas", "t", 1, document).unwrap().columns.len(), 1);
    }

    #[test]
    fn every_documented_type_is_read() {
        use ColumnType as T;
        let text = |max_length| T::Text { max_length };
        let values = || vec!["a".to_owned(), "b".to_owned()];
        for (property, expected) in [
            (json!({"type": "boolean"}), T::Boolean),
            (json!({"type": "integer", "format": "int16"}), T::Int16),
            (json!({"type": "integer", "format": "int32"}), T::Int32),
            (json!({"type": "integer"}), T::Int64),
            (json!({"type": "integer", "enum": [200, 404]}), T::Int16),
            (json!({"type": "integer", "minimum": 0, "maximum": 70_000}), T::Int32),
            (json!({"type": "number"}), T::Float64),
            (json!({"type": "number", "format": "float32"}), T::Float32),
            (
                json!({"type": "number", "multipleOf": 0.01, "exclusiveMinimum": -10000, "exclusiveMaximum": 10000}),
                T::Decimal { precision: 6, scale: 2 },
            ),
            (
                json!({"type": "number", "multipleOf": 0.001}),
                T::Decimal { precision: 38, scale: 3 },
            ),
            (json!({"type": "string"}), text(None)),
            (json!({"type": "string", "maxLength": 255}), text(Some(255))),
            (json!({"type": "string", "format": "email"}), text(None)),
            (json!({"type": "string", "format": "date-time"}), T::Timestamp),
            (json!({"type": "string", "format": "date"}), T::Date),
            (json!({"type": "string", "format": "time"}), T::Time),
            (json!({"type": "string", "format": "duration"}), T::Duration),
            (json!({"type": "string", "format": "uuid"}), T::Uuid),
            (json!({"type": "string", "enum": ["a", "b"]}), T::Enum { values: values() }),
            (json!({"$ref": "#/definitions/State"}), T::Enum { values: values() }),
            (
                json!({"oneOf": [{"type": "string", "const": "__dap_oversized_truncated__"}, {"type": "string", "maxLength": 255}]}),
                text(Some(255)),
            ),
            (
                json!({"oneOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}),
                T::Inet,
            ),
            (
                json!({"oneOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "string", "maxLength": 9}]}),
                T::OpenEnum { values: values(), max_length: Some(9) },
            ),
            (
                json!({"type": "array", "items": {"type": "string", "maxLength": 5}}),
                T::Array(Box::new(text(Some(5)))),
            ),
            (json!({"type": "array", "items": {"type": "object"}}), T::Json),
            (
                json!({"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": false}),
                T::Json,
            ),
            (json!({"type": "object"}), T::Json),
        ] {
            assert_eq!(ty(&property).as_ref(), Ok(&expected), "{property}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_column() {
        for (property, problem) in [
            (json!({"type": "string", "pattern": "a+"}), "the unknown keyword `pattern`"),
            (json!({"type": "integer", "format": "uint64"}), "the unknown integer format `uint64`"),
            (json!({"type": "whatever"}), "the unknown type `whatever`"),
            (json!({"title": "no type"}), "no type"),
            (json!({"type": "number", "multipleOf": 0.25}), "the step `multipleOf: 0.25`"),
            (json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}), "a union of types"),
            (json!({"$ref": "#/definitions/Nope"}), "leads nowhere"),
            (json!({"$ref": "#/definitions/Loop"}), "circular"),
            (json!({"oneOf": [{"type": "string", "x-new": 1}]}), "the unknown keyword `x-new`"),
        ] {
            let error = ty(&property).unwrap_err();
            assert_eq!((error.table.as_str(), error.place.as_str()), ("canvas.t", "value.c"));
            assert!(error.problem.contains(problem), "{error}");
        }
    }
}
