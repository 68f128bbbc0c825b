//! `SELECT`, as far as look-ups need it: one relation or none, conditions joined by `AND`, `ORDER BY`, `LIMIT`.

use super::parse::Name;
use super::reader::Reader;
use super::token::Kind;
use crate::starburst::trino::error::QueryError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Option<Name>,
    pub(crate) conditions: Vec<Condition>,
    /// Columns by name, and whether downwards.
    pub(crate) order: Vec<(String, bool)>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    All,
    Column {
        name: String,
        alias: Option<String>,
    },
    CountAll {
        alias: Option<String>,
    },
    Text {
        text: String,
        alias: Option<String>,
    },
    Integer {
        number: i64,
        alias: Option<String>,
    },
    /// `a || '.' || b`, or `concat(a, '.', b)`
    Concatenation {
        parts: Vec<Part>,
        alias: Option<String>,
    },
}

/// What is joined to one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Column(String),
}

/// On a column of `varchar`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    In { column: String, texts: Vec<String>, is_negated: bool },
    Like { column: String, pattern: String, is_negated: bool },
    IsNull { column: String, is_negated: bool },
}

pub(crate) fn parse_select(reader: &mut Reader<'_>) -> Result<Select, QueryError> {
    if !reader.accept("SELECT") {
        return Err(not_supported());
    }
    let items = parse_items(reader)?;
    let from = if reader.accept("FROM") { Some(parse_from(reader)?) } else { None };
    let conditions = if reader.accept("WHERE") { parse_conditions(reader)? } else { Vec::new() };
    let order = parse_order(reader)?;
    let limit = if reader.accept("LIMIT") { parse_limit(reader)? } else { None };
    if reader.peek().is_any_word(&[
        "GROUP",
        "HAVING",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "OFFSET",
        "FETCH",
        "JOIN",
        "LEFT",
        "CROSS",
    ]) || reader.peek().is_symbol(',')
    {
        return Err(not_supported());
    }
    Ok(Select { items, from, conditions, order, limit })
}

fn not_supported() -> QueryError {
    QueryError::not_supported("the sandbox does not run this query")
}

fn parse_items(reader: &mut Reader<'_>) -> Result<Vec<Item>, QueryError> {
    let mut items = vec![parse_item(reader)?];
    while reader.accept_symbol(',') {
        items.push(parse_item(reader)?);
    }
    Ok(items)
}

fn parse_item(reader: &mut Reader<'_>) -> Result<Item, QueryError> {
    match reader.peek().kind.clone() {
        Kind::Symbol('*') => {
            reader.next();
            Ok(Item::All)
        }
        Kind::Number(digits) => {
            let number = digits.parse().map_err(|_| not_supported())?;
            reader.next();
            Ok(Item::Integer { number, alias: parse_alias(reader)? })
        }
        Kind::Word(word)
            if word.eq_ignore_ascii_case("count") && reader.peek_second().is_symbol('(') =>
        {
            reader.next();
            if reader.brackets()?.trim() != "*" {
                return Err(not_supported());
            }
            Ok(Item::CountAll { alias: parse_alias(reader)? })
        }
        Kind::Word(word)
            if word.eq_ignore_ascii_case("concat") && reader.peek_second().is_symbol('(') =>
        {
            reader.next();
            reader.expect_symbol('(')?;
            let mut parts = vec![parse_part(reader)?];
            while reader.accept_symbol(',') {
                parts.push(parse_part(reader)?);
            }
            reader.expect_symbol(')')?;
            Ok(Item::Concatenation { parts, alias: parse_alias(reader)? })
        }
        _ => parse_text_item(reader),
    }
}

/// A column, a text, or several of them joined by `||`.
fn parse_text_item(reader: &mut Reader<'_>) -> Result<Item, QueryError> {
    let mut parts = vec![parse_part(reader)?];
    while reader.accept_symbol('|') {
        reader.expect_symbol('|')?;
        parts.push(parse_part(reader)?);
    }
    let alias = parse_alias(reader)?;
    Ok(match (parts.pop().expect("there is a part"), parts.is_empty()) {
        (Part::Text(text), true) => Item::Text { text, alias },
        (Part::Column(name), true) => Item::Column { name, alias },
        (last, false) => {
            parts.push(last);
            Item::Concatenation { parts, alias }
        }
    })
}

fn parse_part(reader: &mut Reader<'_>) -> Result<Part, QueryError> {
    if let Kind::Text(text) = reader.peek().kind.clone() {
        reader.next();
        return Ok(Part::Text(text));
    }
    let column = parse_column(reader)?;
    if reader.peek().is_symbol('(') {
        return Err(not_supported());
    }
    Ok(Part::Column(column))
}

/// `a`, or `t.a` with the relation's name or alias in front.
fn parse_column(reader: &mut Reader<'_>) -> Result<String, QueryError> {
    let mut name = reader.name()?;
    Ok(name.parts.pop().expect("a name has a part"))
}

fn parse_alias(reader: &mut Reader<'_>) -> Result<Option<String>, QueryError> {
    if reader.accept("AS") || reader.peek().identifier().is_some_and(|_| !is_clause(reader)) {
        return reader.identifier().map(Some);
    }
    Ok(None)
}

/// `LIMIT` and `OFFSET` are no reserved words.
fn is_clause(reader: &Reader<'_>) -> bool {
    reader.peek().is_any_word(&["LIMIT", "OFFSET", "FETCH"])
}

fn parse_from(reader: &mut Reader<'_>) -> Result<Name, QueryError> {
    if reader.peek().is_symbol('(') || reader.peek().is_any_word(&["UNNEST", "TABLE"]) {
        return Err(not_supported());
    }
    let name = reader.name()?;
    parse_alias(reader)?;
    Ok(name)
}

fn parse_conditions(reader: &mut Reader<'_>) -> Result<Vec<Condition>, QueryError> {
    let mut conditions = vec![parse_condition(reader)?];
    while reader.accept("AND") {
        conditions.push(parse_condition(reader)?);
    }
    if reader.peek().is_word("OR") {
        return Err(not_supported());
    }
    Ok(conditions)
}

fn parse_condition(reader: &mut Reader<'_>) -> Result<Condition, QueryError> {
    let column = parse_column(reader)?;
    if reader.accept("IS") {
        let is_negated = reader.accept("NOT");
        reader.expect("NULL")?;
        return Ok(Condition::IsNull { column, is_negated });
    }
    let is_negated = reader.accept("NOT");
    if reader.accept("LIKE") {
        return Ok(Condition::Like { column, pattern: reader.text()?, is_negated });
    }
    if reader.accept("IN") {
        return Ok(Condition::In { column, texts: parse_texts(reader)?, is_negated });
    }
    if is_negated {
        return Err(reader.unexpected());
    }
    let is_negated = parse_comparison(reader)?;
    Ok(Condition::In { column, texts: vec![reader.text()?], is_negated })
}

/// `=`, or `<>` and `!=`, which negate.
fn parse_comparison(reader: &mut Reader<'_>) -> Result<bool, QueryError> {
    if reader.accept_symbol('=') {
        return Ok(false);
    }
    if reader.accept_symbol('!') {
        return reader.expect_symbol('=').map(|()| true);
    }
    reader.expect_symbol('<')?;
    if reader.accept_symbol('>') { Ok(true) } else { Err(not_supported()) }
}

fn parse_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, QueryError> {
    reader.expect_symbol('(')?;
    let mut texts = vec![reader.text()?];
    while reader.accept_symbol(',') {
        texts.push(reader.text()?);
    }
    reader.expect_symbol(')')?;
    Ok(texts)
}

fn parse_order(reader: &mut Reader<'_>) -> Result<Vec<(String, bool)>, QueryError> {
    let mut order = Vec::new();
    if !reader.accept_all(&["ORDER", "BY"]) {
        return Ok(order);
    }
    loop {
        let column = parse_column(reader)?;
        let is_down = reader.accept("DESC");
        if !is_down {
            reader.accept("ASC");
        }
        order.push((column, is_down));
        if !reader.accept_symbol(',') {
            return Ok(order);
        }
    }
}

fn parse_limit(reader: &mut Reader<'_>) -> Result<Option<usize>, QueryError> {
    if reader.accept("ALL") {
        return Ok(None);
    }
    let Kind::Number(digits) = &reader.peek().kind else { return Err(reader.unexpected()) };
    let limit = digits.parse().map_err(|_| reader.unexpected())?;
    reader.next();
    Ok(Some(limit))
}
