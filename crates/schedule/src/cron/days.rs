//! The two day fields, of which one is `?`.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, split};
use super::items;
use crate::{ParseError, Word};

/// Which days of a month.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Days {
    /// These days of the month; with `last`, the last one too.
    OfMonth { days: BTreeSet<i16>, last: bool },
    /// `nW`: the weekday nearest to a day, within its month.
    NearestWeekday(i16),
    /// `LW`: the last weekday of the month.
    LastWeekday,
    /// These days of the week, 1 = Sunday.
    OfWeek(BTreeSet<i16>),
    /// `n#k`: the k-th such day of the week in the month.
    NthOfWeek { day: i16, nth: i16 },
    /// `nL`: the last such day of the week in the month.
    LastOfWeek(i16),
}

pub(super) fn parse(day_of_month: Word<'_>, day_of_week: Word<'_>) -> Result<Days, ParseError> {
    match (day_of_month.text, day_of_week.text) {
        ("?", "?") => Err(day_of_week
            .error("only one of the two day fields can be `?`")
            .help("write `*` in one of them for every day")),
        (_, "?") => of_month(day_of_month),
        ("?", _) => of_week(day_of_week),
        _ => Err(day_of_week
            .error("one of the two day fields must be `?`")
            .help("write `?` in the day field that should not count")),
    }
}

fn of_month(word: Word<'_>) -> Result<Days, ParseError> {
    let text = word.text.to_ascii_uppercase();
    if text == "LW" {
        return Ok(Days::LastWeekday);
    }
    if let Some(day) = text.strip_suffix('W').filter(|day| is_number(day)) {
        return Ok(Days::NearestWeekday(
            DAY_OF_MONTH.value(Word { text: &word.text[..day.len()], ..word })?,
        ));
    }
    let mut days = BTreeSet::new();
    let mut last = false;
    for item in items(word) {
        match item.text {
            "L" | "l" => last = true,
            text if text.ends_with(['W', 'w']) => return Err(not_in_a_list(item)),
            _ => days.append(&mut DAY_OF_MONTH.parse(item)?),
        }
    }
    Ok(Days::OfMonth { days, last })
}

fn of_week(word: Word<'_>) -> Result<Days, ParseError> {
    let whole = !word.text.contains(',');
    if whole && let (day, Some(nth)) = split(word, '#') {
        return Ok(Days::NthOfWeek { day: DAY_OF_WEEK.value(day)?, nth: parse_nth(nth)? });
    }
    if word.text.eq_ignore_ascii_case("L") {
        return Ok(Days::OfWeek(BTreeSet::from([7])));
    }
    if whole && let Some(day) = word.text.strip_suffix(['L', 'l']) {
        return Ok(Days::LastOfWeek(DAY_OF_WEEK.value(Word { text: day, ..word })?));
    }
    match items(word).find(|item| item.text.contains('#') || item.text.ends_with(['L', 'l'])) {
        Some(item) => Err(not_in_a_list(item)),
        None => Ok(Days::OfWeek(DAY_OF_WEEK.parse(word)?)),
    }
}

fn parse_nth(nth: Word<'_>) -> Result<i16, ParseError> {
    match nth.text.parse() {
        Ok(value @ 1..=5) => Ok(value),
        _ => Err(nth.error(format!("`#{}` is not within #1-#5", nth.text))),
    }
}

fn not_in_a_list(item: Word<'_>) -> ParseError {
    item.error(format!("`{}` cannot stand in a list", item.text))
        .help("make a schedule of its own for it")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Days {
    pub(super) fn contains(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let last_day = i16::from(date.days_in_month());
        match self {
            Self::OfMonth { days, last } => days.contains(&day) || (*last && day == last_day),
            Self::NearestWeekday(target) => nearest_weekday(date, *target) == Some(day),
            Self::LastWeekday => nearest_weekday(date, last_day) == Some(day),
            Self::OfWeek(days) => days.contains(&day_of_week(date)),
            Self::NthOfWeek { day: wanted, nth } => {
                day_of_week(date) == *wanted && (day - 1) / 7 + 1 == *nth
            }
            Self::LastOfWeek(wanted) => day_of_week(date) == *wanted && last_day - day < 7,
        }
    }
}

/// 1 = Sunday to 7 = Saturday.
fn day_of_week(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

/// The weekday nearest to day `target` of the month of `month`, never leaving the month.
fn nearest_weekday(month: Date, target: i16) -> Option<i16> {
    let last_day = i16::from(month.days_in_month());
    let date = month.with().day(target as i8).build().ok()?;
    Some(match day_of_week(date) {
        7 if target == 1 => 3,
        7 => target - 1,
        1 if target == last_day => target - 2,
        1 => target + 1,
        _ => target,
    })
}
