//! Conditions: `attribute_not_exists(pk) OR (#v = :old AND size(lines) < :max)`.

use std::cmp::Ordering;

use super::path::Path;
use super::{Parsed, Parser};
use crate::dynamodb::number::Number;
use crate::dynamodb::{AttributeValue, Item};

/// Source: Developer Guide, "Comparison operator and function reference".
const IN_MAX: usize = 100;

const TYPES: &[&str] = &["S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"];

/// What must hold of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamodb) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    HasType(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dynamodb) enum Comparator {
    Equal,
    NotEqual,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamodb) enum Operand {
    Path(Path),
    Value(AttributeValue),
    Size(Path),
}

impl Comparator {
    const ALL: &[(&str, Self)] = &[
        ("=", Self::Equal),
        ("<>", Self::NotEqual),
        ("<=", Self::AtMost),
        ("<", Self::Below),
        (">=", Self::AtLeast),
        (">", Self::Above),
    ];

    /// With its sides exchanged.
    pub(in crate::dynamodb) fn turned(self) -> Self {
        match self {
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }

    fn holds(self, left: &AttributeValue, right: &AttributeValue) -> bool {
        match self {
            Self::Equal => is_same(left, right),
            Self::NotEqual => !is_same(left, right),
            Self::Below => order(left, right).is_some_and(Ordering::is_lt),
            Self::AtMost => order(left, right).is_some_and(Ordering::is_le),
            Self::Above => order(left, right).is_some_and(Ordering::is_gt),
            Self::AtLeast => order(left, right).is_some_and(Ordering::is_ge),
        }
    }
}

/// Equality; sets have no order.
fn is_same(left: &AttributeValue, right: &AttributeValue) -> bool {
    use AttributeValue::{BS, L, M, NS, SS};
    fn sorted<T: Ord + Clone>(members: &[T]) -> Vec<T> {
        let mut members = members.to_vec();
        members.sort_unstable();
        members
    }
    match (left, right) {
        (SS(left), SS(right)) | (NS(left), NS(right)) => sorted(left) == sorted(right),
        (BS(left), BS(right)) => sorted(left) == sorted(right),
        (L(left), L(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(one, other)| is_same(one, other))
        }
        (M(left), M(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((k, v), (l, w))| k == l && is_same(v, w))
        }
        _ => left == right,
    }
}

/// The order of two values of one type that has an order.
fn order(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.cmp(right)),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.cmp(right)),
        (AttributeValue::N(left), AttributeValue::N(right)) => {
            Some(Number::parse(left).ok()?.cmp(&Number::parse(right).ok()?))
        }
        _ => None,
    }
}

impl Operand {
    fn attribute(&self) -> Option<&str> {
        match self {
            Self::Path(path) | Self::Size(path) => Some(path.attribute()),
            Self::Value(_) => None,
        }
    }

    fn of(&self, item: &Item) -> Option<AttributeValue> {
        match self {
            Self::Path(path) => path.get(item).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::Size(path) => {
                path.get(item)?.length().map(|length| AttributeValue::integer(length as i64))
            }
        }
    }
}

impl Condition {
    /// The attributes that it looks at.
    pub(in crate::dynamodb) fn attributes<'c>(&'c self, into: &mut Vec<&'c str>) {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.attributes(into);
                right.attributes(into);
            }
            Self::Not(inner) => inner.attributes(into),
            Self::Exists(path) | Self::HasType(path, _) => into.push(path.attribute()),
            Self::Compare(left, _, right)
            | Self::BeginsWith(left, right)
            | Self::Contains(left, right) => {
                into.extend(left.attribute().into_iter().chain(right.attribute()));
            }
            Self::Between(value, low, high) => {
                into.extend([value, low, high].into_iter().filter_map(Operand::attribute));
            }
            Self::In(value, all) => {
                into.extend(std::iter::once(value).chain(all).filter_map(Operand::attribute));
            }
        }
    }

    /// Whether it holds of an item; one that is not there has no attributes.
    pub(in crate::dynamodb) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Compare(left, comparator, right) => match (left.of(item), right.of(item)) {
                (Some(left), Some(right)) => comparator.holds(&left, &right),
                // What is not there is not equal to anything.
                _ => *comparator == Comparator::NotEqual,
            },
            Self::Between(value, low, high) => {
                let (value, low, high) = (value.of(item), low.of(item), high.of(item));
                let (Some(value), Some(low), Some(high)) = (value, low, high) else { return false };
                order(&low, &value).is_some_and(Ordering::is_le)
                    && order(&value, &high).is_some_and(Ordering::is_le)
            }
            Self::In(value, all) => value.of(item).is_some_and(|value| {
                all.iter().filter_map(|one| one.of(item)).any(|one| is_same(&value, &one))
            }),
            Self::Exists(path) => path.get(item).is_some(),
            Self::HasType(path, name) => path.get(item).is_some_and(|it| it.type_name() == name),
            Self::BeginsWith(value, prefix) => match (value.of(item), prefix.of(item)) {
                (Some(AttributeValue::S(text)), Some(AttributeValue::S(prefix))) => {
                    text.starts_with(&prefix)
                }
                (Some(AttributeValue::B(bytes)), Some(AttributeValue::B(prefix))) => {
                    bytes.starts_with(&prefix)
                }
                _ => false,
            },
            Self::Contains(value, part) => match (value.of(item), part.of(item)) {
                (Some(value), Some(part)) => contains(&value, &part),
                _ => false,
            },
        }
    }
}

fn contains(value: &AttributeValue, part: &AttributeValue) -> bool {
    use AttributeValue::{B, BS, L, N, NS, S, SS};
    match (value, part) {
        (S(text), S(part)) => text.contains(part.as_str()),
        (B(bytes), B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
        }
        (SS(set), S(member)) | (NS(set), N(member)) => set.contains(member),
        (BS(set), B(member)) => set.contains(member),
        (L(list), member) => list.iter().any(|one| is_same(one, member)),
        _ => false,
    }
}

/// Reads a condition.
pub(in crate::dynamodb) fn condition(parser: &mut Parser<'_>) -> Parsed<Condition> {
    parser.nested(|parser| {
        let mut left = conjunction(parser)?;
        while parser.takes("OR") {
            left = Condition::Or(Box::new(left), Box::new(conjunction(parser)?));
        }
        Ok(left)
    })
}

fn conjunction(parser: &mut Parser<'_>) -> Parsed<Condition> {
    let mut left = negation(parser)?;
    while parser.takes("AND") {
        left = Condition::And(Box::new(left), Box::new(negation(parser)?));
    }
    Ok(left)
}

fn negation(parser: &mut Parser<'_>) -> Parsed<Condition> {
    if parser.takes("NOT") {
        let inner = parser.nested(negation)?;
        return Ok(Condition::Not(Box::new(inner)));
    }
    if parser.takes("(") {
        let inner = condition(parser)?;
        parser.expect(")")?;
        return Ok(inner);
    }
    match parser.function() {
        Some(name) if name == "size" => {
            let size = Operand::Size(parser.path()?);
            parser.expect(")")?;
            comparison(parser, size)
        }
        Some(name) => function(parser, &name),
        None => {
            let left = operand(parser)?;
            comparison(parser, left)
        }
    }
}

fn operand(parser: &mut Parser<'_>) -> Parsed<Operand> {
    if let Some(value) = parser.value()? {
        return Ok(Operand::Value(value));
    }
    match parser.function() {
        Some(name) if name == "size" => {
            let path = parser.path()?;
            parser.expect(")")?;
            Ok(Operand::Size(path))
        }
        Some(name) => Err(format!("Invalid function name; function: {name}")),
        None => parser.path().map(Operand::Path),
    }
}

fn comparison(parser: &mut Parser<'_>, left: Operand) -> Parsed<Condition> {
    if parser.takes("BETWEEN") {
        let low = operand(parser)?;
        parser.expect("AND")?;
        let high = operand(parser)?;
        check_bounds(&low, &high)?;
        return Ok(Condition::Between(left, low, high));
    }
    if parser.takes("IN") {
        parser.expect("(")?;
        let all = parser.list(operand)?;
        parser.expect(")")?;
        if all.len() > IN_MAX {
            let count = all.len();
            return Err(format!(
                "Invalid number of operands for operator or function; operator or function: IN, number of operands: {count}"
            ));
        }
        return Ok(Condition::In(left, all));
    }
    let found = Comparator::ALL.iter().find(|(symbol, _)| parser.is_next(symbol));
    let Some((symbol, comparator)) = found else { return Err(parser.syntax_error()) };
    parser.expect(symbol)?;
    Ok(Condition::Compare(left, *comparator, operand(parser)?))
}

fn check_bounds(low: &Operand, high: &Operand) -> Parsed<()> {
    let (Operand::Value(low), Operand::Value(high)) = (low, high) else { return Ok(()) };
    match order(low, high) {
        Some(Ordering::Greater) => Err(
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
                .to_owned(),
        ),
        Some(_) => Ok(()),
        None => {
            Err("The BETWEEN operator requires same data type for lower and upper bounds"
                .to_owned())
        }
    }
}

fn function(parser: &mut Parser<'_>, name: &str) -> Parsed<Condition> {
    let condition = match name {
        "attribute_exists" => Condition::Exists(parser.path()?),
        "attribute_not_exists" => Condition::Not(Box::new(Condition::Exists(parser.path()?))),
        "attribute_type" => {
            let path = parser.path()?;
            parser.expect(",")?;
            match parser.value()? {
                Some(AttributeValue::S(kind)) if TYPES.contains(&kind.as_str()) => {
                    Condition::HasType(path, kind)
                }
                Some(AttributeValue::S(kind)) => {
                    return Err(format!(
                        "Invalid attribute type name found; type: {kind}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
                    ));
                }
                _ => return Err(parser.syntax_error()),
            }
        }
        "begins_with" => {
            let (value, prefix) = pair(parser)?;
            if let Operand::Value(value) = &prefix
                && !matches!(value, AttributeValue::S(_) | AttributeValue::B(_))
            {
                let kind = value.type_name();
                return Err(format!(
                    "Incorrect operand type for operator or function; operator or function: begins_with, operand type: {kind}"
                ));
            }
            Condition::BeginsWith(value, prefix)
        }
        "contains" => {
            let (value, part) = pair(parser)?;
            Condition::Contains(value, part)
        }
        other => return Err(format!("Invalid function name; function: {other}")),
    };
    parser.expect(")")?;
    Ok(condition)
}

fn pair(parser: &mut Parser<'_>) -> Parsed<(Operand, Operand)> {
    let first = operand(parser)?;
    parser.expect(",")?;
    Ok((first, operand(parser)?))
}
