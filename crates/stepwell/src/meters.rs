//! What functions and triggers do, counted: for `/metrics`, and minute by minute for the alarms.
//!
//! ```text
//! stepwell_function_invocations_total{function}        stepwell_function_errors_total{function}
//! stepwell_function_duration_seconds{function}         stepwell_trigger_iterator_age_seconds{trigger}
//! ```

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// How long a function took, by function.
pub(crate) const DURATION: &str = "stepwell_function_duration_seconds";

/// The classes of [`DURATION`], in seconds: from a lookup to a slice of hours.
pub(crate) const DURATION_SECONDS: [f64; 9] =
    [0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<Minute>);

/// What was counted since the last time that somebody took it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Minute {
    /// By function.
    pub(crate) calls: BTreeMap<String, Calls>,
    /// How old the oldest message was that a trigger received, by trigger, and how far readers were behind, by
    /// stream; zero if there was none.
    pub(crate) ages: BTreeMap<String, Duration>,
    /// Tasks that found no free place.
    pub(crate) throttles: u64,
}

/// What a function did.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Calls {
    pub(crate) errors: u64,
    pub(crate) longest: Duration,
}

impl Meters {
    /// An invocation has ended.
    pub(crate) fn invoked(&self, function: &str, took: Duration, has_failed: bool) {
        metrics::counter!("stepwell_function_invocations_total", "function" => function.to_owned())
            .increment(1);
        metrics::counter!("stepwell_function_errors_total", "function" => function.to_owned())
            .increment(u64::from(has_failed));
        metrics::histogram!(DURATION, "function" => function.to_owned()).record(took);
        let mut minute = self.minute();
        let calls = minute.calls.entry(function.to_owned()).or_default();
        calls.errors += u64::from(has_failed);
        calls.longest = calls.longest.max(took);
    }

    /// A trigger has looked for messages, or a function for records of a stream; the oldest one waited so long.
    pub(crate) fn received(&self, trigger: &str, age: Duration) {
        metrics::gauge!("stepwell_trigger_iterator_age_seconds", "trigger" => trigger.to_owned())
            .set(age.as_secs_f64());
        let mut minute = self.minute();
        let oldest = minute.ages.entry(trigger.to_owned()).or_default();
        *oldest = (*oldest).max(age);
    }

    /// What was counted since the last time.
    pub(crate) fn take(&self) -> Minute {
        std::mem::take(&mut self.minute())
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.0.lock().expect("nothing panics while it counts")
    }
}
