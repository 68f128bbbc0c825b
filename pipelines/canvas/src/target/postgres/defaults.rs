//! Defaults of columns that were added to a source table as required.

use super::session::Session;
use crate::schema::Column;
use crate::target::TargetError;

/// The `DEFAULT` clause of each column, empty where there is none.
pub(super) async fn clauses(
    session: &Session,
    columns: &[Column],
) -> Result<Vec<String>, TargetError> {
    if columns.iter().all(|column| column.default.is_none()) {
        return Ok(vec![String::new(); columns.len()]);
    }
    let texts: Vec<String> = columns.iter().map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let literals = session.literals(&texts).await?;
    let clause = |(column, literal): (&Column, &String)| match column.default {
        Some(_) => format!(" DEFAULT {literal}"),
        None => String::new(),
    };
    Ok(columns.iter().zip(&literals).map(clause).collect())
}

fn text(column: &Column) -> String {
    match &column.default {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
