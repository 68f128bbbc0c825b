//! What a query gives.

use std::cmp::Ordering;

use super::condition::no_such_column;
use super::{Query, Select};
use crate::salesforce::data::{Cell, Object, Organization, Row, Table};
use crate::salesforce::problem::Problem;

/// A checked query with the records it finds.
pub(crate) struct Plan<'o> {
    pub(crate) object: &'o Object,
    /// Places of the fields that are asked for; none if only the number is.
    pub(crate) fields: Option<Vec<usize>>,
    pub(crate) rows: Vec<&'o Row>,
    /// The times in milliseconds that the conditions leave of those that the object has, both ends included.
    pub(crate) times: (i64, i64),
}

/// Finds the records of a query; deleted ones and archived activities only with `all`.
pub(crate) fn plan<'o>(
    organization: &'o Organization,
    query: &Query,
    all: bool,
) -> Result<Plan<'o>, Problem> {
    let table = organization.table(&query.from);
    let table = table.ok_or_else(|| Problem::invalid_type(&query.from))?;
    let object = &table.object;
    let fields = match &query.select {
        Select::Count => None,
        Select::Fields(names) => Some(places(object, names.iter().map(String::as_str))?),
    };
    let order = places(object, query.order.iter().map(|it| it.field.as_str()))?;
    query.condition.as_ref().map_or(Ok(()), |condition| condition.check(object))?;
    check_filter(object, query)?;
    let is_shown = |row: &&Row| all || !is_hidden(table, row);
    let is_meant =
        |row: &&Row| query.condition.as_ref().is_none_or(|condition| condition.holds(object, row));
    let mut rows: Vec<&Row> = table.rows.values().filter(is_shown).filter(is_meant).collect();
    rows.sort_by(|a, b| by_order(&order, query, a, b));
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(Plan { object, fields, rows, times: times(table, query) })
}

fn places<'n>(
    object: &Object,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<usize>, Problem> {
    names.map(|name| object.field(name).ok_or_else(|| no_such_column(name, object))).collect()
}

fn is_hidden(table: &Table, row: &Row) -> bool {
    let archived = table.object.field("IsArchived");
    table.is_deleted(row) || archived.is_some_and(|field| row.cells[field] == Cell::Bool(true))
}

/// Nulls come first, as they do by default.
fn by_order(order: &[usize], query: &Query, a: &Row, b: &Row) -> Ordering {
    let pairs = order.iter().zip(&query.order);
    pairs
        .map(|(field, wanted)| {
            let (a, b) = (&a.cells[*field], &b.cells[*field]);
            let order = a.order(b).unwrap_or_else(|| b.is_null().cmp(&a.is_null()));
            if wanted.descending { order.reverse() } else { order }
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn check_filter(object: &Object, query: &Query) -> Result<(), Problem> {
    let fields = object.needs_filter;
    if fields.is_empty() || query.condition.as_ref().is_some_and(|it| it.fixes(fields)) {
        return Ok(());
    }
    let message = format!(
        "Implementation restriction: {} requires a filter by a single Id on {} using the equals operator or multiple Id's using the IN operator.",
        object.name,
        fields[1..].join(" or ")
    );
    Err(Problem::bad("MALFORMED_QUERY", message))
}

fn times(table: &Table, query: &Query) -> (i64, i64) {
    let Some(stamp) = table.object.stamp() else { return (0, 0) };
    // By id, everything is quick.
    if query.condition.as_ref().is_some_and(|condition| condition.fixes(&["Id"])) {
        return (0, 0);
    }
    let name = table.object.fields[stamp].name;
    let asked = query.condition.as_ref().map_or((i64::MIN, i64::MAX), |it| it.times(name));
    let stamps = || table.rows.values().map(|row| table.stamp_of(row));
    let there = (stamps().min().unwrap_or(0), stamps().max().unwrap_or(0));
    (asked.0.max(there.0), asked.1.min(there.1))
}
