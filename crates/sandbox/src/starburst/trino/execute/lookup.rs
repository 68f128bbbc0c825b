//! `SELECT` over one relation. Tables and views have no rows; the relations of the system do.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::resolve::{no_such_column, relation, relation_name};
use super::system::{Content, content};
use super::view::{DEPTH_MAX, check_readable};
use super::{Outcome, Session};
use crate::starburst::metastore::Metastore;
use crate::starburst::trino::error::QueryError;
use crate::starburst::trino::sql::{Condition, Item, Name, Part, Select};

pub(super) fn select(
    metastore: &Metastore,
    session: &Session,
    select: &Select,
) -> Result<Outcome, QueryError> {
    let mut content = match &select.from {
        Some(name) => read(metastore, session, name)?,
        None => Content { columns: Vec::new(), rows: vec![Vec::new()] },
    };
    for condition in &select.conditions {
        filter(&mut content, condition)?;
    }
    sort(&mut content, &select.order)?;
    let mut outcome = project(&content, &select.items)?;
    outcome.rows.truncate(select.limit.unwrap_or(usize::MAX));
    Ok(outcome)
}

fn read(metastore: &Metastore, session: &Session, name: &Name) -> Result<Content, QueryError> {
    let full = relation_name(name, session)?;
    if let Some(content) = content(metastore, session, &full) {
        return Ok(content);
    }
    let relation = relation(metastore, &full).map_err(|error| error.at(name.location))?;
    check_readable(metastore, &full, DEPTH_MAX).map_err(|error| error.at(name.location))?;
    Ok(Content { columns: relation.columns().to_vec(), rows: Vec::new() })
}

fn place(content: &Content, column: &str) -> Result<usize, QueryError> {
    let found = content.columns.iter().position(|it| it.name == column);
    found.ok_or_else(|| no_such_column(column))
}

fn filter(content: &mut Content, condition: &Condition) -> Result<(), QueryError> {
    let (Condition::In { column, .. }
    | Condition::Like { column, .. }
    | Condition::IsNull { column, .. }) = condition;
    let place = place(content, column)?;
    content.rows.retain(|row| holds(condition, &row[place]));
    Ok(())
}

/// Nothing but `IS NULL` holds for null.
fn holds(condition: &Condition, cell: &Value) -> bool {
    let text = cell.as_str();
    match condition {
        Condition::IsNull { is_negated, .. } => cell.is_null() != *is_negated,
        Condition::In { texts, is_negated, .. } => {
            text.is_some_and(|text| texts.iter().any(|it| it == text) != *is_negated)
        }
        Condition::Like { pattern, is_negated, .. } => {
            text.is_some_and(|text| is_like(pattern, text) != *is_negated)
        }
    }
}

/// `%` is any text, `_` any character.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let mut rest = text.chars();
    let mut wanted = pattern.chars();
    match wanted.next() {
        None => text.is_empty(),
        Some('%') => {
            let after = wanted.as_str();
            (text.char_indices().map(|(at, _)| at).chain([text.len()]))
                .any(|at| is_like(after, &text[at..]))
        }
        Some('_') => rest.next().is_some() && is_like(wanted.as_str(), rest.as_str()),
        Some(c) => rest.next() == Some(c) && is_like(wanted.as_str(), rest.as_str()),
    }
}

fn sort(content: &mut Content, order: &[(String, bool)]) -> Result<(), QueryError> {
    // Stable: the last column first.
    for (column, is_down) in order.iter().rev() {
        let place = place(content, column)?;
        content.rows.sort_by(|a, b| {
            let ordering = compare(&a[place], &b[place]);
            if *is_down { ordering.reverse() } else { ordering }
        });
    }
    Ok(())
}

fn compare(a: &Value, b: &Value) -> Ordering {
    a.as_i64().cmp(&b.as_i64()).then_with(|| a.as_str().cmp(&b.as_str()))
}

fn project(content: &Content, items: &[Item]) -> Result<Outcome, QueryError> {
    if let [Item::CountAll { alias }] = items {
        return Ok(count(content, alias.as_deref()));
    }
    let mut outcome = Outcome { rows: vec![Vec::new(); content.rows.len()], ..Outcome::default() };
    for item in items {
        match item {
            Item::All => {
                for place in 0..content.columns.len() {
                    add_column(&mut outcome, content, place, None);
                }
            }
            Item::Column { name, alias } => {
                add_column(&mut outcome, content, place(content, name)?, alias.as_deref());
            }
            Item::Text { text, alias } => {
                let r#type = format!("varchar({})", text.chars().count());
                add_constant(&mut outcome, &json!(text), r#type, alias.as_deref());
            }
            Item::Concatenation { parts, alias } => {
                add_concatenation(&mut outcome, content, parts, alias.as_deref())?;
            }
            Item::Integer { number, alias } => {
                add_constant(&mut outcome, &json!(number), "integer".to_owned(), alias.as_deref());
            }
            Item::CountAll { .. } => {
                return Err(QueryError::not_supported("the sandbox counts or selects, not both"));
            }
        }
    }
    Ok(outcome)
}

fn count(content: &Content, alias: Option<&str>) -> Outcome {
    let name = alias.unwrap_or("_col0").to_owned();
    Outcome {
        columns: vec![(name, "bigint".to_owned())],
        rows: vec![vec![json!(content.rows.len())]],
        ..Outcome::default()
    }
}

fn add_column(outcome: &mut Outcome, content: &Content, place: usize, alias: Option<&str>) {
    let column = &content.columns[place];
    outcome.columns.push((alias.unwrap_or(&column.name).to_owned(), column.r#type.clone()));
    for (row, source) in outcome.rows.iter_mut().zip(&content.rows) {
        row.push(source[place].clone());
    }
}

/// Null if any part is null.
fn add_concatenation(
    outcome: &mut Outcome,
    content: &Content,
    parts: &[Part],
    alias: Option<&str>,
) -> Result<(), QueryError> {
    let name = alias.map_or_else(|| format!("_col{}", outcome.columns.len()), str::to_owned);
    outcome.columns.push((name, "varchar".to_owned()));
    for part in parts {
        if let Part::Column(column) = part {
            place(content, column)?;
        }
    }
    for (row, source) in outcome.rows.iter_mut().zip(&content.rows) {
        let texts: Option<String> =
            parts.iter().map(|part| part_text(content, source, part)).collect();
        row.push(json!(texts));
    }
    Ok(())
}

fn part_text<'a>(content: &Content, row: &'a [Value], part: &'a Part) -> Option<&'a str> {
    match part {
        Part::Text(text) => Some(text),
        Part::Column(column) => row[place(content, column).ok()?].as_str(),
    }
}

fn add_constant(outcome: &mut Outcome, value: &Value, r#type: String, alias: Option<&str>) {
    let name = alias.map_or_else(|| format!("_col{}", outcome.columns.len()), str::to_owned);
    outcome.columns.push((name, r#type));
    for row in &mut outcome.rows {
        row.push(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn patterns_match_as_in_sql() {
        assert!(is_like("%", "") && is_like("a%c_", "abbcd") && is_like("ö_", "öß"));
        assert!(!is_like("a_", "a") && !is_like("a", "ab") && !is_like("%b", "abc"));
    }
}
