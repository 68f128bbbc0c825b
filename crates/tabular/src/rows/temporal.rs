//! Days and instants from their text.

/// Days since 1970-01-01 of `2026-03-01`; a time behind it must be midnight.
pub(crate) fn date(text: &str) -> Result<i32, String> {
    let wrong = || format!("`{text}` is no date; expected is `2026-03-01`");
    let (days, rest) = leading_date(text).ok_or_else(wrong)?;
    if rest.is_empty() {
        return Ok(days);
    }
    match leading_time(rest.get(1..).unwrap_or("")) {
        Some((0, "" | "Z" | "+00:00" | "+0000")) if rest.starts_with(['T', ' ']) => Ok(days),
        _ => Err(wrong()),
    }
}

/// Microseconds since 1970 of `2026-03-01T10:00:00.123456+01:00`.
///
/// A space may stand for the `T`, the offset may be `Z`, `+01:00`, `+0100` or `+01`; without one it is UTC. A day
/// alone is its midnight. More digits than microseconds have are refused, unless they are zeros.
pub(crate) fn timestamp(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no timestamp; expected is `2026-03-01T10:00:00Z`");
    let (days, rest) = leading_date(text).ok_or_else(wrong)?;
    let midnight = i64::from(days) * DAY;
    if rest.is_empty() {
        return Ok(midnight);
    }
    let time = rest.strip_prefix(['T', 't', ' ']).ok_or_else(wrong)?;
    let (micros, offset) = leading_time(time).ok_or_else(wrong)?;
    let offset = seconds_of_offset(offset).ok_or_else(wrong)?;
    Ok(midnight + micros - offset * SECOND)
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

fn leading_date(text: &str) -> Option<(i32, &str)> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_char_boundary(10) {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..10])?);
    let fits = (1..=12).contains(&month) && day >= 1 && day <= days_of_month(year, month);
    fits.then(|| (days_since_1970(year, month, day), &text[10..]))
}

/// `10:00`, `10:00:00` or `10:00:00.123456` in microseconds, and what follows. A leap second is the next one.
fn leading_time(text: &str) -> Option<(i64, &str)> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let (hour, minute) = (number(&bytes[..2])?, number(&bytes[3..5])?);
    let (second, mut end) =
        if bytes.get(5) == Some(&b':') { (number(bytes.get(6..8)?)?, 8) } else { (0, 5) };
    let mut micros = 0;
    if bytes.get(end).is_some_and(|&it| it == b'.' || it == b',') {
        let digits = bytes[end + 1..].iter().take_while(|it| it.is_ascii_digit()).count();
        micros = fraction(&bytes[end + 1..end + 1 + digits])?;
        end += 1 + digits;
    }
    let fits = hour < 24 && minute < 60 && second <= 60;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    fits.then(|| (seconds * SECOND + micros, text.get(end..).unwrap_or("\u{0}")))
}

fn fraction(digits: &[u8]) -> Option<i64> {
    let (micros, beyond) = digits.split_at(digits.len().min(6));
    if micros.is_empty() || beyond.iter().any(|&digit| digit != b'0') {
        return None;
    }
    let value = micros.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(value * 10i64.pow(6 - micros.len() as u32))
}

fn seconds_of_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (text.len() == 1).then_some(0),
        Some(b'+') => (1, &text.as_bytes()[1..]),
        Some(b'-') => (-1, &text.as_bytes()[1..]),
        Some(_) => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (number(digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        5 if digits[2] == b':' => (number(&digits[..2])?, number(&digits[3..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i32::from(digit - b'0'))
    })
}

fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// By counting years from March on, so that a leap day is the last of its year.
fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(date("1970-01-01"), Ok(0));
        assert_eq!(date("2000-02-29"), Ok(11_016));
        assert_eq!(date("1969-12-31"), Ok(-1));
        assert_eq!(date("0001-01-01"), Ok(-719_162));
        assert_eq!(date("2026-03-01T00:00:00.000Z"), date("2026-03-01"));
        for wrong in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-3-1",
            "2026-03-01T01:00:00Z",
            "01.03.2026",
            "2026-03-0é",
        ] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_instant_is_in_utc_whatever_its_offset() {
        let noon = timestamp("2026-03-01T12:00:00Z").unwrap();
        for same in [
            "2026-03-01 12:00:00",
            "2026-03-01T12:00",
            "2026-03-01T12:00:00.000+0000",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T07:30:00-04:30",
            "2026-03-01T13:00:00.000000000+01",
            "2026-03-01t12:00:00z",
        ] {
            assert_eq!(timestamp(same), Ok(noon), "{same}");
        }
        assert_eq!(timestamp("2026-03-01T12:00:00.000001Z"), Ok(noon + 1));
        assert_eq!(timestamp("1969-12-31T23:59:59.5Z"), Ok(-500_000));
        assert_eq!(timestamp("2026-03-01"), Ok(noon - DAY / 2));
    }

    #[test]
    fn what_is_no_instant_or_would_lose_digits_is_refused() {
        for wrong in [
            "",
            "12:00",
            "2026-03-01T25:00:00Z",
            "2026-03-01T12:00:00.0000001Z",
            "2026-03-01T12:00:00+25:00",
            "2026-03-01T12:00:00 CET",
            "2026-03-01T12:00:00.Z",
            "1772366400",
            "2026-03-01T12:00:00ZZ",
            "2026-03-01x12:00",
        ] {
            assert!(timestamp(wrong).is_err(), "{wrong}");
        }
    }
}
