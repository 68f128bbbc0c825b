//! `rate(VALUE UNIT)`: a fixed interval of elapsed time.

use jiff::{SignedDuration, Timestamp};

use crate::{Call, ParseError};

/// An interval in seconds, at least a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    seconds: i64,
}

pub(crate) fn parse(call: &Call<'_>) -> Result<Rate, ParseError> {
    let words: Vec<_> = call.words().collect();
    let [value, unit] = words[..] else {
        return Err(ParseError::new(call.span(), "a rate is a number and a unit".to_owned())
            .help("write for instance `rate(5 minutes)`"));
    };
    let count: u32 =
        value.text.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
            value.error(format!("`{}` is not a positive whole number", value.text))
        })?;
    let unit_seconds = match unit.text {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        other => {
            return Err(unit
                .error(format!("`{other}` is not a unit of a rate"))
                .help("the units are `minutes`, `hours` and `days`"));
        }
    };
    Ok(Rate { seconds: i64::from(count) * unit_seconds })
}

impl Rate {
    /// The first `anchor + n * interval` later than `after`, with `n >= 1`.
    pub(crate) fn next_after(self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        let whole = after.duration_since(anchor).as_secs().div_euclid(self.seconds);
        let passed = whole.max(0).checked_mul(self.seconds)?;
        anchor.checked_add(SignedDuration::from_secs(passed.checked_add(self.seconds)?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_from_the_anchor_and_keeps_its_phase() {
        let rate = Schedule::parse("rate(3 hours)", "UTC")
            .unwrap()
            .anchored_at(at("2026-01-01T00:20:00Z"));
        for (after, next) in [
            ("2026-01-01T00:20:00Z", "2026-01-01T03:20:00Z"),
            ("2026-01-01T03:19:59.999Z", "2026-01-01T03:20:00Z"),
            ("2026-01-01T03:20:00Z", "2026-01-01T06:20:00Z"),
            ("2026-02-01T00:00:00Z", "2026-02-01T00:20:00Z"),
            ("2020-01-01T00:00:00Z", "2026-01-01T03:20:00Z"),
        ] {
            assert_eq!(rate.next_after(at(after)), Some(at(next)), "after {after}");
        }
    }

    #[test]
    fn a_day_is_24_hours_over_a_clock_change() {
        let rate = Schedule::parse("rate(1 day)", "Europe/Berlin")
            .unwrap()
            .anchored_at(at("2026-03-28T12:00:00Z"));
        assert_eq!(rate.next_after(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T12:00:00Z")));
    }

    #[test]
    fn refuses_what_is_no_interval() {
        for (text, message) in [
            ("rate(0 hours)", "`0` is not a positive whole number"),
            ("rate(1.5 hours)", "`1.5` is not a positive whole number"),
            ("rate(5 seconds)", "`seconds` is not a unit of a rate"),
            ("rate(hours)", "a rate is a number and a unit"),
            ("rate(1 hour", "the closing `)` is missing"),
        ] {
            assert_eq!(Schedule::parse(text, "UTC").unwrap_err().message, message, "{text}");
        }
    }
}
