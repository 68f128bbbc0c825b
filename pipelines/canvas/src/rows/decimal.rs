//! Decimal numbers as text: compared and fitted digit by digit, never through a binary float.

/// Appends sign, significant digits and exponent: equal for equal numbers, whatever their spelling.
/// Gives the exponent of the last significant digit, `None` if the text is no finite decimal number.
pub(crate) fn canonical(text: &str, out: &mut Vec<u8>) -> Option<i64> {
    let number = Number::read(text)?;
    out.push(if number.negative && !number.digits.is_empty() { b'-' } else { b'+' });
    out.extend_from_slice(&number.digits);
    out.extend_from_slice(&number.exponent.to_le_bytes());
    Some(number.exponent)
}

/// Whether a number fits `numeric(precision, scale)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    /// As it is.
    Exact,
    /// Only rounded, half away from zero, as PostgreSQL would do.
    Rounded(String),
    /// Too large, or no number at all.
    No,
}

/// Fits a number into `numeric(precision, scale)`.
pub(crate) fn fit(text: &str, precision: u32, scale: u32) -> Fit {
    let Some(mut number) = Number::read(text) else { return Fit::No };
    let exact = number.exponent >= -i64::from(scale);
    if !exact {
        number.round_to(-i64::from(scale));
    }
    let whole_digits = number.digits.len() as i64 + number.exponent;
    if !number.digits.is_empty() && whole_digits > i64::from(precision) - i64::from(scale) {
        return Fit::No;
    }
    if exact { Fit::Exact } else { Fit::Rounded(number.to_text()) }
}

/// `digits * 10^exponent`; digits without zeros at either end, empty for zero.
struct Number {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Number {
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let exponent = i64::from(exponent) - fraction.len() as i64;
        Some(Self { negative, digits, exponent }.trimmed())
    }

    fn trimmed(mut self) -> Self {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.exponent += 1;
        }
        let zeros = self.digits.iter().take_while(|digit| **digit == b'0').count();
        self.digits.drain(..zeros);
        if self.digits.is_empty() {
            self.exponent = 0;
        }
        self
    }

    /// Rounds half away from zero to a multiple of `10^exponent`, which is above the own exponent.
    fn round_to(&mut self, exponent: i64) {
        let dropped = (exponent - self.exponent) as usize;
        let kept = self.digits.len().saturating_sub(dropped);
        let up = dropped <= self.digits.len() && self.digits[kept] >= b'5';
        self.digits.truncate(kept);
        self.exponent = exponent;
        if up {
            self.increment();
        }
        let rounded =
            Self { negative: self.negative, digits: std::mem::take(&mut self.digits), exponent };
        *self = rounded.trimmed();
    }

    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
    }

    fn to_text(&self) -> String {
        let sign = if self.negative && !self.digits.is_empty() { "-" } else { "" };
        let digits = std::str::from_utf8(&self.digits).expect("digits are ASCII");
        format!("{sign}{}e{}", if digits.is_empty() { "0" } else { digits }, self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        canonical(text, &mut out).map(|_| out)
    }

    #[test]
    fn spelling_does_not_count() {
        for (a, b) in
            [("1.5", "1.50"), ("1.5", "+01.5"), ("15e-1", "1.5"), ("0", "-0.00"), ("1e3", "1000")]
        {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        for (a, b) in [("1.5", "-1.5"), ("1.5", "15"), ("1.05", "1.5"), ("10", "1")] {
            assert_ne!(key(a), key(b), "{a} {b}");
        }
        for text in ["", "-", ".", "1.2.3", "NaN", "1e", "abc", "1 "] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_fit_or_say_how_they_do_not() {
        let rounded = |text: &str| Fit::Rounded(text.to_owned());
        assert_eq!(fit("9999.99", 6, 2), Fit::Exact);
        assert_eq!(fit("9999.990", 6, 2), Fit::Exact);
        assert_eq!(fit("0.005", 6, 2), rounded("1e-2"));
        assert_eq!(fit("-0.004", 6, 2), rounded("0e0"));
        assert_eq!(fit("1.239", 6, 2), rounded("124e-2"));
        assert_eq!(fit("1.999", 6, 2), rounded("2e0"));
        assert_eq!(fit("0.0001", 6, 2), rounded("0e0"));
        assert_eq!(fit("9999.995", 6, 2), Fit::No);
        assert_eq!(fit("10000", 6, 2), Fit::No);
        assert_eq!(fit("1e999999", 6, 2), Fit::No);
        assert_eq!(fit("NaN", 6, 2), Fit::No);
    }
}
