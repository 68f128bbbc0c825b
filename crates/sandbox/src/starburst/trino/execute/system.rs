//! The relations that every cluster has: `information_schema` of each catalog, and `system.metadata`.

use serde_json::{Value, json};

use super::Session;
use crate::starburst::metastore::{Column, Metastore, QualifiedName, Relation, is_listed};

/// Columns and rows.
pub(super) struct Content {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// The content of such a relation, if it is one.
pub(super) fn content(
    metastore: &Metastore,
    session: &Session,
    name: &QualifiedName,
) -> Option<Content> {
    let catalog = name.catalog.as_str();
    match (catalog, name.schema.as_str(), name.name.as_str()) {
        ("system", "metadata", "materialized_views") => {
            Some(materialized_views(metastore, session))
        }
        ("system", "metadata", "table_comments") => Some(table_comments(metastore)),
        (_, "information_schema", _) if !metastore.has_catalog(catalog) => None,
        (_, "information_schema", "schemata") => Some(schemata(metastore, catalog)),
        (_, "information_schema", "tables") => Some(tables(metastore, catalog)),
        (_, "information_schema", "views") => Some(views(metastore, catalog)),
        (_, "information_schema", "columns") => Some(columns(metastore, catalog)),
        _ => None,
    }
}

fn varchars(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(name, "varchar")).collect()
}

fn schemata(metastore: &Metastore, catalog: &str) -> Content {
    let own = "information_schema".to_owned();
    let names = metastore.schemas(catalog).map(|(name, _)| name).chain([&own]);
    Content {
        columns: varchars(&["catalog_name", "schema_name"]),
        rows: names.map(|name| vec![json!(catalog), json!(name)]).collect(),
    }
}

/// Schema, name and relation of all that is listed in a catalog.
fn listed<'a>(
    metastore: &'a Metastore,
    catalog: &str,
) -> impl Iterator<Item = (&'a String, &'a String, &'a Relation)> {
    metastore.schemas(catalog).flat_map(|(schema, relations)| {
        let listed = relations.iter().filter(|(name, _)| is_listed(name));
        listed.map(move |(name, relation)| (schema, name, relation))
    })
}

fn tables(metastore: &Metastore, catalog: &str) -> Content {
    let rows = listed(metastore, catalog).map(|(schema, name, relation)| {
        vec![json!(catalog), json!(schema), json!(name), json!(relation.table_type())]
    });
    Content {
        columns: varchars(&["table_catalog", "table_schema", "table_name", "table_type"]),
        rows: rows.collect(),
    }
}

fn views(metastore: &Metastore, catalog: &str) -> Content {
    let rows = listed(metastore, catalog).filter_map(|(schema, name, relation)| match relation {
        Relation::View(view) => {
            Some(vec![json!(catalog), json!(schema), json!(name), json!(view.sql)])
        }
        Relation::Table { .. } | Relation::MaterializedView(_) => None,
    });
    Content {
        columns: varchars(&["table_catalog", "table_schema", "table_name", "view_definition"]),
        rows: rows.collect(),
    }
}

fn columns(metastore: &Metastore, catalog: &str) -> Content {
    let rows = listed(metastore, catalog).flat_map(|(schema, name, relation)| {
        relation.columns().iter().zip(1..).map(move |(column, position)| {
            vec![
                json!(catalog),
                json!(schema),
                json!(name),
                json!(column.name),
                json!(position),
                Value::Null,
                json!("YES"),
                json!(column.r#type),
            ]
        })
    });
    let mut columns = varchars(&[
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "column_default",
        "is_nullable",
        "data_type",
    ]);
    "bigint".clone_into(&mut columns[4].r#type);
    Content { columns, rows: rows.collect() }
}

fn table_comments(metastore: &Metastore) -> Content {
    let rows = metastore.catalogs().flat_map(|catalog| {
        listed(metastore, catalog).map(move |(schema, name, relation)| {
            let comment = match relation {
                Relation::View(view) => view.comment.as_deref(),
                Relation::Table { .. } | Relation::MaterializedView(_) => None,
            };
            vec![json!(catalog), json!(schema), json!(name), json!(comment)]
        })
    });
    Content {
        columns: varchars(&["catalog_name", "schema_name", "table_name", "comment"]),
        rows: rows.collect(),
    }
}

/// One without storage has empty texts, not nulls. A role that may not see them gets no rows, and no error.
fn materialized_views(metastore: &Metastore, session: &Session) -> Content {
    let visible = session.sees_materialized_views;
    let rows = metastore.catalogs().filter(|_| visible).flat_map(|catalog| {
        listed(metastore, catalog).filter_map(move |(schema, name, relation)| {
            let Relation::MaterializedView(view) = relation else { return None };
            let storage = view.storage.as_ref();
            let part = |part: fn(&QualifiedName) -> &String| {
                json!(storage.map(part).cloned().unwrap_or_default())
            };
            Some(vec![
                json!(catalog),
                json!(schema),
                json!(name),
                part(|name| &name.catalog),
                part(|name| &name.schema),
                part(|name| &name.name),
                json!(view.freshness),
                Value::Null,
                Value::Null,
                json!(view.sql),
            ])
        })
    });
    let mut columns = varchars(&[
        "catalog_name",
        "schema_name",
        "name",
        "storage_catalog",
        "storage_schema",
        "storage_table",
        "freshness",
        "last_fresh_time",
        "comment",
        "definition",
    ]);
    "timestamp(9) with time zone".clone_into(&mut columns[7].r#type);
    Content { columns, rows: rows.collect() }
}
