//! `SHOW` and `DESCRIBE`.

use serde_json::json;

use super::lookup::is_like;
use super::resolve::{check_catalog, check_schema, relation, relation_name, schema_name};
use super::{Outcome, Session};
use crate::starburst::metastore::{Metastore, Relation, Security, View, is_listed};
use crate::starburst::trino::error::QueryError;
use crate::starburst::trino::sql::{Name, identifier_text, reformat};

fn matches(like: Option<&str>, name: &str) -> bool {
    like.is_none_or(|pattern| is_like(pattern, name))
}

pub(super) fn catalogs(metastore: &Metastore, like: Option<&str>) -> Outcome {
    let names = metastore.catalogs().filter(|name| matches(like, name)).cloned();
    Outcome::texts("Catalog", names)
}

pub(super) fn schemas(
    metastore: &Metastore,
    session: &Session,
    catalog: Option<&str>,
    like: Option<&str>,
) -> Result<Outcome, QueryError> {
    let catalog = catalog.or(session.catalog.as_deref()).ok_or_else(|| {
        QueryError::new("MISSING_CATALOG_NAME")
            .message("Catalog must be specified when session catalog is not set")
    })?;
    check_catalog(metastore, catalog)?;
    let own = ["information_schema".to_owned()];
    let mut names: Vec<String> =
        metastore.schemas(catalog).map(|(name, _)| name.clone()).chain(own).collect();
    names.retain(|name| matches(like, name));
    names.sort();
    Ok(Outcome::texts("Schema", names))
}

pub(super) fn tables(
    metastore: &Metastore,
    session: &Session,
    schema: Option<&Name>,
    like: Option<&str>,
) -> Result<Outcome, QueryError> {
    let (catalog, schema) = match (schema, &session.catalog, &session.schema) {
        (Some(name), _, _) => schema_name(name, session)?,
        (None, Some(catalog), Some(schema)) => (catalog.clone(), schema.clone()),
        (None, _, _) => {
            let message = "Schema must be specified when session schema is not set";
            return Err(QueryError::new("MISSING_SCHEMA_NAME").message(message));
        }
    };
    check_schema(metastore, &catalog, &schema)?;
    let relations = metastore.schema(&catalog, &schema).into_iter().flatten();
    let names = relations.map(|(name, _)| name.clone());
    Ok(Outcome::texts("Table", names.filter(|name| is_listed(name) && matches(like, name))))
}

pub(super) fn columns(
    metastore: &Metastore,
    session: &Session,
    table: &Name,
) -> Result<Outcome, QueryError> {
    let name = relation_name(table, session)?;
    let relation = relation(metastore, &name).map_err(|error| error.at(table.location))?;
    let rows = relation.columns().iter().map(|column| {
        let comment = column.comment.as_deref().unwrap_or_default();
        vec![json!(column.name), json!(column.r#type), json!(""), json!(comment)]
    });
    Ok(Outcome {
        columns: ["Column", "Type", "Extra", "Comment"]
            .map(|name| (name.to_owned(), "varchar".to_owned()))
            .to_vec(),
        rows: rows.collect(),
        ..Outcome::default()
    })
}

pub(super) fn create_view(
    metastore: &Metastore,
    session: &Session,
    name: &Name,
) -> Result<Outcome, QueryError> {
    let view_name = relation_name(name, session)?;
    let found = relation(metastore, &view_name).map_err(|error| error.at(name.location))?;
    let Relation::View(view) = found else {
        let message = format!("Relation '{}' is a table, not a view", view_name.dotted());
        return Err(QueryError::not_supported(message).at(name.location));
    };
    let parts = [&view_name.catalog, &view_name.schema, &view_name.name];
    let quoted = parts.map(|part| identifier_text(part)).join(".");
    Ok(Outcome::texts("Create View", [create_view_text(&quoted, view)?]))
}

/// The server writes the statement anew; the query is not byte for byte what was sent.
fn create_view_text(name: &str, view: &View) -> Result<String, QueryError> {
    let comment = view.comment.as_ref();
    let comment = comment.map(|text| format!("COMMENT '{}'\n", text.replace('\'', "''")));
    let security = match view.security {
        Security::Definer => "DEFINER",
        Security::Invoker => "INVOKER",
    };
    let comment = comment.as_deref().unwrap_or_default();
    Ok(format!("CREATE VIEW {name}\n{comment}SECURITY {security} AS\n{}", reformat(&view.sql)?))
}
