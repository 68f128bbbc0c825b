//! Views: what they read, what they put out, and whether they still can.

use std::collections::BTreeSet;

use super::ddl::already_exists;
use super::resolve::{check_schema, no_such_column, no_such_table, relation, relation_name};
use super::{Outcome, Rules, Session};
use crate::starburst::metastore::{Column, Metastore, QualifiedName, Relation, View};
use crate::starburst::trino::error::QueryError;
use crate::starburst::trino::sql::{Name, Output, Statement, analyze};

/// Views of views of views end somewhere; this far down a loop is certain.
pub(super) const DEPTH_MAX: usize = 50;

pub(super) fn create_view(
    metastore: &mut Metastore,
    rules: Rules,
    session: &Session,
    statement: &Statement,
) -> Result<Outcome, QueryError> {
    let Statement::CreateView { name, or_replace, comment, security, query, query_at } = statement
    else {
        return Err(QueryError::new("GENERIC_INTERNAL_ERROR"));
    };
    let view_name = relation_name(name, session)?;
    check_schema(metastore, &view_name.catalog, &view_name.schema)
        .map_err(|error| error.at(name.location))?;
    let old = check_free(metastore, &view_name, *or_replace).map_err(|e| e.at(name.location))?;
    let (columns, reads) = describe(metastore, rules, session, &view_name, query)
        .map_err(|error| error.within(*query_at))?;
    let mut view = View {
        sql: query.clone(),
        columns,
        reads,
        comment: comment.clone(),
        security: *security,
        owner: session.user.clone(),
    };
    if let Some(old) = old.filter(|_| rules.replace_keeps_comments) {
        keep_comments(&mut view, &old);
    }
    metastore.put(&view_name, Relation::View(view));
    Ok(Outcome::done("CREATE VIEW"))
}

/// The view that is to be replaced.
fn check_free(
    metastore: &Metastore,
    name: &QualifiedName,
    or_replace: bool,
) -> Result<Option<View>, QueryError> {
    match metastore.relation(name) {
        None => Ok(None),
        Some(Relation::View(view)) if or_replace => Ok(Some(view.clone())),
        Some(Relation::View(_)) => Err(already_exists("View", name)),
        Some(_) => Err(already_exists("Table", name)),
    }
}

fn keep_comments(view: &mut View, old: &View) {
    view.comment = view.comment.take().or_else(|| old.comment.clone());
    for column in &mut view.columns {
        let before = old.columns.iter().find(|it| it.name == column.name);
        column.comment = before.and_then(|it| it.comment.clone());
    }
}

/// Columns and relations of the query of a view.
fn describe(
    metastore: &Metastore,
    rules: Rules,
    session: &Session,
    view: &QualifiedName,
    query: &str,
) -> Result<(Vec<Column>, Vec<QualifiedName>), QueryError> {
    let analysis = analyze(query)?;
    let mut reads = Vec::new();
    for name in &analysis.relations {
        let read = relation_name(name, session)?;
        if rules.checks_views {
            check_read(metastore, view, &read).map_err(|error| error.at(name.location))?;
        }
        reads.push(read);
    }
    let sources: Vec<Option<&Relation>> =
        reads.iter().map(|name| metastore.relation(name)).collect();
    let is_known = analysis.is_flat && sources.iter().all(Option::is_some);
    let known: Vec<&Column> = sources.into_iter().flatten().flat_map(Relation::columns).collect();
    let mut columns: Vec<Column> = Vec::new();
    for output in &analysis.outputs {
        put_out(&mut columns, &known, is_known && rules.checks_views, output)?;
    }
    check_unique(&columns)?;
    Ok((columns, reads))
}

fn check_read(
    metastore: &Metastore,
    view: &QualifiedName,
    read: &QualifiedName,
) -> Result<(), QueryError> {
    if read.schema == "information_schema" || read.catalog == "system" {
        return Ok(());
    }
    if read == view {
        let message = format!("Statement would create a recursive view: {}", view.dotted());
        return Err(QueryError::new("VIEW_IS_RECURSIVE").message(message));
    }
    check_readable(metastore, read, DEPTH_MAX)
}

/// Whether a relation can be selected from: a view can if all that it reads can.
pub(super) fn check_readable(
    metastore: &Metastore,
    name: &QualifiedName,
    depth: usize,
) -> Result<(), QueryError> {
    let Relation::View(view) = relation(metastore, name)? else { return Ok(()) };
    if depth == 0 {
        let message = format!("View is recursive: {}", name.dotted());
        return Err(QueryError::new("VIEW_IS_RECURSIVE").message(message));
    }
    for read in &view.reads {
        check_readable(metastore, read, depth - 1).map_err(|error| {
            let reason = error.full_message();
            let message = format!("Failed analyzing stored view '{}': {reason}", name.dotted());
            QueryError::new("INVALID_VIEW").message(message)
        })?;
    }
    Ok(())
}

fn put_out(
    columns: &mut Vec<Column>,
    known: &[&Column],
    is_known: bool,
    output: &Output,
) -> Result<(), QueryError> {
    match output {
        Output::All => {
            columns.extend(known.iter().map(|column| Column::new(&column.name, &column.r#type)));
        }
        Output::Column { source, name, location } => {
            let found = known.iter().find(|column| column.name == *source);
            if found.is_none() && is_known {
                return Err(no_such_column(source).at(*location));
            }
            let r#type = found.map_or("varchar", |column| &column.r#type);
            columns.push(Column::new(name, r#type));
        }
        Output::Expression { name, r#type } => {
            let numbered = format!("_col{}", columns.len());
            columns.push(Column::new(name.as_ref().unwrap_or(&numbered), r#type));
        }
    }
    Ok(())
}

fn check_unique(columns: &[Column]) -> Result<(), QueryError> {
    let mut names = BTreeSet::new();
    match columns.iter().find(|column| !names.insert(&column.name)) {
        Some(column) => {
            let message = format!("Column name '{}' specified more than once", column.name);
            Err(QueryError::new("DUPLICATE_COLUMN_NAME").message(message))
        }
        None => Ok(()),
    }
}

pub(super) fn drop_view(
    metastore: &mut Metastore,
    session: &Session,
    name: &Name,
    if_exists: bool,
) -> Result<Outcome, QueryError> {
    let view = relation_name(name, session)?;
    match metastore.relation(&view) {
        Some(Relation::View(_)) => {
            let relations = metastore.schema_mut(&view.catalog, &view.schema);
            relations.expect("the view is in it").remove(&view.name);
        }
        Some(_) => {
            let message = format!(
                "View '{}' does not exist, but a table with that name exists",
                view.dotted()
            );
            return Err(QueryError::new("TABLE_NOT_FOUND").message(message).at(name.location));
        }
        None if if_exists => {}
        None => return Err(no_such_table("View", &view).at(name.location)),
    }
    Ok(Outcome::done("DROP VIEW"))
}
