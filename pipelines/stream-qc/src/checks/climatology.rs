//! Climatology: what values are usual at a time of the year, and at a depth.

use jiff::civil::DateTime;

use super::{CheckError, Flags, Mode, Span};
use crate::facts::Facts;
use crate::flag::Flag;
use crate::series::{NAT, instant};

/// A part of a time that repeats, or counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// ISO 8601, 1 to 53.
    Week,
    /// 1 to 366.
    DayOfYear,
    /// Of the month, from 1.
    Day,
    /// Monday is 0.
    DayOfWeek,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
    /// Of the second, 0 to 999,999.
    Microsecond,
    /// Of the microsecond, 0 to 999.
    Nanosecond,
    /// How many days the month has.
    DaysInMonth,
}

impl Period {
    /// Its names in a configuration, which are those of pandas.
    pub const NAMES: [(&str, Self); 18] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("weekofyear", Self::Week),
        ("dayofyear", Self::DayOfYear),
        ("day_of_year", Self::DayOfYear),
        ("day", Self::Day),
        ("dayofweek", Self::DayOfWeek),
        ("day_of_week", Self::DayOfWeek),
        ("weekday", Self::DayOfWeek),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
        ("microsecond", Self::Microsecond),
        ("nanosecond", Self::Nanosecond),
        ("days_in_month", Self::DaysInMonth),
        ("daysinmonth", Self::DaysInMonth),
    ];

    fn of(self, time: DateTime) -> f64 {
        let month = time.month();
        f64::from(match self {
            Self::Year => time.year(),
            Self::Quarter => i16::from((month - 1) / 3 + 1),
            Self::Month => i16::from(month),
            Self::Week => i16::from(time.date().iso_week_date().week()),
            Self::DayOfYear => time.day_of_year(),
            Self::Day => i16::from(time.day()),
            Self::DayOfWeek => i16::from(time.weekday().to_monday_zero_offset()),
            Self::Hour => i16::from(time.hour()),
            Self::Minute => i16::from(time.minute()),
            Self::Second => i16::from(time.second()),
            Self::Microsecond => return f64::from(time.subsec_nanosecond() / 1000),
            Self::Nanosecond => time.nanosecond(),
            Self::DaysInMonth => i16::from(time.date().days_in_month()),
        })
    }
}

/// When a member applies; both ends are in it.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Between two instants, in nanoseconds since 1970.
    Dates(i64, i64),
    /// While a part of the time is from one number to another. `strict`: from 11 to 2 is winter; the library sorts.
    Period(Period, f64, f64),
}

/// What is usual at one time and depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// When it applies.
    pub when: When,
    /// Outside of it a value is SUSPECT.
    pub suspect: Span,
    /// Outside of it a value is FAIL.
    pub fail: Option<Span>,
    /// At which depths it applies; at all without it.
    pub depths: Option<Span>,
}

/// What is usual; a later member overrules an earlier one.
///
/// ```toml
/// climatology = [{ period = "month", tspan = [6, 8], vspan = [10, 20], fspan = [0, 30], zspan = [0, 10] }]
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Climatology {
    /// The members, in the order in which they apply.
    pub members: Vec<Member>,
}

impl Climatology {
    /// UNKNOWN where no member applies. In `ioos_qc_3_0` a member with a period takes a missing value for GOOD, and a
    /// missing depth for one that applies, whatever the time.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, for weeks of a series in which a time is missing.
    pub fn flags(
        &self,
        mode: Mode,
        facts: &Facts,
        times: &[i64],
        values: &[f64],
        depths: Option<&[f64]>,
    ) -> Flags {
        let is_missing = |value: &f64| match mode {
            Mode::IoosQc3_0 => !value.is_finite(),
            Mode::Strict => value.is_nan(),
        };
        let unjudged = |value| if is_missing(value) { Flag::Missing } else { Flag::Unknown };
        let mut flags: Vec<_> = values.iter().map(unjudged).collect();
        for member in &self.members {
            // The library passes over members with depths where the series has none.
            if mode == Mode::IoosQc3_0 {
                member.refuse_missing_times(facts)?;
            }
            if member.depths.is_some() && !facts.has_depths {
                continue;
            }
            for at in 0..values.len() {
                let depth = depths.map_or(f64::NAN, |depths| depths[at]);
                if let Some(flag) = member.flag(mode, times[at], values[at], depth) {
                    flags[at] = flag;
                }
            }
        }
        Ok(flags)
    }
}

impl Member {
    fn refuse_missing_times(&self, facts: &Facts) -> Result<(), CheckError> {
        if matches!(self.when, When::Period(Period::Week, ..)) && facts.has_missing_times {
            return Err(CheckError::Raises {
                check: "climatology",
                exception: "ValueError",
                reason: "a member counts weeks and a time is missing",
            });
        }
        Ok(())
    }

    /// What the member says of a point, if it applies.
    fn flag(&self, mode: Mode, time: i64, value: f64, depth: f64) -> Option<Flag> {
        match mode {
            Mode::Strict if value.is_nan() => None,
            Mode::IoosQc3_0 if self.is_masked_by_pandas(value, depth) => {
                Some(if value.is_finite() { self.judge(value) } else { Flag::Good })
            }
            Mode::IoosQc3_0 if self.depths.is_none() && value.is_nan() => None,
            _ => (self.is_at(mode, time) && self.is_deep(depth)).then(|| self.judge(value)),
        }
    }

    /// Where a masked entry meets a series of pandas it becomes true, whatever the time.
    fn is_masked_by_pandas(&self, value: f64, depth: f64) -> bool {
        let is_series = matches!(self.when, When::Period(period, ..) if period != Period::Week);
        is_series && (!value.is_finite() || (self.depths.is_some() && !depth.is_finite()))
    }

    fn is_at(&self, mode: Mode, time: i64) -> bool {
        match self.when {
            _ if time == NAT => false,
            When::Dates(from, to) => (from.min(to)..=from.max(to)).contains(&time),
            When::Period(period, from, to) => {
                let Some(instant) = instant(time) else { return false };
                let number = period.of(jiff::tz::Offset::UTC.to_datetime(instant));
                match mode {
                    Mode::Strict if from > to => number >= from || number <= to,
                    _ => Span::new(from, to).holds(number),
                }
            }
        }
    }

    fn is_deep(&self, depth: f64) -> bool {
        self.depths.is_none_or(|depths| depth.is_finite() && depths.holds(depth))
    }

    fn judge(&self, value: f64) -> Flag {
        if self.fail.is_some_and(|span| span.is_outside(value)) {
            Flag::Fail
        } else if self.suspect.is_outside(value) {
            Flag::Suspect
        } else {
            Flag::Good
        }
    }
}
