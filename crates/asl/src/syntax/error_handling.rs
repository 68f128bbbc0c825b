//! `Retry` and `Catch`.

use super::graph::Scope;
use super::place::{Object, Place};
use super::{Checker, allowed, fields};
use crate::diagnostic::Code;
use crate::error_name::{self, ErrorMatcher};
use crate::model::{Catcher, CatcherOutput, Jitter, Retrier};
use crate::suggest;

/// `MaxDelaySeconds` must be less than 366 days.
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_399;

impl<'t> Checker<'t> {
    pub(super) fn retry(&mut self, object: &Object<'t>) -> Vec<Retrier> {
        let Some(place) = object.get("Retry") else { return Vec::new() };
        let Some(items) = self.array(&place) else { return Vec::new() };
        let last = items.len().saturating_sub(1);
        items.iter().enumerate().filter_map(|(i, item)| self.retrier(item, i == last)).collect()
    }

    fn retrier(&mut self, place: &Place<'t>, is_last: bool) -> Option<Retrier> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::RETRIER);
        self.require(&object, &["ErrorEquals"]);
        self.comment(&object);
        let interval_seconds = object.get("IntervalSeconds").map(|p| self.seconds(&p));
        let max_attempts =
            object.get("MaxAttempts").map(|p| self.integer(&p, 0, fields::SECONDS_MAX));
        let backoff_rate = object.get("BackoffRate").map(|p| self.float(&p, 1.0));
        let max_delay_seconds = self.max_delay(&object, interval_seconds.flatten().unwrap_or(1));
        let jitter = self.jitter(&object);
        let errors = self.errors(&object, is_last)?;
        Some(Retrier {
            errors,
            interval_seconds: interval_seconds.unwrap_or(Some(1))?,
            max_attempts: max_attempts.unwrap_or(Some(3))?,
            backoff_rate: backoff_rate.unwrap_or(Some(2.0))?,
            max_delay_seconds,
            jitter,
        })
    }

    fn max_delay(&mut self, retrier: &Object<'t>, interval_seconds: u64) -> Option<u64> {
        let place = retrier.get("MaxDelaySeconds")?;
        let seconds = self.integer(&place, 1, MAX_DELAY_SECONDS_MAX)?;
        if seconds <= interval_seconds {
            let message = "MaxDelaySeconds must be greater than IntervalSeconds";
            self.findings.value(Code::OutOfRange, &place, message);
        }
        Some(seconds)
    }

    fn jitter(&mut self, retrier: &Object<'t>) -> Jitter {
        let Some(place) = retrier.get("JitterStrategy") else { return Jitter::None };
        match self.string(&place) {
            Some("FULL") => return Jitter::Full,
            Some("NONE") | None => {}
            Some(_) => {
                let message =
                    "The field 'JitterStrategy' should have one of these values: [FULL, NONE]";
                self.findings.value(Code::InvalidValue, &place, message);
            }
        }
        Jitter::None
    }

    pub(super) fn catch(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Vec<Catcher> {
        let Some(place) = object.get("Catch") else { return Vec::new() };
        let Some(items) = self.array(&place) else { return Vec::new() };
        let last = items.len().saturating_sub(1);
        items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| self.catcher(item, i == last, scope))
            .collect()
    }

    fn catcher(
        &mut self,
        place: &Place<'t>,
        is_last: bool,
        scope: &mut Scope<'t>,
    ) -> Option<Catcher> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::CATCHER);
        self.require(&object, &["ErrorEquals", "Next"]);
        self.comment(&object);
        let output = if self.is_jsonata() {
            CatcherOutput::Query(self.query(&object, "Output"))
        } else {
            CatcherOutput::ResultPath(self.result_path(&object))
        };
        let assign = self.assign(&object);
        let next = object.get("Next").and_then(|place| self.next(&place, scope));
        let errors = self.errors(&object, is_last);
        Some(Catcher { errors: errors?, output, assign, next: next? })
    }

    /// `ErrorEquals`.
    fn errors(&mut self, object: &Object<'t>, is_last: bool) -> Option<ErrorMatcher> {
        let place = object.get("ErrorEquals")?;
        let items = self.non_empty_array(&place)?;
        let names: Vec<&str> = items.iter().filter_map(|item| self.string(item)).collect();
        if names.len() < items.len() {
            return None;
        }
        for (item, name) in items.iter().zip(&names) {
            self.check_error_name(item, name);
        }
        if let Some(at) = names.iter().position(|name| *name == error_name::ALL)
            && (names.len() > 1 || !is_last)
        {
            let message = "States.ALL must be the only name of its ErrorEquals, in the last place of the list";
            self.findings
                .value(Code::MisplacedStatesAll, &items[at], message)
                .help("it matches everything: what stands beside or after it can never be used");
        }
        Some(ErrorMatcher::new(names.into_iter().map(str::to_owned).collect()))
    }

    /// The language keeps names that start with `States.` for itself; AWS accepts them nevertheless.
    fn check_error_name(&mut self, place: &Place<'t>, name: &str) {
        if name.starts_with("States.") && !error_name::RESERVED.contains(&name) {
            let message = format!("There is no error `{name}`");
            let meant = suggest::closest(name, error_name::RESERVED.iter().copied());
            self.findings
                .value(Code::UnknownStatesError, place, message)
                .warning()
                .maybe_help(meant.map(|meant| format!("did you mean `{meant}`?")));
        }
    }
}
