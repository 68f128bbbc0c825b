//! Schedule expressions as EventBridge Scheduler writes them: `rate(...)`, `cron(...)` and `at(...)`, each in a
//! time zone.
//!
//! Responsible for: reading an expression, saying exactly what is wrong with it, and naming the next instant.
//! Left to others: clocks, timers, and what is started. This crate reads no clock; it is a leaf.
//!
//! ```
//! use stepwell_schedule::Schedule;
//!
//! let schedule = Schedule::parse("cron(0 9 ? * MON-FRI *)", "Europe/Berlin")?;
//! let friday_noon = "2026-11-20T12:00:00Z".parse()?;
//! assert_eq!(schedule.next_after(friday_noon), Some("2026-11-23T08:00:00Z".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: EventBridge Scheduler user guide, "Schedule types" and "Daylight savings time".

mod at;
mod cron;
mod error;
mod rate;

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use error::ParseError;

/// A checked schedule expression in its time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    text: String,
    zone: TimeZone,
    anchor: Timestamp,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Rate(rate::Rate),
    Cron(Box<cron::Cron>),
    At(Timestamp),
}

impl Schedule {
    /// Reads `rate(VALUE UNIT)`, `cron(MINUTE HOUR DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)` or
    /// `at(YYYY-MM-DDTHH:MM:SS)`. `zone` is an IANA name, for instance `UTC` or `America/New_York`.
    ///
    /// # Errors
    /// [`ParseError`] with the place inside `text`.
    pub fn parse(text: &str, zone: &str) -> Result<Self, ParseError> {
        let zone = time_zone(zone)?;
        let call = Call::parse(text)?;
        let kind = match call.name {
            "rate" => Kind::Rate(rate::parse(&call)?),
            "cron" => Kind::Cron(Box::new(cron::parse(&call)?)),
            "at" => Kind::At(at::parse(&call, &zone)?),
            _ => return Err(unknown_form(text, call.name.len())),
        };
        Ok(Self { text: text.to_owned(), zone, anchor: Timestamp::UNIX_EPOCH, kind })
    }

    /// Counts the intervals of a `rate` from `anchor`, for instance from when the schedule was first seen.
    /// The others do not look at it.
    #[must_use]
    pub fn anchored_at(self, anchor: Timestamp) -> Self {
        Self { anchor, ..self }
    }

    /// The first instant later than `after`, or nothing if there is none any more.
    ///
    /// Local times that a change to daylight saving time skips do not fire; those that a change back repeats
    /// fire once, the first time. The interval of a `rate` is elapsed time: a day is always 24 hours.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(rate) => rate.next_after(after, self.anchor),
            Kind::Cron(cron) => cron.next_after(after, &self.zone),
            Kind::At(at) => (*at > after).then_some(*at),
        }
    }

    /// Whether it counts from its anchor.
    pub fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Rate(_))
    }
}

/// The expression as written, and the time zone if it is not UTC: `cron(0 9 * * ? *) Europe/Berlin`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.zone.iana_name() {
            Some(name) if name != "UTC" => write!(f, " {name}"),
            _ => Ok(()),
        }
    }
}

fn time_zone(name: &str) -> Result<TimeZone, ParseError> {
    TimeZone::get(name).map_err(|_| {
        ParseError::new(0..0, format!("`{name}` is not a time zone"))
            .help("use a name from the IANA database, for instance `UTC` or `Europe/Berlin`")
    })
}

fn unknown_form(text: &str, name_length: usize) -> ParseError {
    let end = if name_length == 0 { text.len() } else { name_length };
    ParseError::new(0..end, format!("`{text}` is no schedule expression")).help(FORMS)
}

const FORMS: &str = "write `rate(3 hours)`, `cron(0 9 ? * MON-FRI *)` or `at(2027-01-31T09:00:00)`";

/// `NAME(ARGUMENTS)`, with the place of the arguments.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    start: usize,
}

/// One word of the arguments and where it stands in the whole expression.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Call<'a> {
    fn parse(text: &'a str) -> Result<Self, ParseError> {
        let Some((name, rest)) = text.split_once('(') else {
            return Err(unknown_form(text, 0));
        };
        let Some(arguments) = rest.strip_suffix(')') else {
            return Err(ParseError::new(
                text.len()..text.len(),
                "the closing `)` is missing".to_owned(),
            ));
        };
        Ok(Self { name, arguments, start: name.len() + 1 })
    }

    fn words(&self) -> impl Iterator<Item = Word<'a>> {
        let base = self.arguments.as_ptr() as usize;
        let start = self.start;
        self.arguments
            .split_ascii_whitespace()
            .map(move |text| Word { text, start: start + (text.as_ptr() as usize - base) })
    }

    fn span(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.arguments.len()
    }
}

impl Word<'_> {
    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.start..self.start + self.text.len(), message.into())
    }
}
