//! Any expression against a naive reading of it that looks at every minute.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::Schedule;

/// An expression together with a naive test of a local date and time.
#[derive(Debug, Clone)]
struct Case {
    minute: (u8, u8),
    hours: Vec<u8>,
    day: DayCase,
}

#[derive(Debug, Clone)]
enum DayCase {
    Every,
    OfMonth(u8, u8),
    LastOfMonth,
    OfWeek(u8),
    Nth(u8, u8),
}

impl Case {
    fn expression(&self) -> String {
        let hours: Vec<_> = self.hours.iter().map(u8::to_string).collect();
        let (day_of_month, day_of_week) = match self.day {
            DayCase::Every => ("*".to_owned(), "?".to_owned()),
            DayCase::OfMonth(first, last) => (format!("{first}-{last}"), "?".to_owned()),
            DayCase::LastOfMonth => ("L".to_owned(), "?".to_owned()),
            DayCase::OfWeek(day) => ("?".to_owned(), day.to_string()),
            DayCase::Nth(day, nth) => ("?".to_owned(), format!("{day}#{nth}")),
        };
        let (start, step) = self.minute;
        format!("cron({start}/{step} {} {day_of_month} * {day_of_week} *)", hours.join(","))
    }

    fn matches(&self, local: jiff::civil::DateTime) -> bool {
        let minute = local.minute() as u8;
        let (start, step) = self.minute;
        minute >= start
            && (minute - start).is_multiple_of(step)
            && self.hours.contains(&(local.hour() as u8))
            && self.day.matches(local.date())
    }
}

impl DayCase {
    fn matches(&self, date: Date) -> bool {
        let day_of_week = date.weekday().to_sunday_one_offset() as u8;
        let day = date.day() as u8;
        match *self {
            Self::Every => true,
            Self::OfMonth(first, last) => first <= day && day <= last,
            Self::LastOfMonth => date.tomorrow().unwrap().day() == 1,
            Self::OfWeek(wanted) => day_of_week == wanted,
            Self::Nth(wanted, nth) => {
                let earlier = (1..=day).filter(|other| (day - other).is_multiple_of(7)).count();
                day_of_week == wanted && earlier == usize::from(nth)
            }
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let day = prop_oneof![
        Just(DayCase::Every),
        (1..=28u8, 0..=3u8).prop_map(|(first, more)| DayCase::OfMonth(first, first + more)),
        Just(DayCase::LastOfMonth),
        (1..=7u8).prop_map(DayCase::OfWeek),
        (1..=7u8, 1..=5u8).prop_map(|(day, nth)| DayCase::Nth(day, nth)),
    ];
    ((0..60u8, 1..60u8), prop::collection::vec(0..24u8, 1..4), day)
        .prop_map(|(minute, hours, day)| Case { minute, hours, day })
}

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ])
}

/// Instants around the clock changes of 2026 as well as anywhere.
fn instant() -> impl Strategy<Value = Timestamp> {
    let around = |base: i64| {
        (0..200_000i64).prop_map(move |offset| Timestamp::from_second(base + offset).unwrap())
    };
    prop_oneof![
        around(1_774_600_000),
        around(1_792_800_000),
        (0..4_000_000_000i64).prop_map(|second| Timestamp::from_second(second).unwrap()),
    ]
}

/// Looks at every minute up to `limit`, and takes a repeated local time only the first time it is shown.
fn naive_next(
    case: &Case,
    zone: &TimeZone,
    after: Timestamp,
    limit: Timestamp,
) -> Option<Timestamp> {
    let minute = SignedDuration::from_mins(1);
    let first = Timestamp::from_second((after.as_second() / 60 + 1) * 60).unwrap();
    std::iter::successors(Some(first), |at| at.checked_add(minute).ok())
        .take_while(|at| *at <= limit)
        .find(|at| {
            let local = zone.to_datetime(*at);
            case.matches(local) && zone.to_ambiguous_timestamp(local).earlier().unwrap() == *at
        })
}

proptest! {
    #[test]
    fn next_is_what_looking_at_every_minute_finds(case in case(), zone in zone(), after in instant()) {
        let schedule = Schedule::parse(&case.expression(), zone).unwrap();
        let limit = after + SignedDuration::from_hours(24 * 10);
        let expected = naive_next(&case, &TimeZone::get(zone).unwrap(), after, limit);
        let actual = schedule.next_after(after).filter(|next| *next <= limit);
        prop_assert_eq!(actual, expected, "{} in {} after {}", case.expression(), zone, after);
    }

    #[test]
    fn no_text_breaks_the_parser(text in "(rate|cron|at)?\\(?[-0-9*?/#,LWA-Z :T]{0,30}\\)?") {
        if let Ok(schedule) = Schedule::parse(&text, "UTC") {
            let _ = schedule.next_after(Timestamp::UNIX_EPOCH);
        }
    }

    #[test]
    fn places_lie_inside_the_text(text in "\\PC{0,40}") {
        if let Err(error) = Schedule::parse(&text, "UTC") {
            prop_assert!(text.get(error.span).is_some());
        }
    }
}
