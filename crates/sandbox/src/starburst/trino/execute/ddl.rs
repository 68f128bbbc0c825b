//! Schemas, tables, comments.

use super::resolve::{check_catalog, check_schema, no_such_table, relation_name, schema_name};
use super::{Outcome, Rules, Session};
use crate::starburst::metastore::{Column, Metastore, QualifiedName, Relation};
use crate::starburst::trino::error::QueryError;
use crate::starburst::trino::sql::{Commented, Name};

pub(super) fn create_schema(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    if_not_exists: bool,
) -> Result<Outcome, QueryError> {
    let (catalog, schema) = schema_name(name, session)?;
    check_catalog(metastore, &catalog).map_err(|error| error.at(name.location))?;
    if metastore.schema(&catalog, &schema).is_some() && !if_not_exists {
        let message = format!("Schema '{catalog}.{schema}' already exists");
        return Err(QueryError::new("SCHEMA_ALREADY_EXISTS").message(message).at(name.location));
    }
    metastore.ensure_schema(&catalog, &schema);
    Ok(Outcome::done("CREATE SCHEMA"))
}

pub(super) fn drop_schema(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome, QueryError> {
    let (catalog, schema) = schema_name(name, session)?;
    match metastore.schema(&catalog, &schema) {
        None if if_exists => {}
        None => {
            let message = format!("Schema '{catalog}.{schema}' does not exist");
            return Err(QueryError::new("SCHEMA_NOT_FOUND").message(message).at(name.location));
        }
        Some(relations) if !relations.is_empty() && !cascade => {
            let message = format!("Cannot drop non-empty schema '{schema}'");
            return Err(QueryError::new("SCHEMA_NOT_EMPTY").message(message).at(name.location));
        }
        Some(_) => metastore.remove_schema(&catalog, &schema),
    }
    Ok(Outcome::done("DROP SCHEMA"))
}

pub(super) fn create_table(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    columns: &[Column],
    if_not_exists: bool,
) -> Result<Outcome, QueryError> {
    let table = relation_name(name, session)?;
    check_schema(metastore, &table.catalog, &table.schema).map_err(|e| e.at(name.location))?;
    if metastore.relation(&table).is_none() {
        metastore.put(&table, Relation::Table { columns: columns.to_vec() });
    } else if !if_not_exists {
        return Err(already_exists("Table", &table).at(name.location));
    }
    Ok(Outcome::done("CREATE TABLE"))
}

pub(super) fn already_exists(kind: &str, name: &QualifiedName) -> QueryError {
    let message = format!("{kind} already exists: '{}'", name.dotted());
    QueryError::new("TABLE_ALREADY_EXISTS").message(message)
}

pub(super) fn drop_table(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    if_exists: bool,
) -> Result<Outcome, QueryError> {
    let table = relation_name(name, session)?;
    match metastore.relation(&table) {
        Some(Relation::Table { .. }) => {
            let relations = metastore.schema_mut(&table.catalog, &table.schema);
            relations.expect("the table is in it").remove(&table.name);
        }
        Some(_) => {
            let message = format!(
                "Table '{}' does not exist, but a view with that name exists",
                table.dotted()
            );
            return Err(QueryError::new("TABLE_NOT_FOUND").message(message).at(name.location));
        }
        None if if_exists => {}
        None => return Err(no_such_table("Table", &table).at(name.location)),
    }
    Ok(Outcome::done("DROP TABLE"))
}

pub(super) fn comment(
    metastore: &mut Metastore,
    rules: Rules,
    session: &Session,
    on: Commented,
    name: &Name,
    comment: Option<&str>,
) -> Result<Outcome, QueryError> {
    if !rules.comments_on_views && on != Commented::Table {
        return Err(QueryError::not_supported("This connector does not support setting comments"));
    }
    let done = match on {
        Commented::Column => comment_on_column(metastore, session, name, comment),
        Commented::View | Commented::Table => {
            comment_on_relation(metastore, session, on, name, comment)
        }
    };
    done.map(|()| Outcome::done("COMMENT")).map_err(|error| error.at(name.location))
}

fn comment_on_relation(
    metastore: &mut Metastore,
    session: &Session,
    on: Commented,
    name: &Name,
    comment: Option<&str>,
) -> Result<(), QueryError> {
    let name = relation_name(name, session)?;
    match (on, metastore.relation_mut(&name)) {
        (Commented::View, Some(Relation::View(view))) => {
            view.comment = comment.map(str::to_owned);
            Ok(())
        }
        // Comments of tables are nothing that this sandbox is asked for.
        (Commented::Table, Some(Relation::Table { .. })) => Ok(()),
        (Commented::View, _) => Err(no_such_table("View", &name)),
        _ => Err(no_such_table("Table", &name)),
    }
}

fn comment_on_column(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    comment: Option<&str>,
) -> Result<(), QueryError> {
    let (column, relation) = name.parts.split_last().expect("a name has a part");
    if relation.is_empty() {
        let message = "Table must be specified";
        return Err(QueryError::new("GENERIC_USER_ERROR").message(message));
    }
    let relation = Name { parts: relation.to_vec(), location: name.location };
    let relation = relation_name(&relation, session)?;
    let columns = match metastore.relation_mut(&relation) {
        Some(Relation::View(view)) => &mut view.columns,
        Some(Relation::Table { columns }) => columns,
        Some(Relation::MaterializedView(view)) => &mut view.columns,
        None => return Err(no_such_table("Table", &relation)),
    };
    let Some(found) = columns.iter_mut().find(|it| it.name == *column) else {
        let message = format!("Column does not exist: {column}");
        return Err(QueryError::new("COLUMN_NOT_FOUND").message(message));
    };
    found.comment = comment.map(str::to_owned);
    Ok(())
}

pub(super) fn use_schema(
    metastore: &Metastore,
    session: &Session,
    name: &Name,
) -> Result<Outcome, QueryError> {
    let (catalog, schema) = schema_name(name, session)?;
    check_schema(metastore, &catalog, &schema).map_err(|error| error.at(name.location))?;
    let done = Outcome::done("USE").with_header("x-trino-set-catalog", catalog);
    Ok(done.with_header("x-trino-set-schema", schema))
}
