//! Defaults of columns that were added to a source table as required, as the columns hold them.
//!
//! The official client has no layout for the default of an open enumeration or an array: it refuses such a
//! schema. Here it is what the column then holds, the id of a row in its lookup table or an array.

use super::enums;
use super::session::Session;
use super::table::Table;
use super::values::{Postgres, write_array};
use crate::rows::temporal::Spelling;
use crate::rows::value::{self, Value};
use crate::schema::{Column, ColumnType};
use crate::target::intake::Dialect;
use crate::target::{Layout, TargetError};

/// The `DEFAULT` clause of each column, empty where there is none or the column cannot hold it. Lookup tables must
/// be there already.
pub(super) async fn clauses(
    session: &Session,
    table: &Table,
    columns: &[Column],
) -> Result<Vec<String>, TargetError> {
    let mut clauses = Vec::with_capacity(columns.len());
    for column in columns {
        clauses.push(clause(session, table, column).await?);
    }
    Ok(clauses)
}

async fn clause(session: &Session, table: &Table, column: &Column) -> Result<String, TargetError> {
    let Some(text) = text(table.layout, column) else { return Ok(String::new()) };
    let literal = match (table.layout, &column.ty) {
        (Layout::Instructure, ColumnType::OpenEnum { .. }) => {
            enums::id_of(session, table, column, &text).await?.to_string()
        }
        _ => session.literals(&[&text]).await?.remove(0),
    };
    Ok(format!(" DEFAULT {literal}"))
}

/// Whether the column has a default, and can hold it in either layout.
pub(in crate::target) fn holds_default(column: &Column) -> bool {
    // The stricter one: its closed lists are types.
    text(Layout::Instructure, column).is_some()
}

fn text(layout: Layout, column: &Column) -> Option<String> {
    let default = match column.default.as_ref()? {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let dialect = Postgres { layout };
    let value = value::read(dialect.reads_as(column), default.into_bytes().into()).ok()?;
    let mut out = Vec::new();
    match dialect.fit(column, value).ok()? {
        Value::Array(items) => write_array(&items, &mut out),
        value => value.write(Spelling::Postgres, &mut out),
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spelled(ty: ColumnType, default: serde_json::Value) -> Option<String> {
        let column = Column {
            name: "c".into(),
            key: false,
            ty,
            required: true,
            default: Some(default),
            description: None,
        };
        text(Layout::Instructure, &column)
    }

    #[test]
    fn a_default_is_spelled_as_the_column_holds_it() {
        let texts = ColumnType::Array(Box::new(ColumnType::Text { max_length: None }));
        let spelled = |ty: &ColumnType, default| spelled(ty.clone(), default);
        assert_eq!(spelled(&texts, json!(["a,b", null])).unwrap(), r#"{"a,b",NULL}"#);
        assert_eq!(spelled(&ColumnType::Json, json!([{"x": 1}])).unwrap(), r#"[{"x":1}]"#);
        assert_eq!(spelled(&ColumnType::Int32, json!(7)).unwrap(), "7");
        let closed = ColumnType::Enum { values: vec!["a".into()] };
        assert_eq!(spelled(&closed, json!("a")).unwrap(), "a");
        // What a column cannot hold would make its table fail for ever.
        assert_eq!(spelled(&closed, json!("b")), None);
        assert_eq!(spelled(&ColumnType::Int32, json!("seven")), None);
        assert_eq!(spelled(&texts, json!(null)), None);
    }
}
