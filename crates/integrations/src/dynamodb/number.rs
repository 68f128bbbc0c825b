//! Numbers as DynamoDB has them: exact decimals of up to 38 significant digits.

use std::fmt;

const DIGITS_MAX: usize = 38;

/// Of the first digit, as a power of ten. Source: Amazon DynamoDB Developer Guide, "Supported data types".
const EXPONENTS: std::ops::RangeInclusive<i32> = -130..=125;

/// A number; in order as numbers are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    /// See [`Number::sort_key`]; it also tells everything else.
    key: Vec<u8>,
    is_negative: bool,
    /// Neither leading nor trailing zeros; empty for zero.
    digits: Vec<u8>,
    /// The power of ten of the first digit.
    exponent: i32,
}

impl Number {
    /// `-12.50`, `1e3`
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (is_negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].parse().map_err(|_| invalid())?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole.as_bytes(), fraction.as_bytes()].concat();
        if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
            return Err(invalid());
        }
        let first = all.iter().position(|digit| *digit != b'0').unwrap_or(all.len());
        let digits = all[first..].to_vec();
        let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |at| at + 1);
        let power: i32 = power;
        let exponent = power.saturating_add(whole.len() as i32 - 1 - first as i32);
        Self { key: Vec::new(), is_negative, digits: digits[..used].to_vec(), exponent }.checked()
    }

    /// The number with the other sign.
    pub(super) fn negated(&self) -> Self {
        let negated = Self { is_negative: !self.is_negative, ..self.clone() };
        negated.checked().expect("what was a number is one with the other sign")
    }

    /// The exact sum.
    ///
    /// # Errors
    /// As [`Number::parse`], if it has too many digits or is too large or small.
    pub(super) fn plus(&self, other: &Self) -> Result<Self, String> {
        if self.digits.is_empty() || other.digits.is_empty() {
            return Ok(if self.digits.is_empty() { other.clone() } else { self.clone() });
        }
        let top = self.exponent.max(other.exponent) + 1;
        let bottom = self.last_exponent().min(other.last_exponent());
        let (one, two) = (self.column(top, bottom), other.column(top, bottom));
        let (digits, is_negative) = if self.is_negative == other.is_negative {
            (added(&one, &two), self.is_negative)
        } else if one >= two {
            (subtracted(&one, &two), self.is_negative)
        } else {
            (subtracted(&two, &one), other.is_negative)
        };
        let first = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
        let used = digits.iter().rposition(|digit| *digit != 0).map_or(first, |at| at + 1);
        let digits = digits[first..used].iter().map(|digit| digit + b'0').collect();
        let exponent = top - first as i32;
        Self { key: Vec::new(), is_negative, digits, exponent }.checked()
    }

    /// The power of ten of the last digit.
    fn last_exponent(&self) -> i32 {
        self.exponent + 1 - self.digits.len() as i32
    }

    /// Its digits from one power of ten down to another.
    fn column(&self, top: i32, bottom: i32) -> Vec<u8> {
        let digit = |power: i32| {
            let at = usize::try_from(self.exponent - power).ok()?;
            self.digits.get(at).map(|digit| digit - b'0')
        };
        (bottom..=top).rev().map(|power| digit(power).unwrap_or(0)).collect()
    }

    fn checked(mut self) -> Result<Self, String> {
        if self.digits.is_empty() {
            (self.is_negative, self.exponent) = (false, 0);
        }
        if self.digits.len() > DIGITS_MAX {
            return Err("Attempting to store more than 38 significant digits in a Number".into());
        }
        if self.exponent > *EXPONENTS.end() {
            return Err("Number overflow. Attempting to store a number with magnitude larger than supported range".into());
        }
        if self.exponent < *EXPONENTS.start() {
            return Err("Number underflow. Attempting to store a number with magnitude smaller than supported range".into());
        }
        self.key = self.make_key();
        Ok(self)
    }

    /// Bytes in the order of the numbers: sign, exponent, digits; those of negative numbers turned around.
    fn make_key(&self) -> Vec<u8> {
        if self.digits.is_empty() {
            return vec![1];
        }
        let biased = (self.exponent - EXPONENTS.start()) as u16;
        let magnitude = [&biased.to_be_bytes()[..], &self.digits].concat();
        if self.is_negative {
            let turned = magnitude.iter().map(|byte| !byte);
            std::iter::once(0).chain(turned).chain([u8::MAX]).collect()
        } else {
            [&[2], &magnitude[..]].concat()
        }
    }

    pub(super) fn sort_key(&self) -> &[u8] {
        &self.key
    }
}

/// The sum of two columns; the first digits leave room for it.
fn added(one: &[u8], two: &[u8]) -> Vec<u8> {
    let (mut digits, mut carry) = (one.to_vec(), 0);
    for (digit, other) in digits.iter_mut().zip(two).rev() {
        let sum = *digit + other + carry;
        (*digit, carry) = (sum % 10, sum / 10);
    }
    digits
}

/// The difference of two columns of which the first is not less.
fn subtracted(one: &[u8], two: &[u8]) -> Vec<u8> {
    let (mut digits, mut borrow) = (one.to_vec(), 0);
    for (digit, other) in digits.iter_mut().zip(two).rev() {
        let taken = other + borrow;
        borrow = u8::from(*digit < taken);
        *digit = *digit + 10 * borrow - taken;
    }
    digits
}

impl fmt::Display for Number {
    /// Without exponent, and without zeros that say nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        let digits = String::from_utf8_lossy(&self.digits);
        let sign = if self.is_negative { "-" } else { "" };
        if self.exponent < 0 {
            let zeros = "0".repeat((-self.exponent - 1) as usize);
            return write!(f, "{sign}0.{zeros}{digits}");
        }
        let whole = self.exponent as usize + 1;
        if digits.len() <= whole {
            write!(f, "{sign}{digits}{}", "0".repeat(whole - digits.len()))
        } else {
            write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        let form = |text| Number::parse(text).unwrap().to_string();
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("007.50", "7.5"),
            ("1e3", "1000"),
            ("-12.5E-3", "-0.0125"),
            (".5", "0.5"),
            ("+1.", "1"),
            ("100", "100"),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
        for bad in ["", "-", "1x", "e5", "1e", "0x1", "1.2.3", "NaN", "Infinity", "1 "] {
            assert!(Number::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_end_where_dynamodb_ends_them() {
        let digits = "1".repeat(38);
        assert_eq!(Number::parse(&digits).unwrap().to_string(), digits);
        assert!(Number::parse(&"1".repeat(39)).unwrap_err().contains("38"));
        assert!(Number::parse("9.9e125").is_ok() && Number::parse("1e-130").is_ok());
        assert!(Number::parse("1e126").unwrap_err().contains("overflow"));
        assert!(Number::parse("1e-131").unwrap_err().contains("underflow"));
        assert!(Number::parse("0e999").is_ok());
    }

    #[test]
    fn sums_are_exact() {
        let sum = |one, two| {
            Number::parse(one).unwrap().plus(&Number::parse(two).unwrap()).map(|it| it.to_string())
        };
        for (one, two, expected) in [
            ("1", "2", "3"),
            ("0.1", "0.2", "0.3"),
            ("999", "1", "1000"),
            ("-5", "5", "0"),
            ("5", "-7.25", "-2.25"),
            ("0", "-3", "-3"),
            ("1e20", "1e-5", "100000000000000000000.00001"),
            (
                "99999999999999999999999999999999999999",
                "-1",
                "99999999999999999999999999999999999998",
            ),
        ] {
            assert_eq!(sum(one, two).unwrap(), expected, "{one} + {two}");
        }
        assert!(sum("1e20", "1e-20").unwrap_err().contains("38"));
        assert!(sum("9e125", "9e125").unwrap_err().contains("overflow"));
    }

    #[test]
    fn keys_are_in_the_order_of_the_numbers() {
        let texts = [
            "-1e10", "-12.5", "-12", "-1.05", "-1", "-1e-5", "0", "1e-5", "1", "1.05", "1.5", "12",
            "1e10",
        ];
        let keys: Vec<_> =
            texts.iter().map(|text| Number::parse(text).unwrap().sort_key().to_vec()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }
}
