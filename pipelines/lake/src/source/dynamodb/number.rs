//! Numbers of DynamoDB: up to 38 significant digits between 1E-130 and 9.99E+125, exact in every step.

use std::cmp::Ordering;
use std::fmt;

/// What an `N` may have.
const DIGITS_MAX: u32 = 38;
/// Exponents beyond it would be digits by the hundred if they were written out.
const WRITTEN_OUT_MAX: i32 = 40;

/// A number without rounding: `±digits * 10^exponent`, `digits` without zeros at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    digits: u128,
    exponent: i32,
}

/// Why a text is no number, or a number not one of a type; reads on after "the number is".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NumberError {
    #[error("not a number")]
    Text,
    #[error("longer than 38 digits")]
    Digits,
    #[error("not a whole number")]
    Fraction,
    #[error("more precise than {0} decimal places")]
    Scale(i8),
    #[error("too large")]
    Range,
}

impl Number {
    /// Reads `12`, `-0.5`, `1E+2`, `.5`.
    pub(super) fn parse(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let mantissa = unsigned.iter().position(|it| matches!(it, b'e' | b'E'));
        let (mantissa, exponent) = match mantissa {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        Mantissa::read(mantissa)?.into_number(negative, exponent)
    }

    /// The number times `10^scale`, for a decimal of this precision and scale.
    pub(super) fn to_decimal(self, precision: u8, scale: i8) -> Result<i128, NumberError> {
        let shift = self.exponent + i32::from(scale);
        if self.digits == 0 {
            return Ok(0);
        }
        let shift = u32::try_from(shift).map_err(|_| NumberError::Scale(scale))?;
        let unscaled = power_of_ten(shift)
            .and_then(|factor| self.digits.checked_mul(factor))
            .filter(|unscaled| power_of_ten(precision.into()).is_none_or(|end| *unscaled < end))
            .and_then(|unscaled| i128::try_from(unscaled).ok())
            .ok_or(NumberError::Range)?;
        Ok(if self.negative { -unscaled } else { unscaled })
    }

    /// The number as a whole one.
    pub(super) fn to_integer(self) -> Result<i64, NumberError> {
        match self.to_decimal(DIGITS_MAX as u8, 0) {
            Ok(whole) => i64::try_from(whole).map_err(|_| NumberError::Range),
            Err(NumberError::Scale(_)) => Err(NumberError::Fraction),
            Err(error) => Err(error),
        }
    }

    /// The place of the first digit before the decimal point.
    fn magnitude(self) -> i32 {
        self.exponent + self.digits.checked_ilog10().map_or(0, |it| it as i32 + 1)
    }

    /// All digits moved to the left, so that those of numbers of one magnitude compare.
    fn aligned(self) -> u128 {
        let length = self.digits.checked_ilog10().map_or(1, |it| it + 1);
        self.digits * power_of_ten(DIGITS_MAX - length).expect("at most 38 digits")
    }

    fn cmp_absolute(self, other: Self) -> Ordering {
        match (self.digits == 0, other.digits == 0) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .magnitude()
                .cmp(&other.magnitude())
                .then_with(|| self.aligned().cmp(&other.aligned())),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_absolute(*other),
            (true, true) => other.cmp_absolute(*self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One text for one number, which is JSON: `1200`, `-0.05`, `1.5E+90`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.digits.to_string();
        let magnitude = self.magnitude();
        if self.digits == 0 {
            return f.write_str("0");
        }
        if !(-WRITTEN_OUT_MAX..=WRITTEN_OUT_MAX).contains(&magnitude) {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return write!(f, "{sign}{first}{point}{rest}E{:+}", magnitude - 1);
        }
        match usize::try_from(magnitude) {
            Ok(before) if before >= digits.len() => write!(f, "{sign}{digits:0<before$}"),
            Ok(before @ 1..) => {
                let (whole, fraction) = digits.split_at(before);
                write!(f, "{sign}{whole}.{fraction}")
            }
            _ => {
                let zeros = magnitude.unsigned_abs() as usize;
                write!(f, "{sign}0.{:0<zeros$}{digits}", "")
            }
        }
    }
}

/// Digits with the number of those behind the point.
#[derive(Default)]
struct Mantissa {
    digits: u128,
    significant: u32,
    /// Zeros that count only if another digit follows.
    zeros: u32,
    fraction: i32,
}

impl Mantissa {
    fn read(bytes: &[u8]) -> Result<Self, NumberError> {
        let mut mantissa = Self::default();
        let (mut point, mut any) = (false, false);
        for byte in bytes {
            match byte {
                b'0'..=b'9' => {
                    mantissa.push(u128::from(byte - b'0'))?;
                    mantissa.fraction += i32::from(point);
                    any = true;
                }
                b'.' if !point => point = true,
                _ => return Err(NumberError::Text),
            }
        }
        if any { Ok(mantissa) } else { Err(NumberError::Text) }
    }

    fn push(&mut self, digit: u128) -> Result<(), NumberError> {
        if digit == 0 {
            self.zeros += u32::from(self.digits != 0);
            return Ok(());
        }
        self.significant += self.zeros + 1;
        if self.significant > DIGITS_MAX {
            return Err(NumberError::Digits);
        }
        let factor = match self.zeros {
            0 => 10,
            zeros => power_of_ten(zeros + 1).expect("at most 38 digits"),
        };
        self.digits = self.digits * factor + digit;
        self.zeros = 0;
        Ok(())
    }

    fn into_number(self, negative: bool, exponent: i32) -> Result<Number, NumberError> {
        if self.digits == 0 {
            return Ok(Number { negative: false, digits: 0, exponent: 0 });
        }
        let zeros = i32::try_from(self.zeros).map_err(|_| NumberError::Range)?;
        let exponent = exponent - self.fraction + zeros;
        Ok(Number { negative, digits: self.digits, exponent })
    }
}

/// The exponents that DynamoDB has are of three digits.
fn parse_exponent(bytes: &[u8]) -> Result<i32, NumberError> {
    let text = std::str::from_utf8(bytes).map_err(|_| NumberError::Text)?;
    let exponent: i32 = text.parse().map_err(|_| NumberError::Text)?;
    if exponent.abs() < 1_000 { Ok(exponent) } else { Err(NumberError::Range) }
}

fn power_of_ten(exponent: u32) -> Option<u128> {
    10_u128.checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1.2.3", "1e", "1e+", "e5", "NaN", "inf", "1_0", " 1", "٣"] {
            assert_eq!(Number::parse(text), Err(NumberError::Text), "{text:?}");
        }
        assert_eq!(Number::parse(&"1".repeat(39)), Err(NumberError::Digits));
        assert_eq!(Number::parse("1E+99999"), Err(NumberError::Range));
    }

    #[test]
    fn a_number_that_a_type_cannot_hold_exactly_is_refused() {
        assert_eq!(number("0.125").to_decimal(10, 2), Err(NumberError::Scale(2)));
        assert_eq!(number("100").to_decimal(2, 0), Err(NumberError::Range));
        assert_eq!(number("1E+120").to_decimal(38, 0), Err(NumberError::Range));
        assert_eq!(number("1.5").to_integer(), Err(NumberError::Fraction));
        assert_eq!(number("9223372036854775808").to_integer(), Err(NumberError::Range));
    }

    #[test]
    fn digits_survive() {
        assert_eq!(number("12.30").to_decimal(10, 2), Ok(1230));
        assert_eq!(number("-0.05").to_decimal(5, 3), Ok(-50));
        assert_eq!(number("5E+2").to_integer(), Ok(500));
        assert_eq!(number("-9223372036854775808").to_integer(), Ok(i64::MIN));
        let longest = "9".repeat(38);
        assert_eq!(number(&longest).to_decimal(38, 0).unwrap().to_string(), longest);
        assert_eq!(number("0E-130").to_decimal(2, 2), Ok(0));
    }

    #[test]
    fn one_number_has_one_text() {
        let texts = [
            (&["1200", "1.2E+3", "+01200.00"][..], "1200"),
            (&["0", "-0", "0.000", "0E+9"], "0"),
            (&["-0.05", "-5E-2", "-.050"], "-0.05"),
            (&["12.5", "125e-1"], "12.5"),
            (&["1.5E+90", "15E+89"], "1.5E+90"),
            (&["1E-130"], "1E-130"),
        ];
        for (same, text) in texts {
            for it in same {
                assert_eq!(number(it).to_string(), text, "{it}");
            }
        }
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ascending = ["-1E+9", "-20", "-3", "-0.5", "0", "1E-100", "0.3", "0.25E+1", "3", "20"];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }
}
