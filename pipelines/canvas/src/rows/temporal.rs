//! Points in time as numbers: years far outside 0 to 9999 included, which the usual libraries refuse.
//!
//! Reads RFC 3339, ISO 8601 with expanded years, and what PostgreSQL prints with `DateStyle = ISO`. All is
//! the proleptic Gregorian calendar; without a zone UTC is meant. Microseconds in 64 bits reach from
//! the year -290308 to 294247.

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A reading, and whether it is finer than the microsecond that was kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Microseconds or days.
    pub(crate) value: i64,
    /// False if the text said more than `value` does.
    pub(crate) exact: bool,
}

/// A length of time in the three units that do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) micros: i64,
}

impl Interval {
    fn add_seconds(&mut self, count: i64, seconds: i64) -> Option<()> {
        let micros = count.checked_mul(seconds * MICROS_PER_SECOND)?;
        self.micros = self.micros.checked_add(micros)?;
        Some(())
    }
}

/// Microseconds since 1970 in UTC.
pub(crate) fn read_timestamp(text: &str) -> Option<Reading> {
    let (text, bc) = strip_bc(text);
    let mut cursor = Cursor(text.as_bytes());
    let days = cursor.date(bc)?;
    if cursor.0.is_empty() {
        return Some(Reading { value: days.checked_mul(MICROS_PER_DAY)?, exact: true });
    }
    cursor.one_of(b"Tt ")?;
    let time = cursor.time()?;
    let offset = cursor.offset()?;
    let micros = days.checked_mul(MICROS_PER_DAY)?.checked_add(time.value)?.checked_sub(offset)?;
    cursor.0.is_empty().then_some(Reading { value: micros, exact: time.exact })
}

/// Days since 1970.
pub(crate) fn read_date(text: &str) -> Option<i64> {
    let (text, bc) = strip_bc(text);
    let mut cursor = Cursor(text.as_bytes());
    let days = cursor.date(bc)?;
    cursor.0.is_empty().then_some(days)
}

/// Microseconds since midnight. With an offset: in UTC, modulo one day.
pub(crate) fn read_time(text: &str) -> Option<Reading> {
    let mut cursor = Cursor(text.as_bytes());
    let time = cursor.time()?;
    let offset = cursor.offset()?;
    let value =
        if offset == 0 { time.value } else { (time.value - offset).rem_euclid(MICROS_PER_DAY) };
    cursor.0.is_empty().then_some(Reading { value, exact: time.exact })
}

/// `P1Y2M3W4DT5H6M7.5S`. Fractions only of seconds, months and days within 32 bits as in PostgreSQL.
pub(crate) fn read_interval(text: &str) -> Option<Interval> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut cursor = Cursor(text.strip_prefix('P')?.as_bytes());
    let mut interval = Interval::default();
    let mut time = false;
    while !cursor.0.is_empty() {
        if cursor.one_of(b"T").is_some() {
            time = true;
        } else {
            cursor.interval_field(time, negative, &mut interval)?;
        }
    }
    let small = |number: i64| i32::try_from(number).is_ok();
    (small(interval.months) && small(interval.days)).then_some(interval)
}

fn strip_bc(text: &str) -> (&str, bool) {
    text.strip_suffix(" BC").map_or((text, false), |text| (text, true))
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let first = *self.0.first()?;
        bytes.contains(&first).then(|| self.0 = &self.0[1..])?;
        Some(first)
    }

    fn digits(&mut self, lengths: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let digits = self.0.iter().take(*lengths.end()).take_while(|byte| byte.is_ascii_digit());
        let length = digits.count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let number = || digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        lengths.contains(&length).then(number)
    }

    fn date(&mut self, bc: bool) -> Option<i64> {
        let sign = self.one_of(b"+-");
        let year = self.digits(4..=9)?;
        let year = match (sign, bc) {
            (Some(b'-'), false) => -year,
            (_, true) => 1 - year,
            _ => year,
        };
        self.one_of(b"-")?;
        let month = self.digits(2..=2)?;
        self.one_of(b"-")?;
        let day = self.digits(2..=2)?;
        let valid = (1..=12).contains(&month) && 1 <= day && day <= month_days(year, month);
        valid.then(|| days_from_civil(year, month, day))
    }

    fn time(&mut self) -> Option<Reading> {
        let hours = self.digits(2..=2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2..=2)?;
        let (seconds, micros, exact) = match self.one_of(b":") {
            Some(_) => self.seconds(2..=2)?,
            None => (0, 0, true),
        };
        let whole = hours * 3600 + minutes * 60 + seconds;
        let leap = seconds == 60;
        (minutes < 60 && seconds <= 60 && (hours < 24 || whole + micros == 86_400))
            .then(|| Reading { value: whole * MICROS_PER_SECOND + micros, exact: exact && !leap })
    }

    /// Seconds, microseconds, and whether these are all there is.
    fn seconds(&mut self, lengths: std::ops::RangeInclusive<usize>) -> Option<(i64, i64, bool)> {
        let seconds = self.digits(lengths)?;
        if self.one_of(b".").is_none() {
            return Some((seconds, 0, true));
        }
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let digit = |index: usize| i64::from(digits.get(index).map_or(0, |digit| digit - b'0'));
        let micros = (0..6).fold(0, |sum, index| sum * 10 + digit(index));
        let exact = digits.iter().skip(6).all(|digit| *digit == b'0');
        (length > 0).then_some((seconds, micros, exact))
    }

    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2..=2)?;
        let _ = self.one_of(b":");
        let minutes = if self.0.is_empty() { 0 } else { self.digits(2..=2)? };
        Some(sign * (hours * 3600 + minutes * 60) * MICROS_PER_SECOND)
    }

    fn interval_field(&mut self, time: bool, negative: i64, sum: &mut Interval) -> Option<()> {
        let sign = if self.one_of(b"-").is_some() { -negative } else { negative };
        let (number, micros, exact) = self.seconds(1..=12)?;
        let number = number * sign;
        match (time, self.one_of(b"YMWDHS")?) {
            (true, b'S') if exact => {
                sum.add_seconds(number, 1)?;
                sum.micros = sum.micros.checked_add(sign * micros)?;
            }
            _ if micros != 0 || !exact => return None,
            (false, b'Y') => sum.months += 12 * number,
            (false, b'M') => sum.months += number,
            (false, b'W') => sum.days += 7 * number,
            (false, b'D') => sum.days += number,
            (true, b'H') => sum.add_seconds(number, 3600)?,
            (true, b'M') => sum.add_seconds(number, 60)?,
            _ => return None,
        }
        Some(())
    }
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are shifted to begin in March, so that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// How years before 1 and after 9999 are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `-0001-...`, `+10000-...`, `T` between date and time, `Z` at the end.
    Iso,
    /// `0002-... BC`, `10000-...`, a space between date and time.
    Postgres,
}

/// Writes a timestamp.
pub(crate) fn write_timestamp(micros: i64, spelling: Spelling, out: &mut Vec<u8>) {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let bc = write_civil(days, spelling, out);
    out.push(if spelling == Spelling::Iso { b'T' } else { b' ' });
    write_time(micros.rem_euclid(MICROS_PER_DAY), out);
    if spelling == Spelling::Iso {
        out.push(b'Z');
    }
    out.extend_from_slice(bc);
}

/// Writes a date.
pub(crate) fn write_date(days: i64, spelling: Spelling, out: &mut Vec<u8>) {
    let bc = write_civil(days, spelling, out);
    out.extend_from_slice(bc);
}

/// Writes the date and gives the era that must come last.
fn write_civil(days: i64, spelling: Spelling, out: &mut Vec<u8>) -> &'static [u8] {
    let (year, month, day) = civil_from_days(days);
    let (sign, shown, era): (&[u8], i64, &'static [u8]) = match spelling {
        Spelling::Postgres if year < 1 => (b"", 1 - year, b" BC"),
        Spelling::Iso if year < 0 => (b"-", -year, b""),
        Spelling::Iso if year > 9999 => (b"+", year, b""),
        Spelling::Iso | Spelling::Postgres => (b"", year, b""),
    };
    out.extend_from_slice(sign);
    if shown > 9999 {
        out.extend_from_slice(shown.to_string().as_bytes());
    } else {
        write_two(shown / 100, out);
        write_two(shown % 100, out);
    }
    out.push(b'-');
    write_two(month, out);
    out.push(b'-');
    write_two(day, out);
    era
}

/// Writes a time of day, the fraction without trailing zeros.
pub(crate) fn write_time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / MICROS_PER_SECOND;
    write_two(seconds / 3600, out);
    out.push(b':');
    write_two(seconds / 60 % 60, out);
    out.push(b':');
    write_two(seconds % 60, out);
    let fraction = micros % MICROS_PER_SECOND;
    if fraction != 0 {
        out.push(b'.');
        for part in [fraction / 10_000, fraction / 100 % 100, fraction % 100] {
            write_two(part, out);
        }
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Writes an interval as ISO 8601.
pub(crate) fn write_interval(interval: Interval, out: &mut Vec<u8>) {
    let Interval { months, days, micros } = interval;
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, fraction) =
        ((micros / MICROS_PER_SECOND).abs(), (micros % MICROS_PER_SECOND).abs());
    let text = format!("P{months}M{days}DT{sign}{seconds}.{fraction:06}S");
    out.extend_from_slice(text.as_bytes());
}

fn write_two(number: i64, out: &mut Vec<u8>) {
    out.push(b'0' + (number / 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, spelling: Spelling) -> String {
        let mut out = Vec::new();
        write_timestamp(read_timestamp(text).expect(text).value, spelling, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        let cases = [
            "",
            "2023",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T24:00:01Z",
            "2023-01-01T00:60:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00Zx",
            "infinity",
            "23-01-01T00:00:00Z",
            "999999999-01-01T00:00:00Z",
            "2023-01-01T00:00:61Z",
        ];
        for text in cases {
            assert_eq!(read_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_have_one_value_whatever_their_spelling() {
        let same = [
            "2023-10-23T01:02:03.5Z",
            "2023-10-23T01:02:03.500000Z",
            "2023-10-23 01:02:03.5",
            "2023-10-23T03:02:03.5+02:00",
            "2023-10-22T23:02:03.5-0200",
            "+2023-10-23T01:02:03.5z",
        ];
        for text in same {
            assert_eq!(read_timestamp(text), read_timestamp(same[0]), "{text}");
        }
        assert_eq!(read_timestamp("1970-01-01T00:00:01Z").unwrap().value, 1_000_000);
    }

    #[test]
    fn extreme_years_have_two_spellings() {
        let cases = [
            ("+10000-01-01T00:00:00Z", "10000-01-01 00:00:00", "+10000-01-01T00:00:00Z"),
            (
                "-0001-06-07T08:09:10.000001Z",
                "0002-06-07 08:09:10.000001 BC",
                "-0001-06-07T08:09:10.000001Z",
            ),
            ("0000-02-29T00:00:00Z", "0001-02-29 00:00:00 BC", "0000-02-29T00:00:00Z"),
            ("0099-12-31T23:59:59Z", "0099-12-31 23:59:59", "0099-12-31T23:59:59Z"),
            ("-004712-01-01T00:00:00Z", "4713-01-01 00:00:00 BC", "-4712-01-01T00:00:00Z"),
            (
                "+294000-12-31T23:59:59.999999Z",
                "294000-12-31 23:59:59.999999",
                "+294000-12-31T23:59:59.999999Z",
            ),
        ];
        for (text, postgres, iso) in cases {
            assert_eq!(shown(text, Spelling::Postgres), postgres);
            assert_eq!(shown(text, Spelling::Iso), iso);
            assert_eq!(read_timestamp(postgres), read_timestamp(text));
            assert_eq!(read_timestamp(iso), read_timestamp(text));
        }
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_told() {
        assert!(!read_timestamp("2023-01-01T00:00:00.0000001Z").unwrap().exact);
        assert!(read_timestamp("2023-01-01T00:00:00.0000010000Z").unwrap().exact);
        assert!(!read_timestamp("2016-12-31T23:59:60Z").unwrap().exact);
    }

    #[test]
    fn days_and_civil_dates_agree_over_eras() {
        for days in (-2_500_000..3_000_000).step_by(997) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(read_date("2000-03-01"), Some(11_017));
    }

    #[test]
    fn times_and_intervals() {
        assert_eq!(read_time("24:00:00").unwrap().value, MICROS_PER_DAY);
        assert_eq!(read_time("01:00:00+02").unwrap().value, 23 * 3600 * MICROS_PER_SECOND);
        assert_eq!(read_time("1:00"), None);
        let interval = read_interval("P1Y2M1W1DT1H1M1.5S").unwrap();
        assert_eq!(interval, Interval { months: 14, days: 8, micros: 3_661_500_000 });
        let mut out = Vec::new();
        write_interval(Interval { months: -1, days: 2, micros: -500_000 }, &mut out);
        assert_eq!(out, b"P-1M2DT-0.500000S");
        let back = read_interval("P-1M2DT-0.500000S").unwrap();
        assert_eq!(back, Interval { months: -1, days: 2, micros: -500_000 });
        for text in ["", "P1.5D", "P1H", "PT1D", "1D", "PT1.0000001S"] {
            assert_eq!(read_interval(text), None, "{text}");
        }
    }
}
