//! The constraints of the service model: which members must be there, and within which bounds.
//!
//! They are checked before anything else looks at a request, and what breaks them is told all at once:
//!
//! ```text
//! 2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null;
//! Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000
//! ```
//!
//! Source: the public service model of Step Functions (2016-11-23); the texts as recorded from AWS.

use std::ops::RangeInclusive;

use stepwell_engine::Handle;

use crate::error::ApiError;

/// Characters of an ARN.
pub(crate) const ARN: RangeInclusive<usize> = 1..=256;
/// Characters of the ARN of a Map run.
pub(crate) const LONG_ARN: RangeInclusive<usize> = 1..=2_000;
/// Characters of the name of a state machine or an execution.
pub(crate) const NAME: RangeInclusive<usize> = 1..=80;
/// Characters of a task token.
pub(crate) const TASK_TOKEN: RangeInclusive<usize> = 1..=2_048;
/// Characters of a definition, where AWS's limits are wanted.
pub(crate) const DEFINITION: RangeInclusive<usize> = 1..=1_048_576;
/// Characters of a payload, where AWS's limits are wanted.
pub(crate) const PAYLOAD: RangeInclusive<usize> = 0..=262_144;

/// These bounds where AWS's limits are wanted, else the lower one alone.
pub(crate) fn of_aws(engine: &Handle, bounds: RangeInclusive<usize>) -> RangeInclusive<usize> {
    if engine.has_aws_limits() { bounds } else { *bounds.start()..=usize::MAX }
}

/// The one member that a request has: an ARN.
pub(crate) fn arn(member: &str, value: Option<String>) -> Result<String, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required(member, value, ARN);
    constraints.check()?;
    Ok(arn)
}

/// Characters of a value that an error repeats; AWS repeats all of it.
const SHOWN_MAX: usize = 4_096;

/// Collects what a request breaks.
#[derive(Debug, Default)]
pub(crate) struct Constraints(Vec<String>);

impl Constraints {
    /// A text that must be there. What is given for one that is not counts only until [`check`](Self::check).
    pub(crate) fn required(
        &mut self,
        member: &str,
        value: Option<String>,
        characters: RangeInclusive<usize>,
    ) -> String {
        if value.is_none() {
            self.broken(member, "null", "not be null");
        }
        self.length(member, value.as_deref(), characters);
        value.unwrap_or_default()
    }

    /// A text that may be missing.
    pub(crate) fn length(
        &mut self,
        member: &str,
        value: Option<&str>,
        characters: RangeInclusive<usize>,
    ) {
        let Some(text) = value else { return };
        let count = text.chars().count();
        if count < *characters.start() {
            let least = format!("have length greater than or equal to {}", characters.start());
            self.broken(member, &quoted(text), &least);
        } else if count > *characters.end() {
            let most = format!("have length less than or equal to {}", characters.end());
            self.broken(member, &quoted(text), &most);
        }
    }

    /// A number that may be missing.
    pub(crate) fn range(&mut self, member: &str, value: Option<i64>, range: RangeInclusive<i64>) {
        let Some(number) = value else { return };
        if number < *range.start() {
            let least = format!("have value greater than or equal to {}", range.start());
            self.broken(member, &quoted(&number.to_string()), &least);
        } else if number > *range.end() {
            let most = format!("have value less than or equal to {}", range.end());
            self.broken(member, &quoted(&number.to_string()), &most);
        }
    }

    /// A number with a fraction that may be missing.
    pub(crate) fn fraction(
        &mut self,
        member: &str,
        value: Option<f64>,
        range: RangeInclusive<f64>,
    ) {
        let Some(number) = value else { return };
        if number < *range.start() {
            let least = format!("have value greater than or equal to {}", range.start());
            self.broken(member, &quoted(&number.to_string()), &least);
        } else if number > *range.end() {
            let most = format!("have value less than or equal to {}", range.end());
            self.broken(member, &quoted(&number.to_string()), &most);
        }
    }

    /// A text that may be missing and must have a shape: that of a regular expression, which errors show.
    pub(crate) fn shape(
        &mut self,
        member: &str,
        value: Option<&str>,
        pattern: &str,
        has_it: impl Fn(&str) -> bool,
    ) {
        if let Some(text) = value.filter(|text| !has_it(text)) {
            let must = format!("satisfy regular expression pattern: {pattern}");
            self.broken(member, &quoted(text), &must);
        }
    }

    /// How many items a list has. The items are not repeated.
    pub(crate) fn count(&mut self, member: &str, count: usize, range: RangeInclusive<usize>) {
        if count < *range.start() {
            let least = format!("have length greater than or equal to {}", range.start());
            self.broken(member, "'[]'", &least);
        } else if count > *range.end() {
            let most = format!("have length less than or equal to {}", range.end());
            self.broken(member, &format!("'[{count} items]'"), &most);
        }
    }

    /// Something other than a text that must be there.
    pub(crate) fn present<T: Default>(&mut self, member: &str, value: Option<T>) -> T {
        if value.is_none() {
            self.broken(member, "null", "not be null");
        }
        value.unwrap_or_default()
    }

    /// A text that may be missing and must be one of these.
    pub(crate) fn one_of(&mut self, member: &str, value: Option<&str>, known: &[&str]) {
        if let Some(text) = value.filter(|text| !known.contains(text)) {
            let set = format!("satisfy enum value set: [{}]", known.join(", "));
            self.broken(member, &quoted(text), &set);
        }
    }

    /// `ValidationException` with everything that is broken.
    pub(crate) fn check(self) -> Result<(), ApiError> {
        let errors = match self.0.len() {
            0 => return Ok(()),
            1 => "error",
            _ => "errors",
        };
        let (count, all) = (self.0.len(), self.0.join("; "));
        Err(ApiError::validation(format!("{count} validation {errors} detected: {all}")))
    }

    fn broken(&mut self, member: &str, value: &str, must: &str) {
        self.0.push(format!(
            "Value {value} at '{member}' failed to satisfy constraint: Member must {must}"
        ));
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("'{}...'", &text[..end]),
        None => format!("'{text}'"),
    }
}
