//! Names in full: what a name leaves out is the session's.

use super::Session;
use crate::starburst::metastore::{Metastore, QualifiedName, Relation};
use crate::starburst::trino::error::QueryError;
use crate::starburst::trino::sql::Name;

/// `catalog.schema` of a schema's name.
pub(super) fn schema_name(name: &Name, session: &Session) -> Result<(String, String), QueryError> {
    match name.parts.as_slice() {
        [schema] => Ok((session_catalog(name, session)?, schema.clone())),
        [catalog, schema] => Ok((catalog.clone(), schema.clone())),
        _ => Err(QueryError::syntax("Too many parts in schema name", name.location)),
    }
}

/// `catalog.schema.name` of a relation's name.
pub(super) fn relation_name(name: &Name, session: &Session) -> Result<QualifiedName, QueryError> {
    match name.parts.as_slice() {
        [relation] => {
            let catalog = session_catalog(name, session)?;
            let schema = session.schema.as_deref().ok_or_else(|| {
                QueryError::new("MISSING_SCHEMA_NAME")
                    .message("Schema must be specified when session schema is not set")
                    .at(name.location)
            })?;
            Ok(QualifiedName::new(&catalog, schema, relation))
        }
        [schema, relation] => {
            Ok(QualifiedName::new(&session_catalog(name, session)?, schema, relation))
        }
        [catalog, schema, relation] => Ok(QualifiedName::new(catalog, schema, relation)),
        _ => Err(QueryError::syntax("Too many parts in table name", name.location)),
    }
}

fn session_catalog(name: &Name, session: &Session) -> Result<String, QueryError> {
    session.catalog.clone().ok_or_else(|| {
        QueryError::new("MISSING_CATALOG_NAME")
            .message("Catalog must be specified when session catalog is not set")
            .at(name.location)
    })
}

pub(super) fn check_catalog(metastore: &Metastore, catalog: &str) -> Result<(), QueryError> {
    if metastore.has_catalog(catalog) {
        return Ok(());
    }
    Err(QueryError::new("CATALOG_NOT_FOUND").message(format!("Catalog '{catalog}' not found")))
}

pub(super) fn check_schema(
    metastore: &Metastore,
    catalog: &str,
    schema: &str,
) -> Result<(), QueryError> {
    check_catalog(metastore, catalog)?;
    if metastore.schema(catalog, schema).is_some() {
        return Ok(());
    }
    let message = format!("Schema '{schema}' does not exist");
    Err(QueryError::new("SCHEMA_NOT_FOUND").message(message))
}

/// The relation, or what is missing: catalog, schema or table.
pub(super) fn relation<'a>(
    metastore: &'a Metastore,
    name: &QualifiedName,
) -> Result<&'a Relation, QueryError> {
    check_schema(metastore, &name.catalog, &name.schema)?;
    metastore.relation(name).ok_or_else(|| no_such_table("Table", name))
}

pub(super) fn no_such_table(kind: &str, name: &QualifiedName) -> QueryError {
    let message = format!("{kind} '{}' does not exist", name.dotted());
    QueryError::new("TABLE_NOT_FOUND").message(message)
}

pub(super) fn no_such_column(column: &str) -> QueryError {
    QueryError::new("COLUMN_NOT_FOUND").message(format!("Column '{column}' cannot be resolved"))
}
