//! Record ids: 15 characters in which case matters, and three that make up for systems in which it does not.

const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id of the record with this number: `001000000000001AAA`.
pub(crate) fn id(prefix: &str, number: u64) -> String {
    let mut rest = number;
    let mut digits = [b'0'; 12];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    let short = format!("{prefix}{}", String::from_utf8_lossy(&digits));
    format!("{short}{}", suffix(&short))
}

/// One character for each five, from which of them are upper case.
fn suffix(short: &str) -> String {
    let code = |five: &[u8]| {
        let bits = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let value: usize = bits.map(|(place, _)| 1 << place).sum();
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[value] as char
    };
    short.as_bytes().chunks(5).map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_carry_their_case() {
        assert_eq!(id("001", 1), "001000000000001AAA");
        assert_eq!(id("001", 10), "00100000000000AAAQ");
        assert!((0..5_000).all(|number| id("001", number)[..15] < id("001", number + 1)[..15]));
    }
}
