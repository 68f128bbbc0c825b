//! The views of the lake: for every log with a key `<table>_latest`, its newest rows.
//!
//! They are written in the SQL that all engines know. One that keeps no views for us gets them in front of the query.

use std::collections::BTreeSet;

use stepwell_query::quoted;

use crate::dataset::DELETED;
use crate::published::Table;

/// What the view of a log's newest rows ends with.
pub(crate) const LATEST: &str = "_latest";

/// The names that a query may mean: its words, in small letters.
pub(crate) fn words(sql: &str) -> BTreeSet<String> {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    sql.split(|c| !is_in_word(c)).map(str::to_lowercase).collect()
}

/// The name of a table's view.
pub(crate) fn view_of(table: &str) -> String {
    format!("{table}{LATEST}")
}

/// The newest rows of a log that are not deleted; those of a child go with their parent's.
pub(crate) fn latest(table: &Table) -> Option<String> {
    if table.version_by.is_empty() || table.key.is_empty() {
        return None;
    }
    let name = quoted(&table.name);
    let columns = |from: &str| {
        let names = table.columns.iter().map(|column| format!("{from}{}", quoted(&column.name)));
        names.collect::<Vec<_>>().join(", ")
    };
    if let Some(parent) = &table.child_of {
        let same = table
            .key
            .iter()
            .chain(&table.version_by)
            .filter(|name| table.columns.iter().any(|it| it.name == **name));
        let same: Vec<_> = same.map(|name| format!("c.{0} = p.{0}", quoted(name))).collect();
        let parent = quoted(&view_of(parent));
        return Some(format!(
            "SELECT DISTINCT {} FROM {name} c JOIN {parent} p ON {}",
            columns("c."),
            same.join(" AND ")
        ));
    }
    let key: Vec<_> = table.key.iter().map(|name| quoted(name)).collect();
    let order: Vec<_> =
        table.version_by.iter().map(|name| format!("{} DESC NULLS LAST", quoted(name))).collect();
    let is_there = if table.columns.iter().any(|it| it.name == DELETED) {
        format!(" AND NOT {}", quoted(DELETED))
    } else {
        String::new()
    };
    Some(format!(
        "SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY {} ORDER BY {}) AS \"_rank\" FROM {name}) AS \"ranked\" WHERE \"_rank\" = 1{is_there}",
        columns(""),
        key.join(", "),
        order.join(", ")
    ))
}
