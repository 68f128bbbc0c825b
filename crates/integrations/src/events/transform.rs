//! What of an event a target is sent: `InputPath` and `InputTransformer`.
//!
//! Source: EventBridge user guide, "Amazon EventBridge input transformation", and as users see it: a variable whose path finds
//! nothing is an empty text; lists and objects lose their quotes inside of a text; `aws.events.event` calls the detail type
//! `detailType`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Source: API reference, `InputTransformer`.
const VARIABLES_MAX: usize = 100;
const TEMPLATE_CHARS_MAX: usize = 8_192;

/// Names that are there without being defined.
const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";
const INGESTION_TIME: &str = "aws.events.event.ingestion-time";
const EVENT: &str = "aws.events.event";
const EVENT_JSON: &str = "aws.events.event.json";
const RESERVED: [&str; 5] = [RULE_ARN, RULE_NAME, INGESTION_TIME, EVENT, EVENT_JSON];

/// An event and the rule that it matches.
pub(super) struct Told<'e> {
    pub(super) event: &'e Value,
    pub(super) rule_name: &'e str,
    pub(super) rule_arn: &'e str,
    /// When it came, as ISO 8601.
    pub(super) ingestion_time: &'e str,
}

/// `{"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": "{\"order\": <id>, \"words\": \"it is <id>\"}"}`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InputTransformer {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    input_paths_map: BTreeMap<String, String>,
    input_template: String,
}

impl InputTransformer {
    /// What is wrong with it, of the target with an id.
    pub(super) fn problem(&self, id: &str) -> Option<String> {
        if let Some(problem) = self.variables_problem() {
            return Some(format!("Invalid InputPathsMap for target {id}: {problem}."));
        }
        let Self { input_paths_map: paths, input_template: template } = self;
        if !(1..=TEMPLATE_CHARS_MAX).contains(&template.chars().count()) {
            return Some(format!(
                "Invalid InputTemplate for target {id}: it must have 1 to {TEMPLATE_CHARS_MAX} characters."
            ));
        }
        let is_known = |name: &str| paths.contains_key(name) || RESERVED.contains(&name);
        let mut unknown = None;
        fill(template, true, |name| {
            unknown = unknown.take().or_else(|| (!is_known(name)).then(|| name.to_owned()));
            Value::Null
        });
        if let Some(name) = unknown {
            return Some(format!(
                "InputTemplate for target {id} contains invalid placeholder {name}."
            ));
        }
        let is_wrong = is_json(template) && !stays_json(template);
        is_wrong.then(|| format!("Invalid InputTemplate for target {id}: it is not valid JSON."))
    }

    fn variables_problem(&self) -> Option<String> {
        let paths = &self.input_paths_map;
        if paths.len() > VARIABLES_MAX {
            return Some(format!("there are more than {VARIABLES_MAX} variables"));
        }
        let is_name = |name: &str| {
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            (1..=256).contains(&name.len()) && name.chars().all(is_allowed)
        };
        paths.iter().find_map(|(name, path)| {
            if !is_name(name) {
                return Some(format!("{name} is no name of a variable"));
            }
            if name.to_lowercase().starts_with("aws") {
                return Some(format!("the variable {name} begins with AWS"));
            }
            let is_wrong = Path::parse(path).is_none();
            is_wrong.then(|| format!("the path {path} of the variable {name} is not valid"))
        })
    }

    /// What is sent.
    pub(super) fn apply(&self, told: &Told<'_>) -> String {
        let template = &self.input_template;
        fill(template, is_json(template), |name| self.value(name, told))
    }

    fn value(&self, name: &str, told: &Told<'_>) -> Value {
        match name {
            RULE_ARN => told.rule_arn.into(),
            RULE_NAME => told.rule_name.into(),
            INGESTION_TIME => told.ingestion_time.into(),
            EVENT => {
                let mut head = told.event.as_object().cloned().unwrap_or_default();
                head.remove("detail");
                let kind = head.remove("detail-type").unwrap_or_default();
                head.insert("detailType".to_owned(), kind);
                head.into()
            }
            EVENT_JSON => told.event.clone(),
            defined => {
                let path = self.input_paths_map.get(defined);
                let path = path.and_then(|path| Path::parse(path));
                path.and_then(|path| path.find(told.event)).unwrap_or_else(|| "".into())
            }
        }
    }
}

/// A template that is no JSON is plain text.
fn is_json(template: &str) -> bool {
    let filled = || fill(template, true, |_| Value::Null);
    template.trim_start().starts_with('{') || serde_json::from_str::<Value>(&filled()).is_ok()
}

/// Whether the template is JSON whatever its variables are, and none of them a name of a member.
fn stays_json(template: &str) -> bool {
    const MARK: &str = "\0";
    let filled = |value: Value| {
        let filled = fill(template, true, |_| value.clone());
        serde_json::from_str::<Value>(&filled).ok()
    };
    filled(Value::Null).is_some() && filled(MARK.into()).is_some_and(|it| !has_name(&it, MARK))
}

fn has_name(value: &Value, part: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_name(item, part)),
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains(part) || has_name(value, part))
        }
        _ => false,
    }
}

/// The template with values in the place of its variables: as JSON, or as text where it stands in quotes or the whole is text.
fn fill(template: &str, is_json: bool, mut value: impl FnMut(&str) -> Value) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut is_quoted = false;
    let mut rest = template;
    while let Some(next) = rest.chars().next() {
        if let Some((name, after)) = variable(rest) {
            filled += &written(value(name), is_json, is_quoted);
            rest = after;
            continue;
        }
        // What is escaped ends no text.
        let length = if next == '\\' && is_quoted {
            rest.chars().take(2).map(char::len_utf8).sum()
        } else {
            is_quoted ^= next == '"';
            next.len_utf8()
        };
        filled += &rest[..length];
        rest = &rest[length..];
    }
    filled
}

/// A value as it stands in a template.
fn written(value: Value, is_json: bool, is_quoted: bool) -> String {
    match (value, is_json, is_quoted) {
        (Value::String(text), true, true) => {
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        (Value::String(text), false, _) => text,
        (value, true, true) => value.to_string().replace(['"', '\\'], ""),
        (value, _, _) => value.to_string(),
    }
}

/// The name in `<name>` at the beginning, and what follows.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('<')?.split_once('>')?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!name.is_empty() && name.chars().all(is_allowed)).then_some((name, after))
}

/// `$.detail.items[0].name`, with `*` in the place of a name or a number for all.
pub(super) struct Path(Vec<Step>);

enum Step {
    Name(String),
    Item(usize),
    All,
}

impl Path {
    /// None if it is none that EventBridge knows.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = if let Some(named) = rest.strip_prefix('.') {
                let (name, after) = named.split_at(named.find(['.', '[']).unwrap_or(named.len()));
                let is_allowed = |c: char| c.is_alphanumeric() || "-_/".contains(c);
                let is_name = !name.is_empty() && name.chars().all(is_allowed);
                let named = || is_name.then(|| Step::Name(name.to_owned()));
                (if name == "*" { Some(Step::All) } else { named() }, after)
            } else {
                let (number, after) = rest.strip_prefix('[')?.split_once(']')?;
                let numbered = || number.parse().ok().map(Step::Item);
                (if number == "*" { Some(Step::All) } else { numbered() }, after)
            };
            steps.push(step?);
            rest = after;
        }
        Some(Self(steps))
    }

    /// What it leads to: a list of all if it has a `*`.
    pub(super) fn find(&self, event: &Value) -> Option<Value> {
        let mut found = vec![event];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.from(value)).collect();
        }
        if self.0.iter().any(|step| matches!(step, Step::All)) {
            return Some(found.into_iter().cloned().collect());
        }
        found.first().copied().cloned()
    }
}

impl Step {
    fn from<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Name(name), _) => value.get(name).into_iter().collect(),
            (Self::Item(number), _) => value.get(number).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(members)) => members.values().collect(),
            (Self::All, _) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transformer(template: &str) -> InputTransformer {
        let paths = [
            ("id", "$.detail.id"),
            ("words", "$.detail.words"),
            ("items", "$.detail.items"),
            ("second", "$.detail.items[1].name"),
            ("names", "$.detail.items[*].name"),
            ("none", "$.detail.none"),
        ];
        let input_paths_map = paths.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
        InputTransformer { input_paths_map, input_template: template.to_owned() }
    }

    fn applied(template: &str) -> String {
        let items = json!([{"name": "a"}, {"name": "b"}]);
        let event = json!({"id": "1", "detail-type": "d", "detail": {"id": 7, "words": "say \"hi\"", "items": items}});
        let transformer = transformer(template);
        assert_eq!(transformer.problem("t"), None, "{template}");
        transformer.apply(&Told {
            event: &event,
            rule_name: "r",
            rule_arn: "arn:r",
            ingestion_time: "2026-03-01T09:00:00Z",
        })
    }

    #[test]
    fn values_are_json_outside_of_quotes_and_text_inside() {
        let template = r#"{"a": <id>, "b": <words>, "c": "<words> of <id>", "d": <items>}"#;
        let filled: Value = serde_json::from_str(&applied(template)).unwrap();
        let items = json!([{"name": "a"}, {"name": "b"}]);
        let words = "say \"hi\"";
        assert_eq!(filled, json!({"a": 7, "b": words, "c": "say \"hi\" of 7", "d": items}));
        assert_eq!(applied(r#""<id>: <words>""#), r#""7: say \"hi\"""#);
        assert_eq!(applied("<id>: <words>"), "7: say \"hi\"");
        assert_eq!(applied(r#"{"a": "\"<id>\""}"#), r#"{"a": "\"7\""}"#);
        assert_eq!(applied(r#"{"a": "<items>"}"#), r#"{"a": "[{name:a},{name:b}]"}"#);
        assert_eq!(applied("[ALERT] <words>"), "[ALERT] say \"hi\"");
        assert_eq!(applied("\"one <id>\"\n\"two\""), "\"one 7\"\n\"two\"");
    }

    #[test]
    fn paths_lead_into_lists_and_through_all_of_them() {
        assert_eq!(applied("[<second>, <names>]"), r#"["b", ["a","b"]]"#);
        assert_eq!(applied(r#"[<none>, "<none>"]"#), r#"["", ""]"#);
    }

    #[test]
    fn some_variables_are_there_without_being_defined() {
        let template = r#"["<aws.events.rule-name>", <aws.events.rule-arn>, <aws.events.event>, <aws.events.event.ingestion-time>]"#;
        assert_eq!(
            applied(template),
            r#"["r", "arn:r", {"id":"1","detailType":"d"}, "2026-03-01T09:00:00Z"]"#
        );
        assert!(applied("<aws.events.event.json>").contains("\"detail\""));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let problem = |template: &str| transformer(template).problem("t").unwrap();
        assert!(problem("").contains("1 to 8192 characters"));
        assert_eq!(
            problem("<other>"),
            "InputTemplate for target t contains invalid placeholder other."
        );
        for template in
            [r#"{"a": <id>"#, r#"{"<id>": 1}"#, r#"[{"<id>": 1}]"#, r#"{"a": "\u<id>0041"}"#]
        {
            assert!(problem(template).contains("not valid JSON"), "{template}");
        }
        let with = |name: &str, path: &str| {
            let input_paths_map = [(name.to_owned(), path.to_owned())].into();
            InputTransformer { input_paths_map, input_template: "x".into() }.problem("t").unwrap()
        };
        assert!(with("AWSx", "$").contains("begins with AWS"));
        assert!(with("Größe", "$").contains("no name"));
        for path in ["detail", "$.", "$.a..b", "$['a']", "$.a[x]", "$.a[0", "$a", "$.a[0]b"] {
            assert!(with("x", path).contains("is not valid"), "{path}");
        }
    }
}
