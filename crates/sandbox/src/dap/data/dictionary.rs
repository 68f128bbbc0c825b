//! The data dictionary: which namespaces and tables there are, read from the `.tables` files beside this one.
//!
//! ```text
//! table NAME weight=N [repeats] [retention_days=N] : TITLE
//!   COLUMN TYPE[!][=DEFAULT] [~RECIPE] [: DESCRIPTION]
//! ```
//!
//! The first column is the key; `!` makes a column required. Types: `bool int16 int32 int64 float32 float64 number
//! dec(P,S) text sN bstr bsN dt date time duration uuid ipv4 ipv6 inet json fk(TABLE) enum(a|b) bare_enum(a|b)
//! int_enum(1|2) open(a|b) array(TYPE) object(name:TYPE|...)`, where `sN` is text of at most N characters and `bs` marks text
//! that may be replaced by the sentinel for oversized values.

use serde_json::Value;

use super::column::{Column, Field, Kind, TableSchema, UNSPECIFIED};
use super::recipe::Recipe;
use crate::draw::salt_of;

/// Every namespace with its data dictionary, in the order of the documentation.
const NAMESPACES: [(&str, &str); 4] = [
    ("canvas", include_str!("canvas.tables")),
    ("canvas_logs", include_str!("canvas_logs.tables")),
    ("catalog", include_str!("catalog.tables")),
    ("new_quizzes", include_str!("new_quizzes.tables")),
];

/// A table as the dictionary has it.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) namespace: &'static str,
    pub(crate) table: &'static str,
    /// The share of rows that falls to this table.
    pub(crate) weight: u64,
    /// Rows may be delivered twice in one result.
    pub(crate) repeats: bool,
    pub(crate) retention_days: Option<i64>,
    pub(crate) schema: TableSchema,
}

/// Reads all dictionaries.
pub(crate) fn definitions() -> Vec<Definition> {
    NAMESPACES.iter().flat_map(|(namespace, text)| read(namespace, text)).collect()
}

fn read(namespace: &'static str, text: &'static str) -> Vec<Definition> {
    let mut tables: Vec<Definition> = Vec::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(header) = line.strip_prefix("table ") {
            tables.push(read_header(namespace, header));
        } else {
            let table = tables.last_mut().expect("a dictionary starts with a table");
            add_column(table, line);
        }
    }
    tables
}

fn read_header(namespace: &'static str, line: &'static str) -> Definition {
    let (words, title) = line.split_once(" : ").expect("a table has a title");
    let mut words = words.split_whitespace();
    let table = words.next().expect("a table has a name");
    let mut definition = Definition {
        namespace,
        table,
        weight: 1,
        repeats: false,
        retention_days: None,
        schema: TableSchema {
            version: 1,
            title: title.to_owned(),
            key: placeholder_key(),
            columns: Vec::new(),
        },
    };
    for word in words {
        match word.split_once('=') {
            Some(("weight", n)) => definition.weight = n.parse().expect("a weight is a number"),
            Some(("retention_days", n)) => {
                definition.retention_days = Some(n.parse().expect("a retention is a number"));
            }
            None if word == "repeats" => definition.repeats = true,
            _ => panic!("unknown word in the data dictionary: {word}"),
        }
    }
    definition
}

/// Stands in until the first column line is read.
fn placeholder_key() -> Column {
    Column {
        name: String::new(),
        kind: Kind::Int64,
        required: true,
        default: None,
        description: None,
        recipe: Recipe::Plain,
        filled: false,
        salt: 0,
    }
}

fn add_column(table: &mut Definition, line: &str) {
    let column = read_column(table.namespace, line);
    if table.schema.key.name.is_empty() {
        table.schema.key = column;
    } else {
        table.schema.columns.push(column);
    }
}

fn read_column(namespace: &str, line: &str) -> Column {
    let (words, description) = match line.split_once(" : ") {
        Some((words, description)) => (words, Some(description.to_owned())),
        None => (line, None),
    };
    let mut words = words.split_whitespace();
    let name = words.next().expect("a column has a name");
    let notation = words.next().expect("a column has a type");
    let (notation, default) = match notation.split_once('=') {
        Some((notation, default)) => (notation, Some(default)),
        None => (notation, None),
    };
    let (notation, required) = match notation.strip_suffix('!') {
        Some(notation) => (notation, true),
        None => (notation, false),
    };
    let reference = notation.strip_prefix("fk(").and_then(|rest| rest.strip_suffix(')'));
    let kind = read_kind(notation)
        .unwrap_or_else(|| panic!("unknown type in the data dictionary: {notation}"));
    let recipe = match (reference, words.next()) {
        (Some(table), _) => Recipe::Reference(qualified(namespace, table)),
        (None, Some(word)) => word
            .strip_prefix('~')
            .and_then(Recipe::from_word)
            .unwrap_or_else(|| panic!("unknown recipe in the data dictionary: {word}")),
        (None, None) => Recipe::Plain,
    };
    let description =
        description.or_else(|| reference.map(|table| format!("Foreign key to `{table}.id`.")));
    Column {
        name: name.to_owned(),
        default: default.map(|text| default_value(&kind, text)),
        kind,
        required,
        description,
        recipe,
        filled: false,
        salt: salt_of(name),
    }
}

fn qualified(namespace: &str, table: &str) -> String {
    if table.contains('.') { table.to_owned() } else { format!("{namespace}.{table}") }
}

fn default_value(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Int16 | Kind::Int32 | Kind::Int64 => {
            Value::from(text.parse::<i64>().expect("the default of an integer is a number"))
        }
        Kind::Boolean => Value::from(text == "true"),
        _ => Value::from(text),
    }
}

/// Reads a type in the dictionary's notation; none if it is not one.
pub(crate) fn read_kind(notation: &str) -> Option<Kind> {
    Some(match notation {
        "bool" => Kind::Boolean,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float32" => Kind::Float32,
        "float64" => Kind::Float64,
        "number" => Kind::Number,
        "text" => Kind::Text { max_length: None },
        "bstr" => Kind::Oversizable { max_length: None },
        "dt" => Kind::Timestamp,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "duration" => Kind::Duration,
        "uuid" => Kind::Uuid,
        "ipv4" => Kind::Ipv4,
        "ipv6" => Kind::Ipv6,
        "inet" => Kind::Inet,
        "json" => Kind::Json,
        _ => return read_function(notation).or_else(|| read_bounded_text(notation)),
    })
}

/// `sN` and `bsN`.
fn read_bounded_text(notation: &str) -> Option<Kind> {
    let max_length = |digits: &str| digits.parse().ok().map(Some);
    match notation.strip_prefix('b') {
        Some(text) => Some(Kind::Oversizable { max_length: max_length(text.strip_prefix('s')?)? }),
        None => Some(Kind::Text { max_length: max_length(notation.strip_prefix('s')?)? }),
    }
}

/// `enum(a|b)` and all others with arguments.
fn read_function(notation: &str) -> Option<Kind> {
    let (function, arguments) = notation.strip_suffix(')')?.split_once('(')?;
    let words = || arguments.split('|').map(str::to_owned);
    let sentinel = || std::iter::once(UNSPECIFIED.to_owned());
    Some(match function {
        "fk" => Kind::Int64,
        "enum" => Kind::Enum(sentinel().chain(words()).collect()),
        "bare_enum" => Kind::Enum(words().collect()),
        "open" => Kind::OpenEnum(sentinel().chain(words()).collect()),
        "int_enum" => Kind::IntEnum(words().map(|word| word.parse().ok()).collect::<Option<_>>()?),
        "array" => Kind::Array(Box::new(read_kind(arguments)?)),
        "object" => Kind::Object(arguments.split('|').map(read_field).collect::<Option<_>>()?),
        "dec" => read_decimal(arguments)?,
        _ => return None,
    })
}

fn read_decimal(arguments: &str) -> Option<Kind> {
    let (precision, scale) = arguments.split_once(',')?;
    Some(Kind::Decimal { precision: precision.parse().ok()?, scale: scale.parse().ok()? })
}

fn read_field(text: &str) -> Option<Field> {
    let (name, kind) = text.split_once(':')?;
    Some(Field { name: name.to_owned(), kind: read_kind(kind)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(namespace: &str, table: &str) -> Definition {
        definitions()
            .into_iter()
            .find(|definition| definition.namespace == namespace && definition.table == table)
            .expect("the table is in the dictionary")
    }

    #[test]
    fn every_namespace_is_read_and_every_reference_leads_somewhere() {
        let all = definitions();
        let names: Vec<String> =
            all.iter().map(|table| format!("{}.{}", table.namespace, table.table)).collect();
        for table in &all {
            for column in &table.schema.columns {
                if let Recipe::Reference(target) = &column.recipe {
                    assert!(names.contains(target), "{}.{}", table.table, column.name);
                }
            }
        }
        assert!(names.iter().filter(|name| name.starts_with("canvas.")).count() >= 20);
    }

    #[test]
    fn keys_keep_their_names_and_types() {
        assert_eq!(find("canvas", "enrollment_states").schema.key.name, "enrollment_id");
        assert_eq!(find("canvas_logs", "web_logs").schema.key.kind, Kind::Uuid);
        assert_eq!(find("catalog", "orders").schema.key.kind, Kind::Int32);
    }

    #[test]
    fn a_column_line_is_read_whole() {
        let column = read_column("canvas", "external_status s255!=active ~code : Why.");
        assert_eq!(column.kind, Kind::Text { max_length: Some(255) });
        assert!(column.required);
        assert_eq!(column.default, Some(Value::from("active")));
        assert_eq!(column.recipe, Recipe::Code);
        assert_eq!(column.description.as_deref(), Some("Why."));
    }
}
