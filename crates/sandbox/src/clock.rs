//! The sandbox's time: the machine's, moved on by hand; or a time that stands still until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::HeaderValue;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// Microseconds since 1970-01-01T00:00:00Z.
pub(crate) type Micros = i64;

/// Where time comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeSource {
    /// The machine's clock.
    #[default]
    System,
    /// Stands at this time until it is moved on: everything that the sandbox says becomes repeatable.
    Manual(Timestamp),
}

/// A clock that tests can move on.
#[derive(Debug)]
pub(crate) struct Clock {
    source: TimeSource,
    moved_micros: AtomicI64,
}

impl Clock {
    pub(crate) fn new(source: TimeSource) -> Self {
        Self { source, moved_micros: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> Micros {
        let base = match self.source {
            TimeSource::System => Timestamp::now(),
            TimeSource::Manual(at) => at,
        };
        base.as_microsecond() + self.moved_micros.load(Ordering::Relaxed)
    }

    pub(crate) fn now_seconds(&self) -> i64 {
        self.now().div_euclid(1_000_000)
    }

    /// `2026-01-02T03:04:05.678Z`, as Java services print times.
    pub(crate) fn now_millis_text(&self) -> String {
        let now = Timestamp::from_microsecond(self.now()).unwrap_or(Timestamp::MAX);
        format!("{now:.3}")
    }

    /// For the `Date` header.
    pub(crate) fn http_date(&self) -> HeaderValue {
        let now = Timestamp::from_microsecond(self.now()).unwrap_or(Timestamp::MAX);
        let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
        text.ok().and_then(|text| text.parse().ok()).unwrap_or(HeaderValue::from_static("unknown"))
    }

    pub(crate) fn move_on(&self, by: Duration) {
        self.moved_micros.fetch_add(micros(by), Ordering::Relaxed);
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
