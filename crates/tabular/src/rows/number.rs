//! Numbers from their text, exactly.

/// The unscaled value of a decimal with `scale` digits behind the point; `12.50` at scale 2 is 1250.
///
/// Takes a sign, digits, a point, and an exponent as JSON spells it. Zeros at the end do not count.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Result<i128, String> {
    let parts = parts(text).ok_or_else(|| format!("`{text}` is no number"))?;
    let too_large = || format!("`{text}` has more than {precision} digits at scale {scale}");
    let shift = i64::from(scale) + parts.exponent;
    let value = if shift >= 0 {
        let shift = u32::try_from(shift).map_err(|_| too_large())?;
        scaled_up(parts.unscaled, shift).ok_or_else(too_large)?
    } else {
        scaled_down(parts.unscaled, shift)
            .ok_or_else(|| format!("`{text}` has more than {scale} digits behind the point"))?
    };
    if value.unsigned_abs() >= 10u128.pow(u32::from(precision)) {
        return Err(too_large());
    }
    Ok(value)
}

/// A whole number; zeros behind a point are none (`7.0`, as some sources export integers).
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let value =
        decimal(text, 19, 0).map_err(|_| format!("`{text}` is no whole number of 64 bits"))?;
    i64::try_from(value).map_err(|_| format!("`{text}` is no whole number of 64 bits"))
}

/// A whole number times a power of ten.
struct Parts {
    unscaled: i128,
    exponent: i64,
}

fn parts(text: &str) -> Option<Parts> {
    let (digits, negative) = match text.as_bytes().first()? {
        b'-' => (&text[1..], true),
        b'+' => (&text[1..], false),
        _ => (text, false),
    };
    let (digits, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], digits[at + 1..].parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut unscaled: i128 = 0;
    // Zeros are held back: at the end of a fraction they do not count, and may be more than fit.
    let mut zeros = 0;
    for (index, byte) in whole.bytes().chain(fraction.bytes()).enumerate() {
        if !byte.is_ascii_digit() {
            return None;
        }
        if byte == b'0' && index >= whole.len() {
            zeros += 1;
            continue;
        }
        unscaled = scaled_up(unscaled, zeros + 1)?.checked_add(i128::from(byte - b'0'))?;
        zeros = 0;
    }
    let behind = i64::try_from(fraction.len()).ok()? - i64::from(zeros);
    Some(Parts {
        unscaled: if negative { -unscaled } else { unscaled },
        exponent: i64::from(exponent) - behind,
    })
}

fn scaled_up(value: i128, by: u32) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10i128.checked_pow(by)?)
}

/// `None` if digits would be lost.
fn scaled_down(value: i128, shift: i64) -> Option<i128> {
    let divisor = u32::try_from(-shift).ok().and_then(|by| 10i128.checked_pow(by));
    match divisor {
        Some(divisor) => (value % divisor == 0).then(|| value / divisor),
        None => (value == 0).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let value = |text| decimal(text, 38, 2);
        assert_eq!(value("12.5"), Ok(1250));
        assert_eq!(value("-0.01"), Ok(-1));
        assert_eq!(value("+.5"), Ok(50));
        assert_eq!(value("1E+3"), Ok(100_000));
        assert_eq!(value("1.2300000000000000000000000000000000000000000000"), Ok(123));
        assert_eq!(value("0e99999"), Ok(0));
        assert_eq!(
            decimal("99999999999999999999999999999999999999", 38, 0),
            Ok(10i128.pow(38) - 1)
        );
        assert_eq!(
            decimal("0.1000000000000000055511151231257827", 38, 34),
            Ok(1_000_000_000_000_000_055_511_151_231_257_827)
        );
    }

    #[test]
    fn a_digit_that_does_not_fit_is_an_error_and_never_rounded() {
        assert!(decimal("1.005", 38, 2).unwrap_err().contains("behind the point"));
        assert!(decimal("1000.00", 5, 2).unwrap_err().contains("more than 5 digits"));
        assert!(decimal("1e400", 38, 0).is_err());
        assert!(decimal("1e-400", 38, 0).is_err());
        for text in ["", "-", ".", "1.2.3", "1,5", "NaN", "1e", "0x10", " 1", "1_000"] {
            assert!(decimal(text, 38, 10).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(integer("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(integer("7.0"), Ok(7));
        assert_eq!(integer("1e3"), Ok(1000));
        assert!(integer("9223372036854775808").is_err());
        assert!(integer("7.5").is_err());
    }
}
