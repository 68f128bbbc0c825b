//! `cron(MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)`.
//!
//! | Field | Values | Wildcards |
//! | --- | --- | --- |
//! | minute | 0-59 | `, - * /` |
//! | hour | 0-23 | `, - * /` |
//! | day of month | 1-31 | `, - * / ? L W` |
//! | month | 1-12 or JAN-DEC | `, - * /` |
//! | day of week | 1-7 or SUN-SAT | `, - * / ? L #` |
//! | year | 1970-2199 | `, - * /` |
//!
//! Exactly one of the two day fields must be `?`.

mod days;
mod field;

#[cfg(test)]
mod proptests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use self::days::Days;
use crate::{Call, ParseError, Word};

/// The local times of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
    days: Days,
}

pub(crate) fn parse(call: &Call<'_>) -> Result<Cron, ParseError> {
    let words: Vec<_> = call.words().collect();
    let [minute, hour, day_of_month, month, day_of_week, year] = words[..] else {
        return Err(wrong_field_count(call, words.len()));
    };
    Ok(Cron {
        minutes: field::MINUTE.parse(minute)?,
        hours: field::HOUR.parse(hour)?,
        months: field::MONTH.parse(month)?,
        years: field::YEAR.parse(year)?,
        days: days::parse(day_of_month, day_of_week)?,
    })
}

fn wrong_field_count(call: &Call<'_>, count: usize) -> ParseError {
    let hint = if count == 5 { "; the last one is the year, `*` for every year" } else { "" };
    ParseError::new(call.span(), format!("a cron expression has six fields, this one has {count}")).help(format!(
        "write minute, hour, day of month, month, day of week and year, for instance `cron(0 9 ? * MON-FRI *)`{hint}"
    ))
}

impl Cron {
    pub(crate) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut local = start_of_minute(zone.to_datetime(after))?;
        loop {
            local = self.first_local_from(local)?;
            match instant(local, zone) {
                Some(instant) if instant > after => return Some(instant),
                _ => local = local.checked_add(jiff::Span::new().minutes(1)).ok()?,
            }
        }
    }

    /// The first matching local time that is not before `from`, whether or not the clock ever shows it.
    fn first_local_from(&self, from: DateTime) -> Option<DateTime> {
        if self.is_day(from.date())
            && let Some((hour, minute)) =
                self.first_time_from(i16::from(from.hour()), i16::from(from.minute()))
        {
            return Some(from.date().at(hour, minute, 0, 0));
        }
        let day = self.first_day_from(from.date().tomorrow().ok()?)?;
        let (hour, minute) = self.first_time_from(0, 0)?;
        Some(day.at(hour, minute, 0, 0))
    }

    fn first_time_from(&self, hour: i16, minute: i16) -> Option<(i8, i8)> {
        if self.hours.contains(&hour)
            && let Some(minute) = self.minutes.range(minute..).next()
        {
            return Some((hour as i8, *minute as i8));
        }
        let hour = self.hours.range(hour + 1..).next()?;
        Some((*hour as i8, *self.minutes.first()? as i8))
    }

    fn is_day(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && self.days.contains(date)
    }

    fn first_day_from(&self, from: Date) -> Option<Date> {
        let months = self.years.range(from.year()..).flat_map(|year| {
            self.months.iter().filter_map(move |month| Date::new(*year, *month as i8, 1).ok())
        });
        months
            .filter(|first| first.last_of_month() >= from)
            .flat_map(|first| {
                first.series(jiff::Span::new().days(1)).take(first.days_in_month() as usize)
            })
            .find(|date| *date >= from && self.days.contains(*date))
    }
}

fn start_of_minute(local: DateTime) -> Option<DateTime> {
    local.with().second(0).subsec_nanosecond(0).build().ok()
}

/// When the clock of `zone` first shows `local`; nothing if it skips it.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok()
        }
    }
}

/// Splits a field at its commas.
fn items(word: Word<'_>) -> impl Iterator<Item = Word<'_>> {
    let base = word.text.as_ptr() as usize;
    word.text
        .split(',')
        .map(move |text| Word { text, start: word.start + (text.as_ptr() as usize - base) })
}

#[cfg(test)]
mod tests {
    use crate::Schedule;

    #[track_caller]
    fn fires(expression: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(expression, zone).unwrap();
        let mut now = after.parse().unwrap();
        let mut actual = Vec::new();
        while actual.len() < expected.len() {
            let Some(next) = schedule.next_after(now) else { break };
            actual.push(next.to_string());
            now = next;
        }
        assert_eq!(actual, expected, "{expression} after {after}");
    }

    #[test]
    fn steps_lists_ranges_and_names() {
        fires(
            "cron(0/20 8 * * ? *)",
            "UTC",
            "2026-01-01T08:30:00Z",
            &["2026-01-01T08:40:00Z", "2026-01-02T08:00:00Z", "2026-01-02T08:20:00Z"],
        );
        fires(
            "cron(15 10-14/2,23 ? jan,JUL mon *)",
            "UTC",
            "2026-01-05T11:00:00Z",
            &[
                "2026-01-05T12:15:00Z",
                "2026-01-05T14:15:00Z",
                "2026-01-05T23:15:00Z",
                "2026-01-12T10:15:00Z",
            ],
        );
        fires("cron(0 0 1 1 ? 2026/4)", "UTC", "2026-01-01T00:00:00Z", &["2030-01-01T00:00:00Z"]);
    }

    #[test]
    fn days_of_the_month() {
        fires(
            "cron(0 12 L * ? *)",
            "UTC",
            "2028-01-31T12:00:00Z",
            &["2028-02-29T12:00:00Z", "2028-03-31T12:00:00Z"],
        );
        // 3 January 2026 is a Saturday, 1 February 2026 a Sunday, 1 March too.
        fires(
            "cron(0 0 3W * ? *)",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-02T00:00:00Z", "2026-02-03T00:00:00Z"],
        );
        fires(
            "cron(0 0 1W * ? *)",
            "UTC",
            "2026-01-15T00:00:00Z",
            &["2026-02-02T00:00:00Z", "2026-03-02T00:00:00Z"],
        );
        // 31 January and 28 February 2026 are Saturdays, 31 May a Sunday.
        fires(
            "cron(0 0 LW 1,2,5 ? 2026)",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-05-29T00:00:00Z"],
        );
        fires("cron(0 0 31W 4,5 ? 2026)", "UTC", "2026-01-01T00:00:00Z", &["2026-05-29T00:00:00Z"]);
    }

    #[test]
    fn days_of_the_week() {
        fires(
            "cron(0 0 ? * 2#1 *)",
            "UTC",
            "2026-01-05T00:00:00Z",
            &["2026-02-02T00:00:00Z", "2026-03-02T00:00:00Z"],
        );
        fires(
            "cron(0 0 ? * SUN#5 *)",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-03-29T00:00:00Z", "2026-05-31T00:00:00Z"],
        );
        fires(
            "cron(0 0 ? * 6L *)",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"],
        );
        fires("cron(0 0 ? * FRIL *)", "UTC", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z"]);
        fires(
            "cron(0 0 ? * L *)",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-03T00:00:00Z", "2026-01-10T00:00:00Z"],
        );
    }

    #[test]
    fn a_date_that_never_comes_ends_the_search() {
        fires("cron(0 0 31 2 ? *)", "UTC", "2026-01-01T00:00:00Z", &[]);
        fires("cron(0 0 1 1 ? 2025)", "UTC", "2026-01-01T00:00:00Z", &[]);
        let leap = Schedule::parse("cron(0 0 29 2 ? *)", "UTC").unwrap();
        assert_eq!(
            leap.next_after("2096-03-01T00:00:00Z".parse().unwrap()),
            Some("2104-02-29T00:00:00Z".parse().unwrap())
        );
    }

    #[test]
    fn a_skipped_local_time_does_not_fire_and_a_repeated_one_fires_once() {
        fires(
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-30T00:30:00Z"],
        );
        fires(
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        // From inside the repeated hour.
        fires(
            "cron(30 * * * ? *)",
            "Europe/Berlin",
            "2026-10-25T01:10:00Z",
            &["2026-10-25T02:30:00Z"],
        );
    }

    #[test]
    fn every_mistake_is_pointed_at() {
        for (expression, place, message) in [
            ("cron(60 * * * ? *)", "60", "the minute `60` is not within 0-59"),
            ("cron(0 24 * * ? *)", "24", "the hour `24` is not within 0-23"),
            ("cron(0 0 * * ?)", "0 0 * * ?", "a cron expression has six fields, this one has 5"),
            ("cron(0 0 * FEV ? *)", "FEV", "`FEV` is not a month"),
            ("cron(0 0 1-5x * ? *)", "5x", "`5x` is not a day of the month"),
            ("cron(0 0 9-5 * ? *)", "9-5", "the range `9-5` ends before it begins"),
            ("cron(0/0 0 * * ? *)", "0", "a step is a whole number from 1"),
            ("cron(0 0 * * * *)", "*", "one of the two day fields must be `?`"),
            ("cron(0 0 ? * ? *)", "?", "only one of the two day fields can be `?`"),
            ("cron(0 0 1 * MON *)", "MON", "one of the two day fields must be `?`"),
            ("cron(0 0 L-2 * ? *)", "L", "`L` is not a day of the month"),
            ("cron(0 0 1,LW * ? *)", "LW", "`LW` cannot stand in a list"),
            ("cron(0 0 ? * MON#6 *)", "6", "`#6` is not within #1-#5"),
            ("cron(0 0 ? * 8 *)", "8", "the day of the week `8` is not within 1-7"),
            ("cron(0 0 ? * MON,, *)", "", "a list item is empty"),
            ("cron(0 0 * * ? 2200)", "2200", "the year `2200` is not within 1970-2199"),
            ("cron(0 0 32W * ? *)", "32", "the day of the month `32` is not within 1-31"),
        ] {
            let error = Schedule::parse(expression, "UTC").unwrap_err();
            assert_eq!(
                (&expression[error.span.clone()], error.message.as_str()),
                (place, message),
                "{expression}"
            );
        }
    }

    #[test]
    fn other_words_and_zones_are_refused() {
        assert_eq!(
            Schedule::parse("@daily", "UTC").unwrap_err().message,
            "`@daily` is no schedule expression"
        );
        assert_eq!(Schedule::parse("every(1 day)", "UTC").unwrap_err().span, 0..5);
        assert_eq!(
            Schedule::parse("rate(1 day)", "Mars/Base").unwrap_err().message,
            "`Mars/Base` is not a time zone"
        );
    }
}
