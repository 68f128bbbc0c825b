//! The values of a configuration, each with the place it came from, as serde reads them.
//!
//! toml's own deserializer would do, but for two things: settings from the environment stand in the same
//! table as those of the file, and a mistake must name the nearest known key.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a setting can be.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Array(Vec<Node>),
    Table(Table),
    /// From the environment: becomes whatever type is asked for. Arrays are separated by commas, or written as in
    /// TOML, as tables are.
    Text(String),
}

/// The entries of a table.
pub(crate) type Table = BTreeMap<String, Entry>;

/// The place of a key and what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Place,
    pub(crate) node: Node,
}

/// The place of a key's value, or of the section where it is missing.
pub(super) fn place_of(table: &Table, key: &str, section: &Place) -> Place {
    table.get(key).map_or_else(|| section.clone(), |entry| entry.node.place.clone())
}

/// Reads a table of a parsed document.
pub(crate) fn table(source: DeTable<'_>) -> Result<Table, Problem> {
    source
        .into_iter()
        .map(|(key, value)| {
            let place = Place::File(key.span());
            Ok((key.into_inner().into_owned(), Entry { key: place, node: node(value)? }))
        })
        .collect()
}

fn node(source: Spanned<DeValue<'_>>) -> Result<Node, Problem> {
    let span = source.span();
    let value = match source.into_inner() {
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Integer(value) => Value::Integer(
            i64::from_str_radix(value.as_str(), value.radix())
                .map_err(|_| out_of_range(span.clone()))?,
        ),
        DeValue::Float(value) => {
            Value::Float(value.as_str().parse().map_err(|_| out_of_range(span.clone()))?)
        }
        DeValue::String(value) => Value::String(value.into_owned()),
        DeValue::Datetime(value) => Value::String(value.to_string()),
        DeValue::Array(values) => {
            Value::Array(values.into_iter().map(node).collect::<Result<_, _>>()?)
        }
        DeValue::Table(values) => Value::Table(table(values)?),
    };
    Ok(Node { place: Place::File(span), value })
}

fn out_of_range(span: Range<usize>) -> Problem {
    Problem::new(Place::File(span), "this number is too large")
}

impl Entry {
    /// Whether a place lies in its key or its value.
    pub(crate) fn holds(&self, place: &Place) -> bool {
        self.key.holds(place) || self.node.place.holds(place)
    }
}

impl Node {
    /// A setting from the environment.
    pub(crate) fn from_variable(name: &str, text: String) -> Self {
        Self { place: Place::Variable(name.to_owned()), value: Value::Text(text) }
    }

    /// The text of an environment variable as the array or table that it is in TOML, if it opens as one.
    fn unfolded(self, opening: char) -> Self {
        let Value::Text(text) = &self.value else { return self };
        if !text.trim_start().starts_with(opening) {
            return self;
        }
        let document = format!("it = {text}");
        let parsed = DeTable::parse(&document).ok();
        let value = parsed.and_then(|parsed| table(parsed.into_inner()).ok()?.remove("it"));
        match value {
            Some(entry) => entry.node.moved_to(&self.place),
            None => self,
        }
    }

    /// The same value in another place, with all that is in it.
    fn moved_to(self, place: &Place) -> Self {
        let entry = |(key, Entry { node, .. })| {
            (key, Entry { key: place.clone(), node: node.moved_to(place) })
        };
        let value = match self.value {
            Value::Array(nodes) => {
                Value::Array(nodes.into_iter().map(|node| node.moved_to(place)).collect())
            }
            Value::Table(entries) => Value::Table(entries.into_iter().map(entry).collect()),
            other => other,
        };
        Self { place: place.clone(), value }
    }

    /// Visits the text of an environment variable as the type that is asked for.
    fn parsed<T: std::str::FromStr>(&self, expected: &str) -> Result<Option<T>, Problem> {
        match &self.value {
            Value::Text(text) => text.trim().parse().map(Some).map_err(|_| {
                Problem::new(self.place.clone(), format!("`{text}` is not {expected}"))
            }),
            _ => Ok(None),
        }
    }
}

impl<'de> de::Deserializer<'de> for Node {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Self { place, value } = self;
        match value {
            Value::Boolean(value) => visitor.visit_bool(value),
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Float(value) => visitor.visit_f64(value),
            Value::String(value) | Value::Text(value) => visitor.visit_string(value),
            Value::Array(values) => {
                visitor.visit_seq(de::value::SeqDeserializer::new(values.into_iter()))
            }
            Value::Table(table) => {
                visitor.visit_map(Entries { rest: table.into_iter(), next: None })
            }
        }
        .map_err(|problem: Problem| problem.at(&place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.parsed("`true` or `false`")? {
            Some(value) => visitor.visit_bool(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.parsed::<u64>("a whole number")? {
            Some(value) => {
                let place = self.place;
                visitor.visit_u64(value).map_err(|problem: Problem| problem.at(&place))
            }
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.parsed("a number")? {
            Some(value) => visitor.visit_f64(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.unfolded('{').deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let node = self.unfolded('[');
        let Value::Text(text) = &node.value else {
            return node.deserialize_any(visitor);
        };
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| Self { place: node.place.clone(), value: Value::Text(item.to_owned()) });
        visitor.visit_seq(de::value::SeqDeserializer::new(items))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let place = self.place;
        match self.value {
            Value::String(name) | Value::Text(name) => visitor.visit_enum(name.into_deserializer()),
            Value::Table(table) if table.len() == 1 => {
                let entries = Entries { rest: table.into_iter(), next: None };
                visitor.visit_enum(de::value::MapAccessDeserializer::new(entries))
            }
            _ => Err(Problem::new(Place::Unknown, "expected the name of one of the choices")),
        }
        .map_err(|problem: Problem| problem.at(&place))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, Problem> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Visits the entries of a table; a mistake about a key points at the key.
struct Entries {
    rest: std::collections::btree_map::IntoIter<String, Entry>,
    next: Option<Node>,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((key, entry)) = self.rest.next() else {
            return Ok(None);
        };
        self.next = Some(entry.node);
        let key: de::value::StringDeserializer<Problem> = key.into_deserializer();
        seed.deserialize(key).map(Some).map_err(|problem| problem.at(&entry.key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let node = self.next.take().expect("serde asks for a key before its value");
        let place = node.place.clone();
        seed.deserialize(node).map_err(|problem| problem.at(&place))
    }
}
