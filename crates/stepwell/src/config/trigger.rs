//! The keys about schedules, the same in every section that has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use stepwell_asl::suggest::closest;
use stepwell_schedule::{ParseError, Schedule};

use super::node::Table;
use super::problem::{Place, Problem};
use super::reader::Reader;

/// When something starts by itself, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    /// When.
    pub(crate) schedule: Schedule,
    /// With this input: JSON. Otherwise with the default one.
    pub(crate) input: Option<String>,
    /// Also while an execution of the same state machine runs.
    pub(crate) allow_overlap: bool,
}

/// The keys.
pub(super) const KEYS: [&str; 4] = ["schedule", "timezone", "input", "allow_overlap"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    schedule: Option<String>,
    timezone: Option<String>,
    input: Option<Json>,
    #[serde(default)]
    allow_overlap: bool,
}

/// JSON: a TOML table, or its text.
struct Json(serde_json::Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => serde_json::from_str(&text)
                .map(Self)
                .map_err(|error| serde::de::Error::custom(format!("this is not JSON: {error}"))),
            value => Ok(Self(value)),
        }
    }
}

impl Reader {
    /// Takes the keys about schedules out of a section.
    pub(super) fn trigger(&mut self, table: &mut Table) -> Option<Trigger> {
        let keys: Table =
            KEYS.iter().filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?))).collect();
        let places: BTreeMap<_, _> = keys
            .iter()
            .map(|(key, entry)| (key.clone(), (entry.key.clone(), entry.node.place.clone())))
            .collect();
        let keys: Keys = self.typed(keys, &Place::Unknown)?;
        let Some(expression) = keys.schedule else {
            for (key, (place, _)) in places {
                let message = format!("`{key}` says nothing without a `schedule`");
                self.problems.push(Problem::new(place, message));
            }
            return None;
        };
        let zone = keys.timezone.as_deref().unwrap_or("UTC");
        let schedule = Schedule::parse(&expression, zone);
        for (key, error) in errors(&expression, zone, schedule.as_ref().err()) {
            self.problems.push(problem(&error, &places[key].1));
        }
        Some(Trigger {
            schedule: schedule.ok()?,
            input: keys.input.map(|input| input.0.to_string()),
            allow_overlap: keys.allow_overlap,
        })
    }
}

/// The keys about schedules have been taken out of a section: a misspelt one is still in it.
pub(super) fn meant(problem: Problem, key: Option<&str>) -> Problem {
    let key = key.filter(|_| problem.is_unknown_key);
    match key.and_then(|key| closest(key, KEYS)) {
        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
        None => problem,
    }
}

/// What is wrong with the time zone and with the expression, each under its key: one must not hide the other.
fn errors(
    expression: &str,
    zone: &str,
    found: Option<&ParseError>,
) -> Vec<(&'static str, ParseError)> {
    if found.is_none() {
        return Vec::new();
    }
    let of_zone = Schedule::parse("rate(1 day)", zone).err();
    let zone = if of_zone.is_some() { "UTC" } else { zone };
    let of_expression = Schedule::parse(expression, zone).err();
    let of_zone = of_zone.map(|error| ("timezone", error));
    of_zone.into_iter().chain(of_expression.map(|error| ("schedule", error))).collect()
}

/// Points inside the string: its bytes follow the opening quote, as long as it has no escapes.
fn problem(error: &ParseError, place: &Place) -> Problem {
    let place = match place {
        Place::File(span) if !error.span.is_empty() => {
            let start = span.start + 1 + error.span.start;
            Place::File(start..(start + error.span.len()).min(span.end))
        }
        whole => whole.clone(),
    };
    Problem { help: error.help.clone(), ..Problem::new(place, error.message.clone()) }
}
