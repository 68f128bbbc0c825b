//! DynamoDB's expressions: read from text with the placeholders of a request, then held against items.
//!
//! | expression | read by | does |
//! | --- | --- | --- |
//! | `ConditionExpression`, `FilterExpression` | [`condition`] | says whether an item fits |
//! | `KeyConditionExpression` | [`condition`], then `reads` | selects a partition and a range |
//! | `UpdateExpression` | [`update`] | changes an item |
//! | `ProjectionExpression` | [`path`] | leaves a part of an item |
//!
//! Source: Amazon DynamoDB Developer Guide, "Expressions"; the words of errors are DynamoDB's.

pub(super) mod condition;
mod lexer;
mod parser;
pub(super) mod path;
pub(super) mod update;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::value::{check_value, normalized};
use super::{AttributeValue, Item};

pub(super) use parser::Parser;

/// A mistake in an expression: DynamoDB's own words.
pub(super) type Parsed<T> = Result<T, String>;

/// What `#name` and `:value` stand for in the expressions of one request.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    names: BTreeMap<String, String>,
    values: Item,
    used: RefCell<BTreeSet<String>>,
}

impl Placeholders {
    /// Those of a request; `has_expressions` says whether there is anything to use them in.
    pub(super) fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<Item>,
        has_expressions: bool,
    ) -> Parsed<Self> {
        let given = [
            ("ExpressionAttributeNames", names.as_ref().map(BTreeMap::is_empty)),
            ("ExpressionAttributeValues", values.as_ref().map(BTreeMap::is_empty)),
        ];
        for (member, is_empty) in given {
            match is_empty {
                Some(_) if !has_expressions => {
                    return Err(format!("{member} can only be specified when using expressions"));
                }
                Some(true) => return Err(format!("{member} must not be empty")),
                _ => {}
            }
        }
        let (names, values) = (names.unwrap_or_default(), values.unwrap_or_default());
        for (name, sign, member) in names
            .keys()
            .map(|name| (name, '#', "ExpressionAttributeNames"))
            .chain(values.keys().map(|name| (name, ':', "ExpressionAttributeValues")))
        {
            if !name.starts_with(sign) || name.len() < 2 {
                return Err(format!(
                    "{member} contains invalid key: Syntax error; key: \"{name}\""
                ));
            }
        }
        for (name, value) in &values {
            check_value(value).map_err(|problem| {
                format!(
                    "ExpressionAttributeValues contains invalid value: {problem} for key {name}"
                )
            })?;
        }
        Ok(Self { names, values: normalized(values), used: RefCell::default() })
    }

    fn name(&self, reference: &str) -> Parsed<String> {
        self.used.borrow_mut().insert(reference.to_owned());
        self.names.get(reference).cloned().ok_or_else(|| {
            format!(
                "An expression attribute name used in the document path is not defined; attribute name: {reference}"
            )
        })
    }

    fn value(&self, reference: &str) -> Parsed<AttributeValue> {
        self.used.borrow_mut().insert(reference.to_owned());
        self.values.get(reference).cloned().ok_or_else(|| {
            format!(
                "An expression attribute value used in expression is not defined; attribute value: {reference}"
            )
        })
    }

    /// What is given must be used.
    pub(super) fn check_used(&self) -> Parsed<()> {
        let used = self.used.borrow();
        let unused = |all: Vec<&String>| {
            let left: Vec<_> = all.into_iter().filter(|it| !used.contains(*it)).cloned().collect();
            (!left.is_empty()).then(|| left.join(", "))
        };
        let given = [
            ("ExpressionAttributeNames", self.names.keys().collect::<Vec<_>>()),
            ("ExpressionAttributeValues", self.values.keys().collect()),
        ];
        for (member, all) in given {
            if let Some(keys) = unused(all) {
                return Err(format!(
                    "Value provided in {member} unused in expressions: keys: {{{keys}}}"
                ));
            }
        }
        Ok(())
    }
}
