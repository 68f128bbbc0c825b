//! One field that an input must have: where it stands, and what it is.

use jiff::Timestamp;
use serde_json::Value;
use stepwell_pipeline::settings::InvalidInput;

/// `"Window.from" = "timestamp?"`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// As it is written, members separated by points.
    path: String,
    kind: Kind,
    is_optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Array,
    Boolean,
    Number,
    Object,
    String,
    Timestamp,
}

const KINDS: [(&str, Kind); 7] = [
    ("any", Kind::Any),
    ("array", Kind::Array),
    ("boolean", Kind::Boolean),
    ("number", Kind::Number),
    ("object", Kind::Object),
    ("string", Kind::String),
    ("timestamp", Kind::Timestamp),
];

impl Field {
    /// Reads a field: its path, and a kind that `?` marks as optional.
    pub(crate) fn parse(path: &str, kind: &str) -> Result<Self, String> {
        if path.split('.').any(str::is_empty) {
            return Err(format!("`{path}` is no field: write members separated by points"));
        }
        let (name, is_optional) = kind.strip_suffix('?').map_or((kind, false), |it| (it, true));
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = KINDS.iter().map(|(known, _)| format!("`{known}`")).collect();
            return Err(format!(
                "`{name}` is no kind of field; the kinds are {}, each with `?` where the field may be missing",
                known.join(", ")
            ));
        };
        Ok(Self { path: path.to_owned(), kind: *kind, is_optional })
    }

    /// Whether an input has it.
    pub(crate) fn check(&self, input: &Value) -> Result<(), InvalidInput> {
        let found = self.path.split('.').try_fold(input, |value, member| value.get(member));
        match found.filter(|value| !value.is_null()) {
            None if self.is_optional => Ok(()),
            None => Err(InvalidInput::new(&self.path, "it is missing")),
            Some(value) if self.kind.holds(value) => Ok(()),
            Some(_) => Err(InvalidInput::new(&self.path, format!("it is no {}", self.kind.name()))),
        }
    }
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Array => value.is_array(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Object => value.is_object(),
            Self::String => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Timestamp => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "string with a character in it",
            Self::Timestamp => "time such as `2026-03-01T00:00:00Z`",
            other => {
                KINDS.iter().find(|(_, kind)| *kind == other).map_or("value", |(name, _)| *name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_named_where_it_is_missing_or_wrong() {
        let check = |path: &str, kind: &str, input: &Value| {
            Field::parse(path, kind).unwrap().check(input).map_err(|error| error.field)
        };
        let input = json!({"a": {"b": "", "at": "2026-03-01T00:00:00Z", "n": null}});
        assert_eq!(check("a", "object", &input), Ok(()));
        assert_eq!(check("a.b", "string", &input), Err("a.b".into()));
        assert_eq!(check("a.c", "any", &input), Err("a.c".into()));
        assert_eq!(check("a.c", "any?", &input), Ok(()));
        assert_eq!(check("a.n", "number", &input), Err("a.n".into()));
        assert_eq!(check("a.at", "timestamp", &input), Ok(()));
        assert_eq!(check("a.b", "timestamp?", &input), Err("a.b".into()));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        assert!(Field::parse("a..b", "string").unwrap_err().contains("a..b"));
        assert!(Field::parse("a", "text").unwrap_err().contains("`timestamp`"));
    }
}
