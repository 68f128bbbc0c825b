//! Schemas for tests.

use crate::schema::{Column, ColumnType, TableSchema};

/// Table `canvas.things`: the first column is the key, types are given by a short name.
pub(crate) fn schema(columns: &[(&str, &str)]) -> TableSchema {
    let column = |(index, (name, ty)): (usize, &(&str, &str))| Column {
        name: (*name).to_owned(),
        key: index == 0,
        ty: column_type(ty),
        required: index == 0,
        default: None,
        description: None,
    };
    TableSchema {
        namespace: "canvas".into(),
        table: "things".into(),
        version: 1,
        title: None,
        description: None,
        columns: columns.iter().enumerate().map(column).collect(),
        document: serde_json::json!({}),
    }
}

fn column_type(name: &str) -> ColumnType {
    match name {
        "int64" => ColumnType::Int64,
        "text" => ColumnType::Text { max_length: None },
        "float64" => ColumnType::Float64,
        other => panic!("no short name {other}"),
    }
}
