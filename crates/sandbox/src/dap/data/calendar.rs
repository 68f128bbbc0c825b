//! Timestamps as the wire has them, over the whole range that a Java service can produce.
//!
//! The time library ends with the year 9999; the data does not: typing errors in due dates give years like 20025, and they come over
//! the wire as `+20025-01-01T00:00:00Z`.

use std::fmt::Write;

pub(crate) use crate::clock::Micros;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// Writes an ISO-8601 timestamp: `2025-08-20T14:00:00Z`, `2025-08-20T14:00:00.123Z`, `+10000-01-01T00:00:00Z`.
///
/// The fraction has no, three or six digits, as Java's `Instant` prints it.
pub(crate) fn write_timestamp(out: &mut String, at: Micros) {
    let (days, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    write_date(out, days);
    out.push('T');
    write_time(out, rest);
}

/// Writes `2025-08-20` for a number of days since 1970-01-01.
pub(crate) fn write_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    match year {
        0..=9999 => push_padded(out, year, 4),
        10_000.. => {
            out.push('+');
            push_padded(out, year, 4);
        }
        _ => {
            out.push('-');
            push_padded(out, -year, 4);
        }
    }
    out.push('-');
    push_padded(out, month, 2);
    out.push('-');
    push_padded(out, day, 2);
}

/// Writes `14:00:00Z` or `14:00:00.123Z` for microseconds since midnight.
pub(crate) fn write_time(out: &mut String, micros: i64) {
    let seconds = micros / SECOND;
    push_padded(out, seconds / 3600, 2);
    out.push(':');
    push_padded(out, seconds / 60 % 60, 2);
    out.push(':');
    push_padded(out, seconds % 60, 2);
    match micros % SECOND {
        0 => {}
        fraction if fraction % 1000 == 0 => {
            out.push('.');
            push_padded(out, fraction / 1000, 3);
        }
        fraction => {
            out.push('.');
            push_padded(out, fraction, 6);
        }
    }
    out.push('Z');
}

/// Appends a non-negative number with leading zeros.
fn push_padded(out: &mut String, number: i64, width: u32) {
    if number >= 10_i64.pow(width) {
        write!(out, "{number}").expect("writing to a String cannot fail");
        return;
    }
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

/// Year, month and day in the proleptic Gregorian calendar (the era-based algorithm, exact for any year).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: Micros) -> String {
        let mut out = String::new();
        write_timestamp(&mut out, at);
        out
    }

    #[test]
    fn timestamps_read_as_java_prints_them() {
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(1_755_698_400 * SECOND + 123_000), "2025-08-20T14:00:00.123Z");
        assert_eq!(shown(951_782_400 * SECOND + 1), "2000-02-29T00:00:00.000001Z");
        assert_eq!(shown(253_402_300_800 * SECOND), "+10000-01-01T00:00:00Z");
        assert_eq!(shown(-62_167_219_200 * SECOND), "0000-01-01T00:00:00Z");
        assert_eq!(shown(-62_167_219_200 * SECOND - DAY), "-0001-12-31T00:00:00Z");
    }

    #[test]
    fn agrees_with_the_time_library_where_that_reaches() {
        for days in (-700_000..2_900_000).step_by(997) {
            let at = days * DAY + 12 * 3600 * SECOND;
            let expected = jiff::Timestamp::from_microsecond(at).expect("in range").to_string();
            assert_eq!(shown(at), expected, "{days}");
        }
    }
}
