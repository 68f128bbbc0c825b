//! Updates: `SET a = if_not_exists(a, :zero) + :one REMOVE b[0] ADD hits :one DELETE tags :gone`.

use super::path::{Path, check_apart};
use super::{Parsed, Parser};
use crate::dynamodb::number::Number;
use crate::dynamodb::{AttributeValue, Item};

/// The sections, each of which may stand once.
const SECTIONS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

/// What happens to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamodb) struct Update(Vec<Action>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Set(Path, Expression),
    Remove(Path),
    Add(Path, AttributeValue),
    Delete(Path, AttributeValue),
}

/// What something is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Path(Path),
    Value(AttributeValue),
    IfNotExists(Path, Box<Expression>),
    ListAppend(Box<Expression>, Box<Expression>),
    /// The second is taken away if so.
    Sum(Box<Expression>, Box<Expression>, bool),
}

/// Reads an update.
pub(in crate::dynamodb) fn update(parser: &mut Parser<'_>) -> Parsed<Update> {
    let (mut actions, mut seen) = (Vec::new(), Vec::new());
    while parser.peek().is_some() {
        let section = SECTIONS.into_iter().find(|section| parser.takes(section));
        let section = section.ok_or_else(|| parser.syntax_error())?;
        if seen.contains(&section) {
            return Err(format!(
                "The \"{section}\" section can only be used once in an update expression;"
            ));
        }
        seen.push(section);
        actions.extend(parser.list(|parser| action(parser, section))?);
    }
    check_apart(&actions.iter().map(Action::path).collect::<Vec<_>>())?;
    Ok(Update(actions))
}

fn action(parser: &mut Parser<'_>, section: &str) -> Parsed<Action> {
    let path = parser.path()?;
    match section {
        "SET" => {
            parser.expect("=")?;
            Ok(Action::Set(path, sum(parser)?))
        }
        "REMOVE" => Ok(Action::Remove(path)),
        _ => {
            let value = parser.value()?.ok_or_else(|| parser.syntax_error())?;
            let is_set = matches!(
                value,
                AttributeValue::SS(_) | AttributeValue::NS(_) | AttributeValue::BS(_)
            );
            let is_number = section == "ADD" && matches!(value, AttributeValue::N(_));
            if !is_set && !is_number {
                let kind = value.long_type_name();
                return Err(format!(
                    "Incorrect operand type for operator or function; operator: {section}, operand type: {kind}, \
                     typeSet: ALLOWED_FOR_{section}_OPERAND"
                ));
            }
            Ok(if section == "ADD" {
                Action::Add(path, value)
            } else {
                Action::Delete(path, value)
            })
        }
    }
}

fn sum(parser: &mut Parser<'_>) -> Parsed<Expression> {
    let left = operand(parser)?;
    let is_minus = parser.is_next("-");
    if parser.takes("+") || parser.takes("-") {
        let right = operand(parser)?;
        return Ok(Expression::Sum(Box::new(left), Box::new(right), is_minus));
    }
    Ok(left)
}

fn operand(parser: &mut Parser<'_>) -> Parsed<Expression> {
    if parser.takes("(") {
        let inner = parser.nested(sum)?;
        parser.expect(")")?;
        return Ok(inner);
    }
    if let Some(value) = parser.value()? {
        return Ok(Expression::Value(value));
    }
    let Some(name) = parser.function() else { return parser.path().map(Expression::Path) };
    let expression = match name.as_str() {
        "if_not_exists" => {
            let path = parser.path()?;
            parser.expect(",")?;
            Expression::IfNotExists(path, Box::new(parser.nested(operand)?))
        }
        "list_append" => {
            let first = parser.nested(operand)?;
            parser.expect(",")?;
            Expression::ListAppend(Box::new(first), Box::new(parser.nested(operand)?))
        }
        other => return Err(format!("Invalid function name; function: {other}")),
    };
    parser.expect(")")?;
    Ok(expression)
}

impl Action {
    fn path(&self) -> &Path {
        match self {
            Self::Set(path, _)
            | Self::Remove(path)
            | Self::Add(path, _)
            | Self::Delete(path, _) => path,
        }
    }

    /// What the path gets, from the item as it was; none takes it away.
    fn value(&self, before: &Item) -> Parsed<Option<AttributeValue>> {
        match self {
            Self::Set(_, expression) => expression.of(before).map(Some),
            Self::Remove(_) => Ok(None),
            Self::Add(path, value) => match path.get(before) {
                None => Ok(Some(value.clone())),
                Some(there) => added(there, value).map(Some),
            },
            Self::Delete(path, value) => match path.get(before) {
                None => Ok(None),
                Some(there) => without(there, value),
            },
        }
    }
}

impl Update {
    /// The attributes that it changes, in part or whole.
    pub(in crate::dynamodb) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(Action::path)
    }

    /// Changes an item; every action sees it as it was before.
    pub(in crate::dynamodb) fn apply(&self, item: &mut Item) -> Parsed<()> {
        let before = item.clone();
        let mut removed = Vec::new();
        for action in &self.0 {
            match action.value(&before)? {
                Some(value) => action.path().set(item, value)?,
                // Of nothing, nothing is taken away.
                None if matches!(action, Action::Delete(path, _) if path.get(&before).is_none()) => {
                }
                None => removed.push(action.path()),
            }
        }
        // From the end, so that the places of others in a list stay what they are.
        removed.sort_by(|one, other| other.0.cmp(&one.0));
        removed.into_iter().try_for_each(|path| path.remove(item))
    }
}

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";

impl Expression {
    fn of(&self, before: &Item) -> Parsed<AttributeValue> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => path.get(before).cloned().ok_or_else(|| {
                "The provided expression refers to an attribute that does not exist in the item"
                    .to_owned()
            }),
            Self::IfNotExists(path, other) => match path.get(before) {
                Some(value) => Ok(value.clone()),
                None => other.of(before),
            },
            Self::ListAppend(first, second) => match (first.of(before)?, second.of(before)?) {
                (AttributeValue::L(first), AttributeValue::L(second)) => {
                    Ok(AttributeValue::L([first, second].concat()))
                }
                _ => Err(WRONG_TYPE.to_owned()),
            },
            Self::Sum(left, right, is_minus) => match (left.of(before)?, right.of(before)?) {
                (AttributeValue::N(left), AttributeValue::N(right)) => {
                    total(&left, &right, *is_minus).map(AttributeValue::N)
                }
                _ => Err(WRONG_TYPE.to_owned()),
            },
        }
    }
}

fn total(left: &str, right: &str, is_minus: bool) -> Parsed<String> {
    let (left, right) = (Number::parse(left)?, Number::parse(right)?);
    let right = if is_minus { right.negated() } else { right };
    Ok(left.plus(&right)?.to_string())
}

fn added(there: &AttributeValue, value: &AttributeValue) -> Parsed<AttributeValue> {
    use AttributeValue::{BS, N, NS, SS};
    fn union<T: PartialEq + Clone>(set: &[T], more: &[T]) -> Vec<T> {
        let new = more.iter().filter(|member| !set.contains(member));
        set.iter().chain(new).cloned().collect()
    }
    match (there, value) {
        (N(left), N(right)) => total(left, right, false).map(N),
        (SS(set), SS(more)) => Ok(SS(union(set, more))),
        (NS(set), NS(more)) => Ok(NS(union(set, more))),
        (BS(set), BS(more)) => Ok(BS(union(set, more))),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

/// A set without members of another; none if no member is left.
fn without(there: &AttributeValue, value: &AttributeValue) -> Parsed<Option<AttributeValue>> {
    use AttributeValue::{BS, NS, SS};
    fn rest<T: PartialEq + Clone>(set: &[T], gone: &[T]) -> Option<Vec<T>> {
        let rest: Vec<_> = set.iter().filter(|member| !gone.contains(member)).cloned().collect();
        (!rest.is_empty()).then_some(rest)
    }
    match (there, value) {
        (SS(set), SS(gone)) => Ok(rest(set, gone).map(SS)),
        (NS(set), NS(gone)) => Ok(rest(set, gone).map(NS)),
        (BS(set), BS(gone)) => Ok(rest(set, gone).map(BS)),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}
