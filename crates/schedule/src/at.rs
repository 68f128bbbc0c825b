//! `at(YYYY-MM-DDTHH:MM:SS)`: once, at a local time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::{Call, ParseError};

/// The instant of a local time in `zone`; of a repeated local time, the first.
pub(crate) fn parse(call: &Call<'_>, zone: &TimeZone) -> Result<Timestamp, ParseError> {
    let fail = |message: String| {
        ParseError::new(call.span(), message)
            .help("write the local time as `at(2027-01-31T09:00:00)`")
    };
    let local = well_formed(call.arguments)
        .then(|| call.arguments.parse::<DateTime>().ok())
        .flatten()
        .ok_or_else(|| fail(format!("`{}` is not a date and time", call.arguments)))?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        let name = zone.iana_name().unwrap_or("this time zone");
        return Err(fail(format!("the clock of {name} skips `{}`", call.arguments)));
    }
    ambiguous.earlier().map_err(|error| fail(error.to_string()))
}

/// Exactly `YYYY-MM-DDTHH:MM:SS`: jiff reads many more spellings of a date.
fn well_formed(text: &str) -> bool {
    text.len() == 19
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use crate::Schedule;

    #[test]
    fn fires_once_at_the_local_time() {
        let at = Schedule::parse("at(2026-11-21T09:00:00)", "America/New_York").unwrap();
        let due = "2026-11-21T14:00:00Z".parse().unwrap();
        assert_eq!(at.next_after("2026-11-21T13:59:59Z".parse().unwrap()), Some(due));
        assert_eq!(at.next_after(due), None);
    }

    #[test]
    fn takes_the_first_of_a_repeated_local_time() {
        let at = Schedule::parse("at(2026-10-25T02:30:00)", "Europe/Berlin").unwrap();
        assert_eq!(
            at.next_after(jiff::Timestamp::UNIX_EPOCH),
            Some("2026-10-25T00:30:00Z".parse().unwrap())
        );
    }

    #[test]
    fn refuses_what_is_no_local_time() {
        for (text, message) in [
            ("at(2026-03-29T02:30:00)", "the clock of Europe/Berlin skips `2026-03-29T02:30:00`"),
            ("at(2026-02-30T02:30:00)", "`2026-02-30T02:30:00` is not a date and time"),
            ("at(2026-03-29)", "`2026-03-29` is not a date and time"),
            ("at(2026-03-29T02:30:00Z)", "`2026-03-29T02:30:00Z` is not a date and time"),
        ] {
            let error = Schedule::parse(text, "Europe/Berlin").unwrap_err();
            assert_eq!(error.message, message);
            assert_eq!(&text[error.span.clone()], &text[3..text.len() - 1]);
        }
    }
}
