//! Values as DynamoDB has them, with its JSON and what it counts of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number::Number;

/// An item, or the key of one: values by the names of attributes.
///
/// Its JSON is DynamoDB's own: `{"pk": {"S": "o#1"}, "qty": {"N": "3"}, "tags": {"SS": ["a", "b"]}}`.
pub type Item = BTreeMap<String, AttributeValue>;

/// Bytes of an item, names and values together.
///
/// Source: Amazon DynamoDB Developer Guide, "Service, account, and table quotas".
pub const ITEM_BYTES_MAX: usize = 400 * 1024;

/// How deep lists and maps may be in one another. Source: the same.
const DEPTH_MAX: usize = 32;

/// A value with its type.
///
/// ```
/// use stepwell_integrations::dynamodb::AttributeValue;
///
/// let value: AttributeValue = serde_json::from_str(r#"{"M": {"n": {"N": "1.50"}, "gone": {"NULL": true}}}"#).unwrap();
/// assert!(matches!(value, AttributeValue::M(_)));
/// ```
///
/// Source: DynamoDB API reference, `AttributeValue`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Text.
    S(String),
    /// A number of up to 38 significant digits, as text: never a float on the way.
    N(String),
    /// Bytes; base64 in JSON.
    B(#[serde(with = "crate::base64_text")] Vec<u8>),
    /// A set of texts; not empty, without order.
    SS(Vec<String>),
    /// A set of numbers.
    NS(Vec<String>),
    /// A set of bytes.
    BS(#[serde(with = "base64_texts")] Vec<Vec<u8>>),
    /// Values by name.
    M(Item),
    /// Values in order.
    L(Vec<AttributeValue>),
    /// Nothing, said aloud: `{"NULL": true}`.
    #[serde(rename = "NULL", with = "always_true")]
    Null,
    /// Truth.
    #[serde(rename = "BOOL")]
    Bool(bool),
}

impl AttributeValue {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::S(text.into())
    }

    /// A whole number.
    pub fn integer(number: impl Into<i128>) -> Self {
        Self::N(number.into().to_string())
    }

    /// The name of its type on the wire: `SS`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::SS(_) => "SS",
            Self::NS(_) => "NS",
            Self::BS(_) => "BS",
            Self::M(_) => "M",
            Self::L(_) => "L",
            Self::Null => "NULL",
            Self::Bool(_) => "BOOL",
        }
    }

    /// The name of its type in words: `STRING_SET`.
    pub(super) fn long_type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "STRING",
            Self::N(_) => "NUMBER",
            Self::B(_) => "BINARY",
            Self::SS(_) => "STRING_SET",
            Self::NS(_) => "NUMBER_SET",
            Self::BS(_) => "BINARY_SET",
            Self::M(_) => "MAP",
            Self::L(_) => "LIST",
            Self::Null => "NULL",
            Self::Bool(_) => "BOOLEAN",
        }
    }

    /// What the function `size` says; some types have none.
    pub(super) fn length(&self) -> Option<usize> {
        match self {
            Self::S(text) => Some(text.encode_utf16().count()),
            Self::B(bytes) => Some(bytes.len()),
            Self::SS(texts) | Self::NS(texts) => Some(texts.len()),
            Self::BS(all) => Some(all.len()),
            Self::M(map) => Some(map.len()),
            Self::L(list) => Some(list.len()),
            Self::N(_) | Self::Null | Self::Bool(_) => None,
        }
    }

    /// The bytes it counts for.
    ///
    /// Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(text) => number_size(text),
            Self::B(bytes) => bytes.len(),
            Self::SS(texts) => texts.iter().map(String::len).sum(),
            Self::NS(texts) => texts.iter().map(|text| number_size(text)).sum(),
            Self::BS(all) => all.iter().map(Vec::len).sum(),
            Self::M(map) => 3 + map.len() + size(map),
            Self::L(list) => 3 + list.len() + list.iter().map(Self::size).sum::<usize>(),
            Self::Null | Self::Bool(_) => 1,
        }
    }

    /// What DynamoDB says to a value that it does not take.
    fn check(&self, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err("Nesting Levels have exceeded supported limits".to_owned());
        }
        match self {
            Self::N(text) => Number::parse(text).map(drop),
            Self::SS(texts) => check_set(texts, "string"),
            Self::NS(texts) => {
                let numbers = texts.iter().map(|text| Number::parse(text));
                check_set(&numbers.collect::<Result<Vec<_>, _>>()?, "number")
            }
            Self::BS(all) => check_set(all, "binary"),
            Self::M(map) => map.values().try_for_each(|value| value.check(depth + 1)),
            Self::L(list) => list.iter().try_for_each(|value| value.check(depth + 1)),
            Self::S(_) | Self::B(_) | Self::Null | Self::Bool(_) => Ok(()),
        }
    }

    /// As it is read back: numbers in their shortest form.
    pub(super) fn normalized(self) -> Self {
        let number = |text: String| Number::parse(&text).map_or(text, |number| number.to_string());
        match self {
            Self::N(text) => Self::N(number(text)),
            Self::NS(texts) => Self::NS(texts.into_iter().map(number).collect()),
            Self::M(map) => Self::M(normalized(map)),
            Self::L(list) => Self::L(list.into_iter().map(Self::normalized).collect()),
            other => other,
        }
    }
}

pub(super) fn normalized(item: Item) -> Item {
    item.into_iter().map(|(name, value)| (name, value.normalized())).collect()
}

/// What DynamoDB says to a value that it does not take anywhere.
pub(super) fn check_value(value: &AttributeValue) -> Result<(), String> {
    value.check(1)
}

/// What DynamoDB says to an item that it does not take in any table.
pub(super) fn check_item(item: &Item) -> Result<(), String> {
    item.values().try_for_each(|value| value.check(1))?;
    if size(item) > ITEM_BYTES_MAX {
        return Err("Item size has exceeded the maximum allowed size".to_owned());
    }
    Ok(())
}

/// The bytes that an item counts for.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// Two digits a byte, one for the exponent, one for a sign.
fn number_size(text: &str) -> usize {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    1 + digits.div_ceil(2) + usize::from(text.starts_with('-'))
}

fn check_set<T: Ord>(members: &[T], kind: &str) -> Result<(), String> {
    let invalid = "One or more parameter values were invalid";
    if members.is_empty() {
        return Err(format!("{invalid}: An {kind} set  may not be empty"));
    }
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(format!("{invalid}: Input collection contains duplicates"));
    }
    Ok(())
}

mod base64_texts {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        all: &[Vec<u8>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let decode = |text| STANDARD.decode(text).map_err(de::Error::custom);
        texts.into_iter().map(decode).collect()
    }
}

/// `NULL` can only be true.
mod always_true {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(())
        } else {
            Err(de::Error::custom("`NULL` can only be true"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_of_all_types_comes_back_as_it_was() {
        let text = json!({
            "s": {"S": ""}, "n": {"N": "-1.5"}, "b": {"B": "AAE="}, "ss": {"SS": ["a"]}, "ns": {"NS": ["1", "2"]},
            "bs": {"BS": ["AA==", "AQ=="]}, "m": {"M": {"l": {"L": [{"NULL": true}, {"BOOL": false}]}}}
        });
        let item: Item = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(item["b"], AttributeValue::B(vec![0, 1]));
        assert_eq!(serde_json::to_value(&item).unwrap(), text);
        for bad in [
            json!({"NULL": false}),
            json!({"X": "y"}),
            json!({"S": 1}),
            json!({"B": "?"}),
            json!({"S": "a", "N": "1"}),
        ] {
            assert!(serde_json::from_value::<AttributeValue>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_dynamodb_does_not_take() {
        let problem = |value| check_item(&Item::from([("a".to_owned(), value)])).unwrap_err();
        assert!(problem(AttributeValue::SS(vec![])).contains("may not be empty"));
        assert!(problem(AttributeValue::NS(vec!["1".into(), "1.0".into()])).contains("duplicates"));
        assert!(problem(AttributeValue::N("1x".into())).contains("numeric"));
        let deep = (0..32).fold(AttributeValue::Null, |inner, _| AttributeValue::L(vec![inner]));
        assert!(problem(deep).contains("Nesting"));
        assert!(problem(AttributeValue::S("x".repeat(ITEM_BYTES_MAX))).contains("size"));
        let fits = AttributeValue::S("x".repeat(ITEM_BYTES_MAX - 1));
        check_item(&Item::from([("a".to_owned(), fits)])).unwrap();
    }
}
