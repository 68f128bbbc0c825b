//! The input of an execution, checked field by field: what is missing or wrong is refused by its name.
//!
//! ```json
//! {"GroupID":"buoys","StreamID":"7-temp",
//!  "Data":{"uri":"data/7.parquet"},
//!  "Window":{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"},
//!  "Config":{"process2":{"gross_range":{"fail":[0,25]}}},
//!  "Context":{"last":[{"time":"2026-02-28T23:50:00Z","value":10.1}]}}
//! ```
//!
//! `GroupID` and `StreamID` are always needed; the others may be left to the stream's file. `ConfigRef` names a file in the
//! place of `Config`.

use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stepwell_pipeline::settings::InvalidInput;

use crate::source::Source;

/// Characters of an id; they are keys of tables and stand in subjects.
const ID_CHARACTERS_MAX: usize = 256;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) group: String,
    pub(crate) stream: String,
    /// Where the points are, as [`Source::read`] takes it. Not given: as the stream's file says.
    pub(crate) data: Option<Value>,
    pub(crate) window: Option<Window>,
    /// Not given: the stream's file.
    pub(crate) config: Option<ConfigFrom>,
    /// Not given: the last points of the last run.
    pub(crate) context: Option<Vec<Point>>,
}

/// Where the configuration is.
#[derive(Debug, Clone)]
pub(crate) enum ConfigFrom {
    /// In the input.
    Given(Value),
    /// In a file of the folder of streams.
    File(String),
}

/// Which points are looked at, half open: `{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// One measurement: `{"time":"2026-03-01T00:00:00Z","value":1.5}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    pub(crate) time: Timestamp,
    /// Nothing: missing.
    pub(crate) value: Option<f64>,
}

impl Input {
    /// Reads the input of an execution.
    ///
    /// # Errors
    /// The first field that is missing, wrong or unknown.
    pub(crate) fn read(input: &Value) -> Result<Self, InvalidInput> {
        const MEMBERS: [&str; 7] =
            ["GroupID", "StreamID", "Data", "Window", "Config", "ConfigRef", "Context"];
        let mut members = Members::of("", input)?;
        let read = Self {
            group: members.id("GroupID")?,
            stream: members.id("StreamID")?,
            data: members.take("Data"),
            window: members.take("Window").map(|it| Window::read(&it)).transpose()?,
            config: ConfigFrom::read(&mut members)?,
            context: members.take("Context").map(|it| read_context(&it)).transpose()?,
        };
        members.end(&MEMBERS)?;
        read.data.iter().try_for_each(|data| Source::read("Data", data).map(drop))?;
        Ok(read)
    }
}

impl ConfigFrom {
    fn read(members: &mut Members) -> Result<Option<Self>, InvalidInput> {
        match (members.take("Config"), members.take("ConfigRef")) {
            (Some(_), Some(_)) => {
                Err(InvalidInput::new("ConfigRef", "there is `Config` too; give one of them"))
            }
            (Some(config @ Value::Object(_)), None) => Ok(Some(Self::Given(config))),
            (Some(_), None) => Err(InvalidInput::new("Config", "it is no JSON object")),
            (None, Some(Value::String(file))) if is_below(&file) => Ok(Some(Self::File(file))),
            (None, Some(_)) => {
                let message =
                    "it names no file in the folder of streams, for instance `buoys/7-temp.toml`";
                Err(InvalidInput::new("ConfigRef", message))
            }
            (None, None) => Ok(None),
        }
    }
}

/// Whether a path leads nowhere but into its folder.
fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|it| matches!(it, Component::Normal(_)))
}

impl Window {
    fn read(value: &Value) -> Result<Self, InvalidInput> {
        let mut members = Members::of("Window", value)?;
        let window = Self { from: members.time("from")?, to: members.time("to")? };
        members.end(&["from", "to"])?;
        if window.from >= window.to {
            return Err(InvalidInput::new("Window.to", "it is not after `Window.from`"));
        }
        Ok(window)
    }
}

fn read_context(value: &Value) -> Result<Vec<Point>, InvalidInput> {
    let mut members = Members::of("Context", value)?;
    let last = members.take("last").ok_or_else(|| members.missing("last"))?;
    members.end(&["last"])?;
    read_points("Context.last", &last)
}

/// Points that stand in the input itself.
///
/// # Errors
/// The first that is none, by its place: `Data.inline[3].value`.
pub(crate) fn read_points(place: &str, value: &Value) -> Result<Vec<Point>, InvalidInput> {
    let Value::Array(points) = value else {
        return Err(InvalidInput::new(place, "it is no array of points"));
    };
    let point = |(at, point): (usize, &Value)| {
        serde_path_to_error::deserialize::<_, Point>(point).map_err(|error| {
            let member = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(".{path}"),
            };
            InvalidInput::new(format!("{place}[{at}]{member}"), error.inner().to_string())
        })
    };
    points.iter().enumerate().map(point).collect()
}

/// The members of an object of the input, taken one by one; what is left at the end is unknown.
pub(crate) struct Members {
    place: String,
    left: Map<String, Value>,
}

impl Members {
    /// Those of the object at `place`, which is `""` for the input as a whole.
    pub(crate) fn of(place: &str, value: &Value) -> Result<Self, InvalidInput> {
        match value {
            Value::Object(members) => Ok(Self { place: place.to_owned(), left: members.clone() }),
            _ => Err(InvalidInput::new(place, "it is no JSON object")),
        }
    }

    /// A member that is there and not null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Whether a member is there, and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<String, InvalidInput> {
        self.text_if_given(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that may be there.
    pub(crate) fn text_if_given(&mut self, name: &str) -> Result<Option<String>, InvalidInput> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.wrong(name, "it is empty")),
            Some(_) => Err(self.wrong(name, "it is no string")),
        }
    }

    fn id(&mut self, name: &str) -> Result<String, InvalidInput> {
        let id = self.text(name)?;
        if id.chars().count() > ID_CHARACTERS_MAX || id.chars().any(char::is_control) {
            let message =
                format!("it has more than {ID_CHARACTERS_MAX} characters, or a control character");
            return Err(self.wrong(name, message));
        }
        Ok(id)
    }

    fn time(&mut self, name: &str) -> Result<Timestamp, InvalidInput> {
        let text = self.text(name)?;
        text.parse().map_err(|_| {
            self.wrong(
                name,
                format!("`{text}` is no time; write for instance `2026-03-01T00:00:00Z`"),
            )
        })
    }

    /// That a member is not there.
    pub(crate) fn missing(&self, name: &str) -> InvalidInput {
        self.wrong(name, "it is missing")
    }

    /// That a member is not what it should be.
    pub(crate) fn wrong(&self, name: &str, message: impl Into<String>) -> InvalidInput {
        InvalidInput::new(self.name(name), message)
    }

    fn name(&self, member: &str) -> String {
        if self.place.is_empty() { member.to_owned() } else { format!("{}.{member}", self.place) }
    }

    /// Refuses what was not taken.
    pub(crate) fn end(self, known: &[&str]) -> Result<(), InvalidInput> {
        let Some(unknown) = self.left.keys().find(|it| !known.contains(&it.as_str())) else {
            return Ok(());
        };
        let help = match stepwell_pipeline::suggest::closest(unknown, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the members here are {}", known.join(", ")),
        };
        Err(self.wrong(unknown, format!("there is no such member; {help}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(input: &Value) -> String {
        Input::read(input).unwrap_err().field
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let with = |members: Value| {
            let mut input = json!({"GroupID": "g", "StreamID": "s"});
            input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            input
        };
        for (input, field) in [
            (json!([]), ""),
            (json!({}), "GroupID"),
            (json!({"GroupID": 1}), "GroupID"),
            (json!({"GroupID": "g", "StreamID": ""}), "StreamID"),
            (json!({"GroupID": "g", "StreamID": "a\nb"}), "StreamID"),
            (json!({"GroupID": "g", "StreamID": "x".repeat(257)}), "StreamID"),
            (with(json!({"Dta": {}})), "Dta"),
            (with(json!({"Data": []})), "Data"),
            (with(json!({"Data": {}})), "Data"),
            (with(json!({"Data": {"uri": "a.csv", "inline": []}})), "Data"),
            (with(json!({"Data": {"uri": 1}})), "Data.uri"),
            (with(json!({"Data": {"uri": "ftp://a/b.csv"}})), "Data.uri"),
            (with(json!({"Data": {"uri": "a.xls"}})), "Data.format"),
            (with(json!({"Data": {"uri": "a.csv", "format": "xls"}})), "Data.format"),
            (with(json!({"Data": {"inline": [{"time": "x"}]}})), "Data.inline[0].time"),
            (
                with(json!({"Data": {"inline": [{"time": "2026-03-01T00:00:00Z", "value": "1"}]}})),
                "Data.inline[0].value",
            ),
            (with(json!({"Data": {"postgres": {"url": "secret:a"}}})), "Data.postgres.query"),
            (
                with(
                    json!({"Data": {"postgres": {"url": "postgres://u:p@h/d", "query": "SELECT 1"}}}),
                ),
                "Data.postgres.url",
            ),
            (
                with(json!({"Data": {"dynamodb": {"table": "t", "time": "at", "value": "v"}}})),
                "Data.dynamodb.partition",
            ),
            (with(json!({"Window": {"from": "2026-03-01T00:00:00Z"}})), "Window.to"),
            (
                with(
                    json!({"Window": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}}),
                ),
                "Window.to",
            ),
            (
                with(json!({"Window": {"from": "yesterday", "to": "2026-03-01T00:00:00Z"}})),
                "Window.from",
            ),
            (with(json!({"Config": "a.toml"})), "Config"),
            (with(json!({"ConfigRef": "../secrets.toml"})), "ConfigRef"),
            (with(json!({"ConfigRef": "/etc/passwd"})), "ConfigRef"),
            (with(json!({"Config": {}, "ConfigRef": "a.toml"})), "ConfigRef"),
            (with(json!({"Context": {}})), "Context.last"),
            (with(json!({"Context": {"last": [3]}})), "Context.last[0]"),
        ] {
            assert_eq!(refused(&input), field, "{input}");
        }
    }

    #[test]
    fn a_mistyped_member_is_suggested() {
        let error = Input::read(&json!({"GroupID": "g", "StreamID": "s", "Dat": {}})).unwrap_err();
        assert!(error.message.contains("`Data`"), "{error}");
    }
}
