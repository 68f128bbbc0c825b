//! Attributes in DynamoDB JSON (`{"qty": {"N": "3"}}`), read straight from the bytes: texts stay where they are, and
//! nothing is allocated for an attribute that is not nested.
//!
//! Source: Amazon DynamoDB API reference, `AttributeValue`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::number::Number;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Attribute<'a> {
    /// `{"S": "text"}`
    S(Cow<'a, str>),
    /// `{"N": "12.50"}`, the digits as they came.
    N(Cow<'a, str>),
    /// `{"B": "aGk="}`, in base64.
    B(Cow<'a, str>),
    /// `{"BOOL": true}`
    Bool(bool),
    /// `{"NULL": true}`
    Null,
    /// `{"SS": ["a", "b"]}`
    Ss(Vec<Cow<'a, str>>),
    /// `{"NS": ["1", "2"]}`
    Ns(Vec<Cow<'a, str>>),
    /// `{"BS": ["aGk="]}`
    Bs(Vec<Cow<'a, str>>),
    /// `{"M": {"city": {"S": "Oslo"}}}`
    M(Item<'a>),
    /// `{"L": [{"N": "1"}]}`
    L(Vec<Attribute<'a>>),
}

/// Attributes by name, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Item<'a>(pub(super) Vec<(Cow<'a, str>, Attribute<'a>)>);

impl<'a> Item<'a> {
    /// The attribute of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Attribute<'a>> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }

    /// One text for one item, whatever the order of its attributes: `{"pk":{"S":"o#1"}}`.
    pub(super) fn typed_json(&self) -> String {
        let mut json = String::new();
        write_members(&mut json, &self.0, Attribute::write_typed);
        json
    }
}

impl Attribute<'_> {
    const TAGS: [&'static str; 10] = ["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "M", "L"];

    /// The tag: `S`, `N`, `BOOL`.
    pub(super) fn tag(&self) -> &'static str {
        Self::TAGS[self.tag_index()]
    }

    fn tag_index(&self) -> usize {
        match self {
            Self::S(_) => 0,
            Self::N(_) => 1,
            Self::B(_) => 2,
            Self::Bool(_) => 3,
            Self::Null => 4,
            Self::Ss(_) => 5,
            Self::Ns(_) => 6,
            Self::Bs(_) => 7,
            Self::M(_) => 8,
            Self::L(_) => 9,
        }
    }

    /// The tag as a member of a set of tags.
    pub(super) fn tag_bit(&self) -> u16 {
        1 << self.tag_index()
    }

    /// The tags of a set.
    pub(super) fn tags(set: u16) -> Vec<&'static str> {
        let is_in = |(index, _): &(usize, &&str)| set & (1 << index) != 0;
        Self::TAGS.iter().enumerate().filter(is_in).map(|(_, tag)| *tag).collect()
    }

    /// One text for one value: members in the order of their names, sets sorted, numbers with all their digits, binary
    /// values in base64. Tags are left out: `{"city":"Oslo","tags":["a","b"],"zip":150}`.
    pub(super) fn canonical_json(&self) -> String {
        let mut json = String::new();
        self.write_plain(&mut json);
        json
    }

    /// As [`Self::canonical_json`], with the tags: `{"N":"3"}`.
    pub(super) fn typed_json(&self) -> String {
        let mut json = String::new();
        self.write_typed(&mut json);
        json
    }

    pub(super) fn write_plain(&self, json: &mut String) {
        match self {
            Self::S(text) | Self::B(text) => write_text(json, text),
            Self::N(digits) => json.push_str(&canonical_number(digits)),
            Self::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
            Self::Null => json.push_str("null"),
            Self::Ss(set) | Self::Bs(set) => {
                write_list(json, &sorted_texts(set), |json, it| write_text(json, it));
            }
            Self::Ns(set) => write_list(json, &sorted_numbers(set), |json, it| json.push_str(it)),
            Self::M(item) => write_members(json, &item.0, Self::write_plain),
            Self::L(list) => write_list(json, list, |json, it| it.write_plain(json)),
        }
    }

    fn write_typed(&self, json: &mut String) {
        let _ = write!(json, "{{\"{}\":", self.tag());
        match self {
            Self::N(digits) => write_text(json, &canonical_number(digits)),
            Self::Null => json.push_str("true"),
            Self::Ns(set) => {
                write_list(json, &sorted_numbers(set), |json, it| write_text(json, it));
            }
            Self::M(item) => write_members(json, &item.0, Self::write_typed),
            Self::L(list) => write_list(json, list, |json, it| it.write_typed(json)),
            Self::S(_) | Self::B(_) | Self::Bool(_) | Self::Ss(_) | Self::Bs(_) => {
                self.write_plain(json);
            }
        }
        json.push('}');
    }
}

/// The canonical digits. What is no number cannot come from DynamoDB; it stays visible as it is, as a text.
fn canonical_number(digits: &str) -> String {
    Number::parse(digits)
        .map_or_else(|_| serde_json::Value::from(digits).to_string(), |it| it.to_string())
}

/// A set has no order; its hash shall not depend on one.
pub(super) fn sorted_texts<'s>(set: &'s [Cow<'_, str>]) -> Vec<&'s str> {
    let mut texts: Vec<&str> = set.iter().map(AsRef::as_ref).collect();
    texts.sort_unstable();
    texts
}

fn sorted_numbers(set: &[Cow<'_, str>]) -> Vec<String> {
    let mut numbers: Vec<_> =
        set.iter().map(|it| (Number::parse(it).ok(), canonical_number(it))).collect();
    numbers.sort();
    numbers.into_iter().map(|(_, text)| text).collect()
}

fn write_text(json: &mut String, text: &str) {
    let needs_escape = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().any(needs_escape) {
        json.push_str(&serde_json::Value::from(text).to_string());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

fn write_list<T>(json: &mut String, list: &[T], write: impl Fn(&mut String, &T)) {
    json.push('[');
    for (index, it) in list.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(json, it);
    }
    json.push(']');
}

/// An object with its members in the order of their names.
pub(super) fn write_members<'m, 'a: 'm>(
    json: &mut String,
    members: impl IntoIterator<Item = &'m (Cow<'a, str>, Attribute<'a>)>,
    write: fn(&Attribute<'a>, &mut String),
) {
    let mut sorted: Vec<_> = members.into_iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    json.push('{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_text(json, name);
        json.push(':');
        write(value, json);
    }
    json.push('}');
}

/// The bytes of a base64 text.
pub(super) fn bytes_of(base64: &str) -> Result<Vec<u8>, base64::DecodeError> {
    BASE64.decode(base64)
}

/// A text that is borrowed where it has no escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One of the tags; anything else is an error that names it.
enum Tag {
    S,
    N,
    B,
    Bool,
    Null,
    Ss,
    Ns,
    Bs,
    M,
    L,
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TagVisitor;
        impl Visitor<'_> for TagVisitor {
            type Value = Tag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tag of DynamoDB JSON")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tag, E> {
                Ok(match text {
                    "S" => Tag::S,
                    "N" => Tag::N,
                    "B" => Tag::B,
                    "BOOL" => Tag::Bool,
                    "NULL" => Tag::Null,
                    "SS" => Tag::Ss,
                    "NS" => Tag::Ns,
                    "BS" => Tag::Bs,
                    "M" => Tag::M,
                    "L" => Tag::L,
                    other => {
                        return Err(E::custom(format_args!(
                            "`{other}` is no tag of DynamoDB JSON"
                        )));
                    }
                })
            }
        }
        deserializer.deserialize_identifier(TagVisitor)
    }
}

impl<'de> Deserialize<'de> for Attribute<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributeVisitor;
        impl<'de> Visitor<'de> for AttributeVisitor {
            type Value = Attribute<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its tag, as `{\"S\": \"text\"}`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let Some(tag) = map.next_key::<Tag>()? else {
                    return Err(de::Error::custom("a value has no tag"));
                };
                let value = read_value(&tag, &mut map)?;
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(value),
                    Some(_) => Err(de::Error::custom("a value has two tags")),
                }
            }
        }
        deserializer.deserialize_map(AttributeVisitor)
    }
}

fn read_value<'de, A: MapAccess<'de>>(tag: &Tag, map: &mut A) -> Result<Attribute<'de>, A::Error> {
    let texts = |texts: Vec<Text<'de>>| texts.into_iter().map(|it| it.0).collect();
    Ok(match tag {
        Tag::S => Attribute::S(map.next_value::<Text<'_>>()?.0),
        Tag::N => Attribute::N(map.next_value::<Text<'_>>()?.0),
        Tag::B => Attribute::B(map.next_value::<Text<'_>>()?.0),
        Tag::Bool => Attribute::Bool(map.next_value()?),
        Tag::Null if map.next_value()? => Attribute::Null,
        Tag::Null => return Err(de::Error::custom("`NULL` is `true` or not there")),
        Tag::Ss => Attribute::Ss(texts(map.next_value()?)),
        Tag::Ns => Attribute::Ns(texts(map.next_value()?)),
        Tag::Bs => Attribute::Bs(texts(map.next_value()?)),
        Tag::M => Attribute::M(map.next_value()?),
        Tag::L => Attribute::L(map.next_value::<Attributes<'_>>()?.0),
    })
}

/// The values of a list.
struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'de> Deserialize<'de> for Attributes<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = Attributes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Attributes(list))
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("attributes by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                refuse_twins(&members).map_err(de::Error::custom)?;
                Ok(Item(members))
            }
        }
        deserializer.deserialize_map(ItemVisitor)
    }
}

/// Two attributes of one name: which one counts would be a guess.
fn refuse_twins(members: &[(Cow<'_, str>, Attribute<'_>)]) -> Result<(), String> {
    let twin = if members.len() <= 24 {
        let is_twin = |(at, (name, _)): &(usize, &(Cow<'_, str>, _))| {
            members[..*at].iter().any(|(it, _)| it == name)
        };
        members.iter().enumerate().find(is_twin).map(|(_, (name, _))| name)
    } else {
        let mut seen = std::collections::HashSet::new();
        members.iter().map(|(name, _)| name).find(|name| !seen.insert(*name))
    };
    twin.map_or(Ok(()), |name| Err(format!("the attribute `{name}` stands there twice")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: &str) -> Item<'_> {
        serde_json::from_str(json).unwrap()
    }

    fn refusal(json: &str) -> String {
        serde_json::from_str::<Item<'_>>(json).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_dynamodb_json_is_refused_by_name() {
        let cases = [
            (r#"{"a": {"X": "1"}}"#, "`X` is no tag"),
            (r#"{"a": {}}"#, "has no tag"),
            (r#"{"a": {"S": "1", "N": "1"}}"#, "two tags"),
            (r#"{"a": {"N": 1}}"#, "expected a text"),
            (r#"{"a": "1"}"#, "a value with its tag"),
            (r#"{"a": {"NULL": false}}"#, "`NULL` is `true`"),
            (r#"{"a": {"S": "1"}, "a": {"S": "2"}}"#, "`a` stands there twice"),
            (r#"{"m": {"M": {"a": {"S": "1"}, "a": {"N": "2"}}}}"#, "`a` stands there twice"),
        ];
        for (json, reason) in cases {
            let refusal = refusal(json);
            assert!(refusal.contains(reason), "{json}: {refusal}");
        }
    }

    #[test]
    fn twins_are_found_among_many() {
        let members: Vec<_> = (0..40).map(|at| format!(r#""a{}": {{"S": ""}}"#, at % 39)).collect();
        assert!(refusal(&format!("{{{}}}", members.join(","))).contains("`a0` stands there twice"));
    }

    #[test]
    fn texts_are_borrowed_unless_they_have_escapes() {
        let item = item(r#"{"a": {"S": "plain ü"}, "b": {"S": "es\u00e9\n"}}"#);
        assert!(matches!(item.get("a"), Some(Attribute::S(Cow::Borrowed("plain ü")))));
        assert!(matches!(item.get("b"), Some(Attribute::S(Cow::Owned(text))) if text == "esé\n"));
    }

    #[test]
    fn one_value_has_one_json_whatever_the_order() {
        let one = r#"{"m": {"M": {"b": {"NS": ["10", "2", "-1.50"]}, "a": {"L": [{"NULL": true}, {"BOOL": false}]},
            "c": {"SS": ["z", "ä", "a\""]}, "d": {"B": "aGk="}, "e": {"N": "1.0E+2"}, "f": {"SS": []}}}}"#;
        let other = r#"{"m": {"M": {"f": {"SS": []}, "e": {"N": "100"}, "d": {"B": "aGk="}, "c": {"SS": ["a\"", "ä", "z"]},
            "a": {"L": [{"NULL": true}, {"BOOL": false}]}, "b": {"NS": ["-1.5", "2", "10"]}}}}"#;
        let plain =
            r#"{"a":[null,false],"b":[-1.5,2,10],"c":["a\"","z","ä"],"d":"aGk=","e":100,"f":[]}"#;
        for json in [one, other] {
            assert_eq!(item(json).get("m").unwrap().canonical_json(), plain);
        }
        assert_eq!(item(one).typed_json(), item(other).typed_json());
        let typed = item(one).typed_json();
        let back = item(&typed);
        assert_eq!(back.typed_json(), item(other).typed_json());
    }
}
