//! Items in Ion text, the other format of an export: `$ion_1_0 {Item:{Id:103.,Tags:$dynamodb_SS::["a","b"]}}`.
//!
//! As much of Ion as an export writes: structs, lists, strings, decimals, integers, booleans, nulls, blobs, and the
//! annotations of sets. Anything else is an error that says where.
//!
//! Source: Amazon DynamoDB developer guide, "DynamoDB table export output format"; Amazon Ion specification, text.

use std::borrow::Cow;

use super::super::attribute::{Attribute, Item};

/// Deeper than DynamoDB nests.
const DEPTH_MAX: usize = 64;

/// Reads the value of a line; none if there is only the version marker, or nothing.
pub(super) fn read(line: &str) -> Result<Option<Item<'_>>, String> {
    let mut reader = Reader { text: line, at: 0, depth: 0 };
    reader.space();
    while reader.take("$ion_1_0") {
        reader.space();
    }
    if reader.rest().is_empty() {
        return Ok(None);
    }
    let value = reader.value()?;
    reader.space();
    match value {
        Attribute::M(item) if reader.rest().is_empty() => Ok(Some(item)),
        Attribute::M(_) => Err(reader.expected("the end of the line")),
        _ => Err("the line is no struct".to_owned()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn expected(&self, what: &str) -> String {
        format!("Ion: expected {what} at character {}", self.text[..self.at].chars().count() + 1)
    }

    fn value(&mut self) -> Result<Attribute<'a>, String> {
        self.space();
        for (annotation, set) in
            [("SS", Attribute::Ss as Set<'a>), ("NS", Attribute::Ns), ("BS", Attribute::Bs)]
        {
            if self.take(&format!("$dynamodb_{annotation}::")) {
                return self.set(annotation, set);
            }
        }
        match self.rest().as_bytes() {
            [b'{', b'{', ..] => self.blob(),
            [b'{', ..] => self.nested(Self::members),
            [b'[', ..] => self.nested(Self::elements),
            [b'"', ..] => self.quoted('"').map(Attribute::S),
            [b'-' | b'+' | b'0'..=b'9', ..] => Ok(self.number()),
            _ => self.word(),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Attribute<'a>, String>,
    ) -> Result<Attribute<'a>, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.expected(&format!("at most {DEPTH_MAX} levels")));
        }
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn members(&mut self) -> Result<Attribute<'a>, String> {
        let mut members: Vec<(Cow<'a, str>, _)> = Vec::new();
        loop {
            self.space();
            if self.take("}") {
                return Ok(Attribute::M(Item(members)));
            }
            let name = self.name()?;
            if members.iter().any(|(it, _)| *it == name) {
                return Err(format!("the attribute `{name}` stands there twice"));
            }
            self.space();
            if !self.take(":") {
                return Err(self.expected("`:`"));
            }
            members.push((name, self.value()?));
            self.separator('}')?;
        }
    }

    fn elements(&mut self) -> Result<Attribute<'a>, String> {
        let mut list = Vec::new();
        loop {
            self.space();
            if self.take("]") {
                return Ok(Attribute::L(list));
            }
            list.push(self.value()?);
            self.separator(']')?;
        }
    }

    fn separator(&mut self, end: char) -> Result<(), String> {
        self.space();
        if self.take(",") || self.rest().starts_with(end) {
            Ok(())
        } else {
            Err(self.expected(&format!("`,` or `{end}`")))
        }
    }

    fn set(&mut self, tag: &str, of: Set<'a>) -> Result<Attribute<'a>, String> {
        let Attribute::L(list) = self.value()? else {
            return Err(self.expected("a list after the annotation of a set"));
        };
        let text = |element| match (tag, element) {
            ("SS", Attribute::S(text))
            | ("NS", Attribute::N(text))
            | ("BS", Attribute::B(text)) => Ok(text),
            (_, other) => Err(format!("Ion: `{}` in a set `{tag}`", other.tag())),
        };
        list.into_iter().map(text).collect::<Result<_, _>>().map(of)
    }

    fn name(&mut self) -> Result<Cow<'a, str>, String> {
        if let Some(quote @ ('\'' | '"')) = self.rest().chars().next() {
            self.quoted(quote)
        } else {
            let name = self.identifier();
            if name.is_empty() { Err(self.expected("a name")) } else { Ok(Cow::Borrowed(name)) }
        }
    }

    fn identifier(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '_' | '$')))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self) -> Result<Attribute<'a>, String> {
        let start = self.at;
        match self.identifier() {
            "true" => Ok(Attribute::Bool(true)),
            "false" => Ok(Attribute::Bool(false)),
            "null" => {
                if self.take(".") {
                    self.identifier();
                }
                Ok(Attribute::Null)
            }
            _ => {
                self.at = start;
                Err(self.expected("a value"))
            }
        }
    }

    /// `103.`, `6d2`, `-1.5`: the exponent of a decimal is written with `d`.
    fn number(&mut self) -> Attribute<'a> {
        let rest = self.rest();
        let is_part = |it: char| it.is_ascii_digit() || matches!(it, '-' | '+' | '.' | 'd' | 'D');
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let digits = rest[..end].trim_start_matches('+');
        self.at += end;
        Attribute::N(if digits.contains(['d', 'D']) {
            Cow::Owned(digits.replace(['d', 'D'], "E"))
        } else {
            Cow::Borrowed(digits.strip_suffix('.').unwrap_or(digits))
        })
    }

    fn blob(&mut self) -> Result<Attribute<'a>, String> {
        let rest = &self.rest()[2..];
        let end = rest.find("}}").ok_or_else(|| self.expected("`}}` somewhere behind"))?;
        self.at += end + 4;
        Ok(Attribute::B(Cow::Borrowed(rest[..end].trim())))
    }

    fn quoted(&mut self, quote: char) -> Result<Cow<'a, str>, String> {
        self.at += 1;
        let rest = self.rest();
        let end = rest
            .find([quote, '\\'])
            .ok_or_else(|| self.expected("a closing quote somewhere behind"))?;
        self.at += end;
        if self.take(&String::from(quote)) {
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        let mut text = rest[..end].to_owned();
        loop {
            let next =
                self.rest().chars().next().ok_or_else(|| self.expected("a closing quote"))?;
            self.at += next.len_utf8();
            match next {
                '\\' => text.push(self.escaped()?),
                next if next == quote => return Ok(Cow::Owned(text)),
                next => text.push(next),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let code = self.rest().chars().next().ok_or_else(|| self.expected("an escape"))?;
        self.at += code.len_utf8();
        Ok(match code {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '0' => '\0',
            '"' | '\'' | '\\' | '/' | '?' => code,
            'x' => self.code_point(2)?,
            'u' => self.code_point(4)?,
            'U' => self.code_point(8)?,
            _ => return Err(self.expected("an escape of Ion")),
        })
    }

    fn code_point(&mut self, digits: usize) -> Result<char, String> {
        let unit = self.hex(digits)?;
        // A pair of surrogates, as JSON would write it.
        let is_high = (0xD800..0xDC00).contains(&unit);
        let code = if is_high && self.take("\\u") {
            0x10000 + ((unit - 0xD800) << 10) + (self.hex(4)? & 0x3FF)
        } else {
            unit
        };
        char::from_u32(code).ok_or_else(|| self.expected("a character of Unicode"))
    }

    fn hex(&mut self, digits: usize) -> Result<u32, String> {
        let code = self.rest().get(..digits).and_then(|it| u32::from_str_radix(it, 16).ok());
        let code = code.ok_or_else(|| self.expected(&format!("{digits} hexadecimal digits")))?;
        self.at += digits;
        Ok(code)
    }
}

type Set<'a> = fn(Vec<Cow<'a, str>>) -> Attribute<'a>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_item_is_refused_with_its_place() {
        let cases = [
            ("{a:", "expected a value at character 4"),
            ("{a 1}", "expected `:` at character 4"),
            ("{a:1 b:2}", "expected `,` or `}` at character 6"),
            ("{a:sometime}", "expected a value at character 4"),
            (r#"{a:"x}"#, "expected a closing quote"),
            (r#"{a:"\q"}"#, "expected an escape of Ion"),
            ("{a:$dynamodb_SS::[1]}", "`N` in a set `SS`"),
            ("{a:1,a:2}", "`a` stands there twice"),
            ("[1]", "the line is no struct"),
            ("{a:1} x", "expected the end of the line"),
            (&format!("{{a:{}", "[".repeat(100)), "at most 64 levels"),
        ];
        for (line, reason) in cases {
            let refusal = read(line).unwrap_err();
            assert!(refusal.contains(reason), "{line}: {refusal}");
        }
    }

    #[test]
    fn a_marker_alone_is_no_item() {
        assert_eq!(read("$ion_1_0"), Ok(None));
        assert_eq!(read("  "), Ok(None));
    }

    #[test]
    fn every_type_is_what_it_is_in_json() {
        let line = r#"$ion_1_0 {Item:{s:"a\"\u00e9\U0001F44B",n:103.,'e x':6d2,neg:-1.5d-3,i:7,t:true,z:null.string,b:{{ aGk= }},
            ss:$dynamodb_SS::["b","a"],ns:$dynamodb_NS::[2.,1d1],bs:$dynamodb_BS::[{{aGk=}}],m:{k:[1.,{}]}}}"#;
        let Some(Attribute::M(item)) = read(line).unwrap().and_then(|it| it.get("Item").cloned())
        else {
            panic!("no item")
        };
        let json = r#"{"s": {"S": "a\"é👋"}, "n": {"N": "103"}, "e x": {"N": "600"}, "neg": {"N": "-0.0015"}, "i": {"N": "7"},
            "t": {"BOOL": true}, "z": {"NULL": true}, "b": {"B": "aGk="}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["10", "2"]},
            "bs": {"BS": ["aGk="]}, "m": {"M": {"k": {"L": [{"N": "1"}, {"M": {}}]}}}}"#;
        let same: Item<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(item.typed_json(), same.typed_json());
    }
}
