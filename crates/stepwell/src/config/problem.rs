//! What is wrong with the configuration, and where: a place in the file or an environment variable.

use std::fmt::Display;
use std::ops::Range;

use serde::de;

use stepwell_asl::suggest::closest;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it is.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
    /// Whether it is a key that nothing reads.
    pub(crate) is_unknown_key: bool,
}

/// Where a setting came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not known yet: whoever reads the surrounding value fills it in.
    #[default]
    Unknown,
    /// Bytes of the file.
    File(Range<usize>),
    /// An environment variable.
    Variable(String),
}

impl Place {
    /// Where it begins in the file; what stands elsewhere comes last.
    pub(crate) fn start(&self) -> usize {
        match self {
            Self::File(span) => span.start,
            Self::Unknown | Self::Variable(_) => usize::MAX,
        }
    }

    /// Whether `other` lies within it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(outer), Self::File(inner)) => {
                outer.start <= inner.start && inner.end <= outer.end
            }
            _ => *self != Self::Unknown && self == other,
        }
    }
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None, is_unknown_key: false }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Fills in the place if nothing closer to the mistake did.
    pub(crate) fn at(self, place: &Place) -> Self {
        match self.place {
            Place::Unknown => Self { place: place.clone(), ..self },
            Place::File(_) | Place::Variable(_) => self,
        }
    }

    /// A key that nothing reads.
    pub(crate) fn unknown_key<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<_> = known.into_iter().collect();
        let help = match closest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the keys here are {}", quoted_list(&known)),
        };
        let problem = Self::new(Place::Unknown, format!("unknown key `{key}`")).help(help);
        Self { is_unknown_key: true, ..problem }
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn quoted_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Place::Unknown, message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_key(field, expected.iter().copied())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Place::Unknown, format!("the key `{field}` is missing"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = match closest(variant, expected.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the values are {}", quoted_list(expected)),
        };
        Self::new(Place::Unknown, format!("unknown value `{variant}`")).help(help)
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            Place::Unknown,
            format!("this is {}, expected {}", kind(&unexpected), in_toml(expected)),
        )
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            Place::Unknown,
            format!("{} does not fit, expected {}", kind(&unexpected), in_toml(expected)),
        )
    }
}

/// What serde expects, in TOML's words.
fn in_toml(expected: &dyn de::Expected) -> String {
    match expected.to_string().as_str() {
        "a sequence" => "an array".to_owned(),
        "a map" => "a table".to_owned(),
        "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        other => other.to_owned(),
    }
}

/// What was found, without its value: it may be a secret.
fn kind(unexpected: &de::Unexpected<'_>) -> &'static str {
    match unexpected {
        de::Unexpected::Bool(_) => "a boolean",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "a whole number",
        de::Unexpected::Float(_) => "a number with a fraction",
        de::Unexpected::Str(_) | de::Unexpected::Char(_) => "a string",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "a table",
        _ => "something else",
    }
}
