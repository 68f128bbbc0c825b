//! Escapes of PostgreSQL's COPY text format.
//!
//! Source: PostgreSQL, "COPY, Text Format".

use std::borrow::Cow;

/// The text behind a field. Borrows where nothing is escaped.
pub(crate) fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', field) else { return Cow::Borrowed(field) };
    let mut text = Vec::with_capacity(field.len());
    text.extend_from_slice(&field[..first]);
    let mut rest = &field[first..];
    while let [b'\\', escaped @ ..] = rest {
        rest = unescape_one(escaped, &mut text);
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(text)
}

/// Reads what follows a backslash and gives what is left.
fn unescape_one<'a>(escaped: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let (byte, length) = match escaped {
        [] => (b'\\', 0),
        [b'b', ..] => (0x08, 1),
        [b'f', ..] => (0x0c, 1),
        [b'n', ..] => (b'\n', 1),
        [b'r', ..] => (b'\r', 1),
        [b't', ..] => (b'\t', 1),
        [b'v', ..] => (0x0b, 1),
        [b'0'..=b'7', ..] => number(escaped, 8, 3),
        [b'x', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            let (byte, length) = number(digits, 16, 2);
            (byte, length + 1)
        }
        [other, ..] => (*other, 1),
    };
    text.push(byte);
    &escaped[length..]
}

fn number(digits: &[u8], radix: u32, length_max: usize) -> (u8, usize) {
    let mut value = 0;
    let mut length = 0;
    for digit in digits.iter().take(length_max).map_while(|it| (*it as char).to_digit(radix)) {
        value = value * radix + digit;
        length += 1;
    }
    (value as u8, length)
}

/// Writes text as a field.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_read() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"plain", b"plain"),
            (b"a\\tb\\nc\\r\\b\\f\\v", b"a\tb\nc\r\x08\x0c\x0b"),
            (b"\\\\N", b"\\N"),
            (b"\\\\n", b"\\n"),
            (b"\\101\\1012", b"AA2"),
            (b"\\x41\\x4g\\xg", b"A\x04gxg"),
            (b"\\000", b"\0"),
            (b"end\\", b"end\\"),
            (b"\\q", b"q"),
        ];
        for (field, text) in cases {
            assert_eq!(unescape(field), text, "{field:?}");
        }
    }

    #[test]
    fn what_is_escaped_reads_back() {
        let text = b"tab\t line\n return\r back\\slash \\N \x08 end";
        let mut field = Vec::new();
        escape(text, &mut field);
        assert!(!field.contains(&b'\t') && !field.contains(&b'\n'));
        assert_eq!(unescape(&field), &text[..]);
    }
}
