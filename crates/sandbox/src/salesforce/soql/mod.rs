//! The part of SOQL that readers of whole tables use.
//!
//! ```text
//! SELECT fields | COUNT() FROM object [WHERE conditions] [ORDER BY fields] [LIMIT n]
//! ```

mod condition;
mod parse;
mod query;
mod token;

pub(crate) use parse::parse;
pub(crate) use query::{Plan, plan};

/// A query as it is written.
#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) select: Select,
    pub(crate) from: String,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
}

/// What is asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Select {
    Fields(Vec<String>),
    Count,
}

/// A condition.
#[derive(Debug, PartialEq)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { field: String, operator: Operator, values: Vec<Literal> },
}

/// How a field is compared; only [`Operator::In`] and [`Operator::NotIn`] take more than one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    In,
    NotIn,
}

/// A value that is written in a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    Number(String),
    Date(jiff::civil::Date),
    /// Milliseconds since 1970.
    Time(i64),
}

/// A field that rows are sorted by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) field: String,
    pub(crate) descending: bool,
}
