//! JSON without a tree: the members of an object, the items of an array, a string, each as the text that it is.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of a JSON string, without quotes and escapes.
pub(crate) fn string(raw: &str) -> Result<Cow<'_, str>, String> {
    let inside = &raw[1..raw.len() - 1];
    if !inside.contains('\\') {
        return Ok(Cow::Borrowed(inside));
    }
    serde_json::from_str(raw)
        .map(Cow::Owned)
        .map_err(|error| format!("a string cannot be read: {error}"))
}

/// Gives every member of an object to `take`, in its order.
pub(crate) fn members<'a>(
    object: &'a str,
    take: impl FnMut(&str, &'a str),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(Members { take })?;
    deserializer.end()
}

/// The items of an array.
pub(crate) fn items(array: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    serde_json::from_str(array)
}

struct Members<F> {
    take: F,
}

impl<'de, F: FnMut(&str, &'de str)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            (self.take)(&name.0, value.get());
        }
        Ok(())
    }
}

/// A name that is borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfName;
        impl<'de> Visitor<'de> for OfName {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(OfName)
    }
}

/// The canonical text of a JSON value: names in order, no spaces, numbers as they are spelled, one spelling of each
/// string.
///
/// # Errors
/// For what is no JSON.
pub fn canonical(raw: &str) -> Result<String, serde_json::Error> {
    let raw: &RawValue = serde_json::from_str(raw)?;
    let mut text = String::with_capacity(raw.get().len());
    write(raw.get(), &mut text)?;
    Ok(text)
}

fn write(raw: &str, text: &mut String) -> Result<(), serde_json::Error> {
    match raw.as_bytes()[0] {
        b'{' => write_object(raw, text),
        b'[' => write_array(raw, text),
        b'"' => {
            text.push_str(&serde_json::to_string(&serde_json::from_str::<Cow<'_, str>>(raw)?)?);
            Ok(())
        }
        _ => {
            text.push_str(raw);
            Ok(())
        }
    }
}

fn write_object(raw: &str, text: &mut String) -> Result<(), serde_json::Error> {
    let mut found: Vec<(String, &str)> = Vec::new();
    members(raw, |name, value| found.push((name.to_owned(), value)))?;
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    text.push('{');
    for (index, (name, value)) in found.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(name)?);
        text.push(':');
        write(value, text)?;
    }
    text.push('}');
    Ok(())
}

fn write_array(raw: &str, text: &mut String) -> Result<(), serde_json::Error> {
    text.push('[');
    for (index, item) in items(raw)?.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item.get(), text)?;
    }
    text.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text() {
        let given = r#" { "b" : [1.50, true , null, {"z":1,"a":"\u00e9\n"}], "a" : 1e3 } "#;
        assert_eq!(
            canonical(given).unwrap(),
            r#"{"a":1e3,"b":[1.50,true,null,{"a":"é\n","z":1}]}"#
        );
        assert_eq!(canonical(r#""x\u0041""#).unwrap(), r#""xA""#);
        for wrong in ["", "{", "[1,]", "{\"a\"}", "1 2", "nope"] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }
}
