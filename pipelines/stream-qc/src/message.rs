//! The message that tells a verdict: whether it is told, its subject, its text, its attributes.
//!
//! Source: Amazon SNS API reference, `Publish`: a subject has fewer than 100 characters, none of them a line break or
//! control character.

use serde::Deserialize;
use serde_json::Value;
use stepwell_integrations::sns::{Attribute, Message};

use crate::settings::Telling;
use crate::verdict::{Status, Summary};

const SUBJECT_CHARACTERS_MAX: usize = 99;

/// From which verdict on a group is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Always.
    #[default]
    Passed,
    /// Of data that are bad, and of what could not be checked.
    Failed,
    /// Of what could not be checked.
    Error,
}

impl Severity {
    fn includes(self, status: Status) -> bool {
        match self {
            Self::Passed => true,
            Self::Failed => status != Status::Passed,
            Self::Error => !matches!(status, Status::Passed | Status::Failed),
        }
    }
}

/// The text of a message with names of the summary in braces: `{Status}: {GroupID}/{StreamID}, {TotalPass}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A member of the summary.
    Member(&'static str),
}

/// The members of a summary that a template may name.
const MEMBERS: [&str; 12] = [
    "GroupID",
    "StreamID",
    "QCPID",
    "StartTime",
    "EndTime",
    "Status",
    "PreviousStatus",
    "TotalPass",
    "Rows",
    "Processes",
    "Counts",
    "Top",
];

impl Template {
    /// Reads a template. `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let ("{", Some((name, after))) = (brace, rest.split_once('}')) else {
                return Err(format!("a `{brace}` stands alone; write `{brace}{brace}` for one"));
            };
            let member = MEMBERS.iter().find(|it| **it == name);
            let member = member.ok_or_else(|| format!("`{{{name}}}` is no member of a summary"))?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Member(member));
            rest = after;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// What may be written.
    pub(crate) fn help() -> String {
        format!("the members are {}", MEMBERS.map(|it| format!("{{{it}}}")).join(", "))
    }

    fn render(&self, summary: &Value) -> String {
        let render = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Member(name) => match &summary[*name] {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            },
        };
        self.0.iter().map(render).collect()
    }
}

/// Whether a verdict is told to a group, of which this one is known.
pub(crate) fn is_told(telling: &Telling, summary: &Summary, known: Option<Status>) -> bool {
    let is_change = known != Some(summary.status);
    telling.severity.includes(summary.status) && (!telling.only_on_change || is_change)
}

/// The message about a verdict.
pub(crate) fn message(telling: &Telling, summary: &Summary) -> Message {
    let told = summary.told();
    let text = match &telling.template {
        Some(template) => template.render(&told),
        None => told.to_string(),
    };
    let text_attribute = |text: &str| Attribute::String(text.to_owned());
    let message = Message::new(text)
        .with_subject(subject(summary))
        .with_attribute("Status", text_attribute(summary.status.name()));
    match summary.group.as_deref() {
        Some(group) => message.with_attribute("GroupID", text_attribute(group)),
        None => message,
    }
}

/// `QC FAILED buoys/7-temp 2026-03-01T00:00Z`
pub(crate) fn subject(summary: &Summary) -> String {
    let minute = summary.minute().unwrap_or_default();
    let name = format!(
        "{}/{}",
        summary.group.as_deref().unwrap_or("-"),
        summary.stream.as_deref().unwrap_or("-")
    );
    let head = format!("QC {} ", summary.status.name());
    let room = SUBJECT_CHARACTERS_MAX - head.len() - minute.len() - 1;
    let name: String =
        name.chars().filter(|c| c.is_ascii() && !c.is_control()).take(room).collect();
    format!("{head}{name} {minute}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_names_members_and_keeps_braces() {
        let template = Template::parse("{Status} {{{GroupID}}} {TotalPass} {EndTime}").unwrap();
        let summary = json!({"Status": "FAILED", "GroupID": "g", "TotalPass": 0, "EndTime": null});
        assert_eq!(template.render(&summary), "FAILED {g} 0 -");
    }

    #[test]
    fn a_wrong_template_is_refused_by_what_is_wrong() {
        for (text, expected) in [
            ("{Stauts}", "`{Stauts}` is no member"),
            ("a { b", "a `{` stands alone"),
            ("a } b", "a `}` stands alone"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn severity_tells_from_a_verdict_on() {
        let told = |severity: Severity| {
            [Status::Passed, Status::Failed, Status::Error, Status::ConfigError]
                .map(|status| severity.includes(status))
        };
        assert_eq!(told(Severity::Passed), [true; 4]);
        assert_eq!(told(Severity::Failed), [false, true, true, true]);
        assert_eq!(told(Severity::Error), [false, false, true, true]);
    }
}
