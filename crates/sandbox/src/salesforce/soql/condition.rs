//! Whether a record meets a condition, and which times a condition leaves.

use std::cmp::Ordering;

use super::{Condition, Literal, Operator};
use crate::salesforce::data::{Cell, Object, Row};
use crate::salesforce::problem::Problem;

impl Condition {
    /// Refuses fields that are not there or cannot be compared, and values of another type.
    pub(super) fn check(&self, object: &Object) -> Result<(), Problem> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().try_for_each(|it| it.check(object)),
            Self::Not(inner) => inner.check(object),
            Self::Compare { field, values, .. } => {
                let place = object.field(field).ok_or_else(|| no_such_column(field, object))?;
                let kind = object.fields[place].kind;
                if matches!(kind, "textarea" | "address" | "location") {
                    let message = format!("field '{field}' can not be filtered in a query call");
                    return Err(Problem::bad("INVALID_FIELD", message));
                }
                let fits = values.iter().all(|value| value.fits(kind));
                let message = format!(
                    "value of filter criterion for field '{field}' must be of type {kind} and should not be enclosed in quotes"
                );
                if fits { Ok(()) } else { Err(Problem::bad("INVALID_FIELD", message)) }
            }
        }
    }

    pub(super) fn holds(&self, object: &Object, row: &Row) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|it| it.holds(object, row)),
            Self::Any(parts) => parts.iter().any(|it| it.holds(object, row)),
            Self::Not(inner) => !inner.holds(object, row),
            Self::Compare { field, operator, values } => {
                let cell = object.field(field).map(|place| &row.cells[place]);
                cell.is_some_and(|cell| compare(cell, *operator, values))
            }
        }
    }

    /// The times that a field may have, both ends included; what a condition says nothing about is unbounded.
    pub(super) fn times(&self, stamp: &str) -> (i64, i64) {
        let whole = (i64::MIN, i64::MAX);
        match self {
            Self::All(parts) => parts
                .iter()
                .map(|it| it.times(stamp))
                .fold(whole, |all, it| (all.0.max(it.0), all.1.min(it.1))),
            Self::Any(parts) => parts
                .iter()
                .map(|it| it.times(stamp))
                .reduce(|all, it| (all.0.min(it.0), all.1.max(it.1)))
                .unwrap_or(whole),
            Self::Not(_) => whole,
            Self::Compare { field, operator, values } => match (operator, values.as_slice()) {
                _ if !field.eq_ignore_ascii_case(stamp) => whole,
                (Operator::Equal, [Literal::Time(at)]) => (*at, *at),
                (Operator::Less | Operator::LessOrEqual, [Literal::Time(at)]) => (i64::MIN, *at),
                (Operator::Greater | Operator::GreaterOrEqual, [Literal::Time(at)]) => {
                    (*at, i64::MAX)
                }
                _ => whole,
            },
        }
    }

    /// Whether every record that meets the condition has one of these fields equal to something.
    pub(super) fn fixes(&self, fields: &[&str]) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(|it| it.fixes(fields)),
            Self::Any(_) | Self::Not(_) => false,
            Self::Compare { field, operator, .. } => {
                matches!(operator, Operator::Equal | Operator::In)
                    && fields.iter().any(|it| it.eq_ignore_ascii_case(field))
            }
        }
    }
}

pub(super) fn no_such_column(field: &str, object: &Object) -> Problem {
    let name = object.name;
    Problem::bad("INVALID_FIELD", format!("No such column '{field}' on entity '{name}'."))
}

impl Literal {
    fn fits(&self, kind: &str) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) => kind == "boolean",
            Self::Number(_) => matches!(kind, "int" | "long" | "double" | "currency" | "percent"),
            Self::Date(_) => kind == "date",
            Self::Time(_) => kind == "datetime",
            Self::Text(_) => !matches!(
                kind,
                "boolean"
                    | "int"
                    | "long"
                    | "double"
                    | "currency"
                    | "percent"
                    | "date"
                    | "datetime"
            ),
        }
    }

    fn cell(&self) -> Cell {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(flag) => Cell::Bool(*flag),
            Self::Text(text) => Cell::Text(text.clone()),
            Self::Number(text) => Cell::Number(text.clone()),
            Self::Date(date) => Cell::Date(*date),
            Self::Time(millis) => Cell::Time(*millis),
        }
    }
}

fn compare(cell: &Cell, operator: Operator, values: &[Literal]) -> bool {
    let is_equal = |value: &Literal| match value {
        Literal::Null => cell.is_null(),
        value => cell.order(&value.cell()) == Some(Ordering::Equal),
    };
    match operator {
        Operator::Equal | Operator::In => values.iter().any(is_equal),
        Operator::NotEqual | Operator::NotIn => !values.iter().any(is_equal),
        Operator::Like => values.iter().any(|value| is_like(cell, value)),
        _ => {
            let order = values.first().and_then(|value| cell.order(&value.cell()));
            order.is_some_and(|order| match operator {
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

/// `%` at the ends alone: others are not asked for.
fn is_like(cell: &Cell, pattern: &Literal) -> bool {
    let (Cell::Text(text), Literal::Text(pattern)) = (cell, pattern) else { return false };
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let middle = pattern.trim_matches('%');
    match (pattern.starts_with('%'), pattern.ends_with('%')) {
        (true, true) => text.contains(middle),
        (true, false) => text.ends_with(middle),
        (false, true) => text.starts_with(middle),
        (false, false) => text == middle,
    }
}
