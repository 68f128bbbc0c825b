//! What a JSON text says, whatever its spelling: one pass, no tree.
//!
//! Key order, white space, number and string spelling do not count; of a repeated key the last value counts,
//! as in PostgreSQL's `jsonb`.

use xxhash_rust::xxh3::xxh3_64;

use super::decimal;

/// Deeper nesting is refused: PostgreSQL's own limit is its stack.
const DEPTH_MAX: usize = 1000;

/// `jsonb` keeps numbers as `numeric`, which ends a little above this exponent.
const EXPONENT_MAX: i64 = 16_000;

/// What was found in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Equal for equal values.
    pub(crate) hash: u64,
    /// False if it holds `\u0000` or half a surrogate pair: legal JSON that `jsonb` cannot hold.
    pub(crate) storable: bool,
}

/// Reads a JSON text. `None` if it is none, or has a number or depth beyond all reason.
pub(crate) fn digest(text: &str) -> Option<Digest> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        members: Vec::new(),
        scratch: Vec::new(),
        storable: true,
    };
    let hash = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(Digest { hash, storable: reader.storable })
}

/// The text without the escapes that `jsonb` cannot hold.
pub(crate) fn without_unstorable(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let (length, escape) = escape(&rest[1..]).unwrap_or((1, Escape::Byte(b'\\')));
        if !matches!(escape, Escape::Unstorable) {
            out.extend_from_slice(&rest[..=length]);
        }
        rest = &rest[length + 1..];
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).expect("only ASCII was left out")
}

enum Escape {
    Byte(u8),
    Char(char),
    Unstorable,
}

/// Reads what follows a backslash: how long it is and what it means.
fn escape(rest: &[u8]) -> Option<(usize, Escape)> {
    let byte = match rest.first()? {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode_escape(&rest[1..]),
        byte @ (b'"' | b'\\' | b'/') => *byte,
        _ => return None,
    };
    Some((1, Escape::Byte(byte)))
}

fn unicode_escape(rest: &[u8]) -> Option<(usize, Escape)> {
    let first = hex(rest)?;
    let second = rest.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(hex);
    Some(match (first, second) {
        (0, _) => (5, Escape::Unstorable),
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            (11, Escape::Char(char::from_u32(code).expect("a surrogate pair is a character")))
        }
        _ => (5, char::from_u32(first).map_or(Escape::Unstorable, Escape::Char)),
    })
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + (*digit as char).to_digit(16)?))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Key and value hashes of the objects that are open, the innermost last.
    members: Vec<(u64, u64)>,
    scratch: Vec<u8>,
    storable: bool,
}

impl Reader<'_> {
    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte after white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn value(&mut self, depth: usize) -> Option<u64> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Option<u64> {
        self.text[self.at..].starts_with(literal).then(|| self.at += literal.len())?;
        Some(hash_of(b'l', literal))
    }

    fn array(&mut self, depth: usize) -> Option<u64> {
        self.at += 1;
        let mut hash = hash_of(b'a', b"");
        if self.take(b']') {
            return Some(hash);
        }
        loop {
            hash = mix(hash, self.value(depth + 1)?);
            if self.take(b']') {
                return Some(hash);
            }
            self.take(b',').then_some(())?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<u64> {
        self.at += 1;
        let first = self.members.len();
        if self.take(b'}') {
            return Some(self.close_object(first));
        }
        loop {
            (self.peek()? == b'"').then_some(())?;
            let key = self.string()?;
            self.take(b':').then_some(())?;
            let value = self.value(depth + 1)?;
            self.members.push((key, value));
            if self.take(b'}') {
                return Some(self.close_object(first));
            }
            self.take(b',').then_some(())?;
        }
    }

    /// Members in any order; of equal keys the last one counts.
    fn close_object(&mut self, first: usize) -> u64 {
        let members = &mut self.members[first..];
        members.sort_by_key(|(key, _)| *key);
        let mut hash = hash_of(b'o', b"");
        for (index, (key, value)) in members.iter().enumerate() {
            if members.get(index + 1).is_none_or(|(next, _)| next != key) {
                hash = mix(mix(hash, *key), *value);
            }
        }
        self.members.truncate(first);
        hash
    }

    fn string(&mut self) -> Option<u64> {
        self.at += 1;
        let start = self.at;
        self.scratch.clear();
        let mut copied = start;
        loop {
            match *self.text.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    self.scratch.extend_from_slice(&self.text[copied..self.at]);
                    self.at += 1;
                    let (length, escape) = escape(&self.text[self.at..])?;
                    self.keep(&escape);
                    self.at += length;
                    copied = self.at;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        let end = self.at;
        self.at += 1;
        if copied == start {
            return Some(hash_of(b's', &self.text[start..end]));
        }
        self.scratch.extend_from_slice(&self.text[copied..end]);
        Some(hash_of(b's', &self.scratch))
    }

    fn keep(&mut self, escape: &Escape) {
        match escape {
            Escape::Byte(byte) => self.scratch.push(*byte),
            Escape::Char(it) => {
                self.scratch.extend_from_slice(it.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Escape::Unstorable => self.storable = false,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        let text = std::str::from_utf8(&rest[..length]).ok()?;
        is_json_number(text).then_some(())?;
        self.at += length;
        self.scratch.clear();
        let exponent = decimal::canonical(text, &mut self.scratch)?;
        (exponent.abs() <= EXPONENT_MAX).then(|| hash_of(b'n', &self.scratch))
    }
}

/// No leading zero, no bare point: stricter than a decimal.
fn is_json_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|it| digits(it.strip_prefix(['+', '-']).unwrap_or(it)))
}

fn hash_of(tag: u8, bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(bytes, u64::from(tag))
}

fn mix(a: u64, b: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a.to_le_bytes());
    bytes[8..].copy_from_slice(&b.to_le_bytes());
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(2000);
        let cases = [
            "",
            "{",
            "{\"a\"}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "Infinity",
            "nul",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "1 2",
            "1e99999",
            "[1 2]",
            "{1:2}",
            &deep,
        ];
        for text in cases {
            assert_eq!(digest(text), None, "{text}");
        }
    }

    #[test]
    fn spelling_does_not_count() {
        let cases = [
            (r#"{"a":1,"b":[true,null]}"#, r#" { "b" : [ true , null ] , "a" : 1.0 } "#),
            (r#""\u0041\n\ud83d\ude00""#, "\"A\\n\u{1F600}\""),
            ("100", "1e2"),
            ("-0", "0"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\/""#, r#""/""#),
        ];
        for (a, b) in cases {
            assert_eq!(digest(a), digest(b), "{a} {b}");
            assert!(digest(a).is_some(), "{a}");
        }
    }

    #[test]
    fn values_count() {
        let texts = [
            "1",
            "\"1\"",
            "true",
            "\"true\"",
            "null",
            "[]",
            "{}",
            "[[]]",
            "[1,2]",
            "[2,1]",
            "[1,[2]]",
            "12",
            r#"{"a":"b"}"#,
            r#"{"b":"a"}"#,
            r#"["a","b"]"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1,"b":1}"#,
            "0.1",
        ];
        let mut hashes: Vec<u64> = texts.iter().map(|it| digest(it).unwrap().hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), texts.len());
    }

    #[test]
    fn what_jsonb_cannot_hold_is_told_and_left_out() {
        let text = r#"{"a\u0000b":"\ud800x\\u0000","c":"\udc00\u0001"}"#;
        assert!(!digest(text).unwrap().storable);
        let rest = without_unstorable(text);
        assert_eq!(rest, r#"{"ab":"x\\u0000","c":"\u0001"}"#);
        assert!(digest(&rest).unwrap().storable);
    }
}
