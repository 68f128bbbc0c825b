//! What an attribute becomes in a column of a declared type. Nothing is rounded, cut off or guessed: what does not fit
//! is a [`Misfit`].

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{self, Date};
use stepwell_tabular::{Column, ColumnType};

use super::attribute::{Attribute, Item, bytes_of, sorted_texts};
use super::number::{Number, NumberError};

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Canonical JSON of whatever it is.
    Json,
    Boolean,
    Int,
    BigInt,
    Double,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Binary,
    Date,
    Timestamp,
    List(Box<Member>),
    Struct(Vec<Member>),
}

/// A column, a member of a struct, or what a list is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
}

/// One value, checked and ready to be appended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'i> {
    Null,
    Text(Cow<'i, str>),
    Boolean(bool),
    Int(i32),
    BigInt(i64),
    Double(f64),
    Decimal(i128),
    Binary(Vec<u8>),
    Date(i32),
    Timestamp(i64),
    List(Vec<Cell<'i>>),
    Struct(Vec<Cell<'i>>),
}

/// Why an attribute does not fit its column: `items[2].price: the number is more precise than 2 decimal places`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    path: String,
    reason: String,
}

impl Misfit {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    pub(super) fn within(self, place: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{place}{joint}{}", self.path), ..self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}`: {}", self.path, self.reason)
    }
}

impl Member {
    /// A declared column.
    pub(super) fn of(column: &Column) -> Self {
        Self { name: column.name.clone(), kind: Kind::of(&column.kind), nullable: !column.required }
    }

    /// The cell of an attribute; none stands for one that is not there.
    pub(super) fn cell<'i>(
        &self,
        attribute: Option<&'i Attribute<'_>>,
    ) -> Result<Cell<'i>, Misfit> {
        match attribute {
            None | Some(Attribute::Null) if self.nullable => Ok(Cell::Null),
            None => Err(Misfit::new("required, and the record has no such attribute")),
            Some(Attribute::Null) => Err(Misfit::new("required, and `NULL` in the record")),
            Some(attribute) => self.kind.cell(attribute),
        }
    }

    /// Whether the attribute has parts that its declared struct leaves out.
    pub(super) fn leaves_out(&self, attribute: &Attribute<'_>) -> bool {
        match (&self.kind, attribute) {
            (Kind::Struct(members), Attribute::M(item)) => item.0.iter().any(|(name, value)| {
                let member = members.iter().find(|it| it.name == *name);
                member.is_none_or(|member| member.leaves_out(value))
            }),
            (Kind::List(item), Attribute::L(list)) => list.iter().any(|it| item.leaves_out(it)),
            _ => false,
        }
    }
}

impl Kind {
    fn of(declared: &ColumnType) -> Self {
        let member = |name: &str, kind| Member {
            name: name.to_owned(),
            kind: Self::of(kind),
            nullable: true,
        };
        match declared {
            ColumnType::String => Self::Text,
            ColumnType::Json => Self::Json,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Int => Self::Int,
            ColumnType::Bigint => Self::BigInt,
            ColumnType::Double => Self::Double,
            ColumnType::Decimal { precision, scale } => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            ColumnType::Binary => Self::Binary,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::Array(item) => Self::List(Box::new(member("item", item))),
            ColumnType::Struct(members) => {
                Self::Struct(members.iter().map(|(name, kind)| member(name, kind)).collect())
            }
        }
    }

    fn cell<'i>(&self, attribute: &'i Attribute<'_>) -> Result<Cell<'i>, Misfit> {
        match (self, attribute) {
            (Self::Text, Attribute::S(text)) => Ok(Cell::Text(Cow::Borrowed(text))),
            (Self::Text, Attribute::N(_) | Attribute::B(_) | Attribute::Bool(_)) => {
                Ok(Cell::Text(Cow::Owned(attribute.typed_json())))
            }
            (Self::Text | Self::Json, _) => Ok(Cell::Text(Cow::Owned(attribute.canonical_json()))),
            (Self::Boolean, Attribute::Bool(value)) => Ok(Cell::Boolean(*value)),
            (_, Attribute::N(digits)) => self.of_number(digits),
            (_, Attribute::S(text)) => self.of_text(text),
            (Self::Binary, Attribute::B(base64)) => of_base64(base64),
            (Self::List(item), _) => Ok(Cell::List(elements(item, attribute)?)),
            (Self::Struct(members), Attribute::M(item)) => {
                Ok(Cell::Struct(member_cells(members, item)?))
            }
            _ => Err(self.refusal(attribute.tag())),
        }
    }

    fn of_number<'i>(&self, digits: &str) -> Result<Cell<'i>, Misfit> {
        let misfit = |error| Misfit::new(format!("the number `{digits}` is {error}"));
        let number = Number::parse(digits).map_err(misfit)?;
        match self {
            Self::BigInt => number.to_integer().map(Cell::BigInt).map_err(misfit),
            Self::Int => {
                let whole = number.to_integer().map_err(misfit)?;
                i32::try_from(whole).map(Cell::Int).map_err(|_| misfit(NumberError::Range))
            }
            Self::Decimal { precision, scale } => {
                number.to_decimal(*precision, *scale).map(Cell::Decimal).map_err(misfit)
            }
            Self::Double => match digits.parse::<f64>() {
                Ok(double) if double.is_finite() => Ok(Cell::Double(double)),
                _ => Err(misfit(NumberError::Range)),
            },
            _ => Err(self.refusal("N")),
        }
    }

    fn of_text<'i>(&self, text: &str) -> Result<Cell<'i>, Misfit> {
        let misfit = |what: &str| Misfit::new(format!("the text `{text}` is no {what}"));
        match self {
            Self::Date => {
                let date: Date = text.parse().map_err(|_| misfit("date, as `2026-03-01`"))?;
                let days =
                    civil::date(1970, 1, 1).until(date).map_err(|_| misfit("date"))?.get_days();
                Ok(Cell::Date(days))
            }
            Self::Timestamp => {
                let time: Timestamp =
                    text.parse().map_err(|_| misfit("point in time, as `2026-03-01T12:00:00Z`"))?;
                if time.subsec_nanosecond() % 1_000 != 0 {
                    return Err(misfit("point in time of whole microseconds"));
                }
                Ok(Cell::Timestamp(time.as_microsecond()))
            }
            _ => Err(self.refusal("S")),
        }
    }

    fn refusal(&self, tag: &str) -> Misfit {
        let hint = match (self, tag) {
            (Self::Timestamp | Self::Date, "N") => {
                "; declare `bigint`, the number does not say its unit"
            }
            _ => "; declare `string` for an attribute of several types",
        };
        Misfit::new(format!("{self} cannot hold `{tag}`{hint}"))
    }
}

fn of_base64<'i>(base64: &str) -> Result<Cell<'i>, Misfit> {
    bytes_of(base64).map(Cell::Binary).map_err(|error| Misfit::new(format!("not base64: {error}")))
}

/// The elements of a list in their order, of a set in the order of their values.
fn elements<'i>(item: &Member, attribute: &'i Attribute<'_>) -> Result<Vec<Cell<'i>>, Misfit> {
    let at = |index: usize| move |misfit: Misfit| misfit.within(&format!("[{index}]"));
    match attribute {
        Attribute::L(list) => list
            .iter()
            .enumerate()
            .map(|(index, it)| item.cell(Some(it)).map_err(at(index)))
            .collect(),
        Attribute::Ss(set) => {
            sorted_texts(set).into_iter().map(|text| of_set_text(&item.kind, text)).collect()
        }
        Attribute::Ns(set) => {
            let mut numbers: Vec<_> = set.iter().map(|it| (Number::parse(it).ok(), it)).collect();
            numbers.sort();
            numbers.into_iter().map(|(_, digits)| of_set_number(&item.kind, digits)).collect()
        }
        Attribute::Bs(set) => {
            let mut values: Vec<Vec<u8>> = set
                .iter()
                .map(|it| bytes_of(it))
                .collect::<Result<_, _>>()
                .map_err(|error| Misfit::new(format!("not base64: {error}")))?;
            values.sort();
            match item.kind {
                Kind::Binary => Ok(values.into_iter().map(Cell::Binary).collect()),
                _ => Err(item.kind.refusal("B")),
            }
        }
        _ => Err(Misfit::new(format!(
            "a list cannot hold `{}`; declare `string` for an attribute of several types",
            attribute.tag()
        ))),
    }
}

fn of_set_text<'i>(kind: &Kind, text: &'i str) -> Result<Cell<'i>, Misfit> {
    match kind {
        Kind::Text => Ok(Cell::Text(Cow::Borrowed(text))),
        kind => kind.of_text(text),
    }
}

/// A text column of numbers has their digits: a set is of one type, so nothing is to be told apart.
fn of_set_number<'i>(kind: &Kind, digits: &str) -> Result<Cell<'i>, Misfit> {
    match kind {
        Kind::Text => Ok(Cell::Text(Cow::Owned(digits.to_owned()))),
        kind => kind.of_number(digits),
    }
}

fn member_cells<'i>(members: &[Member], item: &'i Item<'_>) -> Result<Vec<Cell<'i>>, Misfit> {
    let cell =
        |member: &Member| member.cell(item.get(&member.name)).map_err(|it| it.within(&member.name));
    members.iter().map(cell).collect()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a string"),
            Self::Json => f.write_str("a json"),
            Self::Boolean => f.write_str("a boolean"),
            Self::Int => f.write_str("an int"),
            Self::BigInt => f.write_str("a bigint"),
            Self::Double => f.write_str("a double"),
            Self::Decimal { precision, scale } => write!(f, "a decimal({precision},{scale})"),
            Self::Binary => f.write_str("a binary"),
            Self::Date => f.write_str("a date"),
            Self::Timestamp => f.write_str("a timestamp"),
            Self::List(_) => f.write_str("a list"),
            Self::Struct(_) => f.write_str("a struct"),
        }
    }
}
