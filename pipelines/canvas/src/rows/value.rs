//! What a field means: one value for every spelling, so that source and target can be compared.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::temporal::{self, Interval, Spelling};
use super::{decimal, json};
use crate::schema::ColumnType;

/// A typed value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// NaN and the infinities included.
    Float(f64),
    /// The text of a finite number, or `NaN`.
    Decimal(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// Microseconds since 1970, UTC.
    Timestamp(i64),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since midnight.
    Time(i64),
    Interval(Interval),
    Uuid([u8; 16]),
    Inet {
        address: IpAddr,
        prefix: u8,
    },
    Json {
        text: Cow<'a, str>,
        digest: json::Digest,
    },
    Array(Vec<Value<'a>>),
}

/// A text that is no value of its column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Misfit<'a> {
    /// Why, for a person.
    pub(crate) reason: String,
    /// The nearest value of the type; null if there is none.
    pub(crate) nearest: Value<'a>,
}

impl<'a> Misfit<'a> {
    pub(crate) fn new(reason: impl Into<String>, nearest: Value<'a>) -> Self {
        Self { reason: reason.into(), nearest }
    }
}

type Reading<'a> = Result<Value<'a>, Misfit<'a>>;

/// Reads an unescaped field as its column's type.
///
/// # Errors
/// [`Misfit`] where the text is no value of the type or says more than the type holds.
pub(crate) fn read<'a>(ty: &ColumnType, text: Cow<'a, [u8]>) -> Reading<'a> {
    match utf8(text) {
        Ok(text) => read_text(ty, text),
        Err(Misfit { reason, nearest: Value::Text(text) }) => {
            let nearest = read_text(ty, text).unwrap_or_else(|misfit| misfit.nearest);
            Err(Misfit::new(reason, nearest))
        }
        Err(misfit) => Err(misfit),
    }
}

fn utf8(text: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Misfit<'_>> {
    let lossy = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Misfit::new("not UTF-8; U+FFFD stands for what is not", Value::Text(text.into()))
    };
    match text {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| lossy(bytes))
        }
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map(Cow::Owned).map_err(|error| lossy(error.as_bytes()))
        }
    }
}

fn read_text<'a>(ty: &ColumnType, text: Cow<'a, str>) -> Reading<'a> {
    match ty {
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::OpenEnum { .. } => {
            Ok(Value::Text(text))
        }
        ColumnType::Json => read_json(text),
        ColumnType::Array(element) => read_array(element, &text),
        ColumnType::Decimal { precision, scale } => read_decimal(text, *precision, *scale),
        _ => read_scalar(ty, &text),
    }
}

/// Types whose value keeps nothing of the text.
fn read_scalar(ty: &ColumnType, text: &str) -> Reading<'static> {
    let value = match ty {
        ColumnType::Boolean => read_boolean(text).map(Value::Boolean),
        ColumnType::Int16 => text.parse::<i16>().ok().map(|it| Value::Integer(it.into())),
        ColumnType::Int32 => text.parse::<i32>().ok().map(|it| Value::Integer(it.into())),
        ColumnType::Int64 => text.parse::<i64>().ok().map(Value::Integer),
        ColumnType::Float32 => read_float32(text).map(Value::Float),
        ColumnType::Float64 => read_float64(text).map(Value::Float),
        ColumnType::Timestamp => {
            return read_instant(ty, temporal::read_timestamp(text), Value::Timestamp);
        }
        ColumnType::Time => return read_instant(ty, temporal::read_time(text), Value::Time),
        ColumnType::Date => temporal::read_date(text).map(Value::Date),
        ColumnType::Duration => temporal::read_interval(text).map(Value::Interval),
        ColumnType::Uuid => uuid::Uuid::try_parse(text).ok().map(|it| Value::Uuid(it.into_bytes())),
        ColumnType::Inet => read_inet(text),
        _ => unreachable!("the types that keep their text are read elsewhere"),
    };
    value.ok_or_else(|| no_value(ty))
}

fn no_value(ty: &ColumnType) -> Misfit<'static> {
    Misfit::new(format!("no {}", type_name(ty)), Value::Null)
}

/// The type in the words of a DAP schema.
pub(crate) fn type_name(ty: &ColumnType) -> &'static str {
    match ty {
        ColumnType::Boolean => "boolean",
        ColumnType::Int16 => "int16",
        ColumnType::Int32 => "int32",
        ColumnType::Int64 => "int64",
        ColumnType::Float32 => "float32",
        ColumnType::Float64 => "float64",
        ColumnType::Decimal { .. } => "decimal",
        ColumnType::Text { .. } => "string",
        ColumnType::Timestamp => "date-time",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::Duration => "duration",
        ColumnType::Uuid => "uuid",
        ColumnType::Inet => "IP address",
        ColumnType::Enum { .. } | ColumnType::OpenEnum { .. } => "enum",
        ColumnType::Array(_) => "array",
        ColumnType::Json => "JSON",
    }
}

fn read_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// A finite text that only an infinity or zero could stand for is out of range.
fn in_range(text: &str, value: f64) -> bool {
    let finite_text = text.bytes().any(|byte| byte.is_ascii_digit());
    let nonzero_text = || {
        text.split(['e', 'E'])
            .next()
            .is_some_and(|it| it.bytes().any(|it| (b'1'..=b'9').contains(&it)))
    };
    !finite_text || (value.is_finite() && (value != 0.0 || !nonzero_text()))
}

fn read_float64(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value| in_range(text, *value))
}

fn read_float32(text: &str) -> Option<f64> {
    text.parse::<f32>().ok().map(f64::from).filter(|value| in_range(text, *value))
}

fn read_instant(
    ty: &ColumnType,
    reading: Option<temporal::Reading>,
    value: impl Fn(i64) -> Value<'static>,
) -> Reading<'static> {
    match reading {
        None => Err(no_value(ty)),
        Some(reading) if reading.exact => Ok(value(reading.value)),
        Some(reading) => Err(Misfit::new(
            "finer than a microsecond; cut to the microsecond",
            value(reading.value),
        )),
    }
}

fn read_inet(text: &str) -> Option<Value<'static>> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(width), |it| it.parse().ok().filter(|it| *it <= width))?;
    Some(Value::Inet { address, prefix })
}

fn read_decimal(text: Cow<'_, str>, precision: u32, scale: u32) -> Reading<'_> {
    if text.eq_ignore_ascii_case("nan") {
        return Ok(Value::Decimal("NaN".into()));
    }
    match decimal::fit(&text, precision, scale) {
        decimal::Fit::Exact => Ok(Value::Decimal(text)),
        decimal::Fit::Rounded(rounded) => Err(Misfit::new(
            format!("more than {scale} decimals; rounded"),
            Value::Decimal(rounded.into()),
        )),
        decimal::Fit::No => {
            Err(Misfit::new(format!("no decimal({precision}, {scale})"), Value::Null))
        }
    }
}

fn read_json(text: Cow<'_, str>) -> Reading<'_> {
    match json::digest(&text) {
        Some(digest) => Ok(Value::Json { text, digest }),
        None => Err(no_value(&ColumnType::Json)),
    }
}

/// Reads a JSON array, or what PostgreSQL prints for an array after `array_to_json`.
fn read_array<'a>(element: &ColumnType, text: &str) -> Reading<'a> {
    let Ok(items) = serde_json::from_str::<Vec<Box<serde_json::value::RawValue>>>(text) else {
        return Err(Misfit::new("no array", Value::Null));
    };
    let mut misfit = None;
    let mut values = Vec::with_capacity(items.len());
    for item in &items {
        let reading = read_element(element, item.get());
        values.push(reading.unwrap_or_else(|it| {
            misfit = Some(format!("an element is {}", it.reason));
            it.nearest
        }));
    }
    match misfit {
        None => Ok(Value::Array(values)),
        Some(reason) => Err(Misfit::new(reason, Value::Array(values))),
    }
}

fn read_element<'a>(element: &ColumnType, raw: &str) -> Reading<'a> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    match (element, serde_json::from_str::<String>(raw)) {
        _ if raw == "null" => Ok(Value::Null),
        (ColumnType::Json | ColumnType::Array(_), _) => read_text(element, owned(raw)),
        (_, Ok(text)) => read_text(element, Cow::Owned(text)),
        // JSON's own scalars, and strings with half a surrogate pair, which no Rust string holds.
        (_, Err(_)) if raw.starts_with('"') => {
            let text = serde_json::from_str(&json::without_unstorable(raw)).unwrap_or_default();
            Err(Misfit::new("a string with half a surrogate pair", Value::Text(Cow::Owned(text))))
        }
        (_, Err(_)) => read_text(element, owned(raw)),
    }
}

impl Value<'_> {
    /// Appends a form that is equal for equal values, and for no others.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Boolean(it) => out.extend_from_slice(&[1, u8::from(*it)]),
            Self::Integer(it) => tagged(2, &it.to_le_bytes(), out),
            Self::Float(it) => tagged(3, &canonical_bits(*it).to_le_bytes(), out),
            Self::Decimal(it) => {
                out.push(4);
                if decimal::canonical(it, out).is_none() {
                    out.push(b'N');
                }
            }
            Self::Text(it) => {
                tagged(5, &(it.len() as u64).to_le_bytes(), out);
                out.extend_from_slice(it.as_bytes());
            }
            Self::Timestamp(it) => tagged(6, &it.to_le_bytes(), out),
            Self::Date(it) => tagged(7, &it.to_le_bytes(), out),
            Self::Time(it) => tagged(8, &it.to_le_bytes(), out),
            Self::Interval(it) => {
                tagged(9, &it.months.to_le_bytes(), out);
                out.extend_from_slice(&it.days.to_le_bytes());
                out.extend_from_slice(&it.micros.to_le_bytes());
            }
            Self::Uuid(it) => tagged(10, it, out),
            Self::Inet { address, prefix } => {
                out.extend_from_slice(&[11, *prefix]);
                match address {
                    IpAddr::V4(it) => out.extend_from_slice(&Ipv4Addr::octets(it)),
                    IpAddr::V6(it) => out.extend_from_slice(&Ipv6Addr::octets(it)),
                }
            }
            Self::Json { digest, .. } => tagged(12, &digest.hash.to_le_bytes(), out),
            Self::Array(items) => {
                tagged(13, &(items.len() as u64).to_le_bytes(), out);
                for item in items {
                    item.encode(out);
                }
            }
        }
    }

    /// Appends the value as text.
    pub(crate) fn write(&self, spelling: Spelling, out: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Boolean(it) => out.extend_from_slice(if *it { b"true" } else { b"false" }),
            Self::Integer(it) => write_display(it, out),
            Self::Float(it) if it.is_infinite() => {
                out.extend_from_slice(if *it > 0.0 { b"Infinity" } else { b"-Infinity" });
            }
            Self::Float(it) => write_display(it, out),
            Self::Decimal(it) | Self::Text(it) => out.extend_from_slice(it.as_bytes()),
            Self::Timestamp(it) => temporal::write_timestamp(*it, spelling, out),
            Self::Date(it) => temporal::write_date(*it, spelling, out),
            Self::Time(it) => temporal::write_time(*it, out),
            Self::Interval(it) => temporal::write_interval(*it, out),
            Self::Uuid(it) => write_display(uuid::Uuid::from_bytes(*it).hyphenated(), out),
            Self::Inet { address, prefix } => {
                write_display(address, out);
                if *prefix != if address.is_ipv4() { 32 } else { 128 } {
                    write_display(format_args!("/{prefix}"), out);
                }
            }
            Self::Json { text, .. } => out.extend_from_slice(text.as_bytes()),
            Self::Array(_) => unreachable!("each target writes arrays in its own way"),
        }
    }
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// One NaN, one zero.
fn canonical_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "{value}").expect("a vector takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(ty: &ColumnType, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let value = read(ty, Cow::Borrowed(text.as_bytes()));
        value.unwrap_or_else(|it| panic!("{text}: {}", it.reason)).encode(&mut out);
        out
    }

    #[track_caller]
    fn misfit(ty: &ColumnType, text: &[u8], reason: &str, nearest: &Value<'_>) {
        let misfit = read(ty, Cow::Borrowed(text)).unwrap_err();
        assert_eq!((misfit.reason.as_str(), &misfit.nearest), (reason, nearest));
    }

    #[test]
    fn what_does_not_fit_its_type_is_told() {
        misfit(&ColumnType::Int16, b"32768", "no int16", &Value::Null);
        misfit(&ColumnType::Int64, b"9223372036854775808", "no int64", &Value::Null);
        misfit(&ColumnType::Boolean, b"yes", "no boolean", &Value::Null);
        misfit(&ColumnType::Float64, b"1e400", "no float64", &Value::Null);
        misfit(&ColumnType::Float64, b"1e-400", "no float64", &Value::Null);
        misfit(&ColumnType::Float32, b"1e39", "no float32", &Value::Null);
        misfit(&ColumnType::Uuid, b"x", "no uuid", &Value::Null);
        misfit(&ColumnType::Inet, b"1.2.3.4/33", "no IP address", &Value::Null);
        misfit(&ColumnType::Date, b"2023-02-30", "no date", &Value::Null);
        misfit(&ColumnType::Json, b"{", "no JSON", &Value::Null);
        let decimal = ColumnType::Decimal { precision: 6, scale: 2 };
        misfit(&decimal, b"12345", "no decimal(6, 2)", &Value::Null);
        misfit(
            &decimal,
            b"1.005",
            "more than 2 decimals; rounded",
            &Value::Decimal("101e-2".into()),
        );
        let text = ColumnType::Text { max_length: None };
        let replaced = Value::Text("a\u{fffd}b".into());
        misfit(&text, b"a\xffb", "not UTF-8; U+FFFD stands for what is not", &replaced);
        let array = ColumnType::Array(Box::new(ColumnType::Int16));
        let nearest = Value::Array(vec![Value::Integer(1), Value::Null]);
        misfit(&array, b"[1,99999]", "an element is no int16", &nearest);
        misfit(&array, b"{1}", "no array", &Value::Null);
    }

    #[test]
    fn spelling_does_not_count() {
        let cases = [
            (ColumnType::Boolean, "true", "t"),
            (ColumnType::Int64, "5", "+5"),
            (ColumnType::Float64, "1.0", "1"),
            (ColumnType::Float64, "-0", "0"),
            (ColumnType::Float64, "NaN", "nan"),
            (ColumnType::Float64, "Infinity", "inf"),
            (ColumnType::Float32, "0.1", "0.10000000149"),
            (ColumnType::Timestamp, "2023-01-01T00:00:00Z", "2023-01-01 00:00:00.000"),
            (
                ColumnType::Uuid,
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            ),
            (ColumnType::Inet, "2001:DB8::1", "2001:0db8:0:0:0:0:0:1/128"),
            (ColumnType::Json, r#"{"a":1,"b":2}"#, r#"{"b": 2.0, "a": 1}"#),
            (ColumnType::Duration, "P1W", "P7D"),
            (
                ColumnType::Array(Box::new(ColumnType::Text { max_length: None })),
                r#"["a",null]"#,
                r#"[ "\u0061", null ]"#,
            ),
            (ColumnType::Decimal { precision: 6, scale: 2 }, "1.5", "1.50"),
        ];
        for (ty, a, b) in cases {
            assert_eq!(encoded(&ty, a), encoded(&ty, b), "{ty:?}");
        }
    }

    #[test]
    fn values_count() {
        let text = ColumnType::Text { max_length: None };
        assert_ne!(encoded(&text, "a"), encoded(&text, "b"));
        assert_ne!(
            encoded(&ColumnType::Float64, "Infinity"),
            encoded(&ColumnType::Float64, "-Infinity")
        );
        assert_ne!(
            encoded(&ColumnType::Inet, "::ffff:1.2.3.4"),
            encoded(&ColumnType::Inet, "1.2.3.4")
        );
    }
}
