//! The schemas and views of the catalog, asked over SQL.
//!
//! Two statements on `information_schema` tell all of it. A cluster that does not take them, or tells nothing of what
//! should be there, is asked schema by schema and view by view, in statements that every cluster takes.
//!
//! Responsible for: what the cluster tells. Left to others: what the index of the catalog tells ([`crate::actual`]).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use stepwell_pipeline::{Context, HandlerError};

use crate::clients::Clients;
use crate::sql::{names, statements};
use crate::trino::{self, Rows};

/// The texts of views by schema and name, all in lower case. Empty where a view is there and its text is not told.
pub(crate) type Views = BTreeMap<(String, String), String>;

/// The views that should be in schemas.
pub(crate) type Known = BTreeMap<String, BTreeSet<String>>;

/// A statement asks for at most so many schemas.
const SCHEMAS_MAX: usize = 500;

/// What a view meets that is not there, or is a table.
const NO_VIEW: [&str; 4] = ["TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "NOT_FOUND", "NOT_SUPPORTED"];

/// The schemas of the catalog; nothing if the cluster does not tell them. This also wakes it.
///
/// The cluster knows at once what the index of the catalog may learn later.
pub(crate) async fn schemas(
    clients: &Clients,
    may_write: bool,
    ctx: &Context,
) -> Result<Option<BTreeSet<String>>, HandlerError> {
    let catalog = &clients.terms.catalog;
    for sql in [statements::schemata(catalog), statements::show_schemas(catalog)] {
        let what = "list the schemas of the catalog";
        let rows = understood(clients.wake(&sql, what, may_write, ctx).await?)?;
        let found = rows.as_ref().map(folded).unwrap_or_default();
        // No catalog is without `information_schema`.
        if !found.is_empty() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The views of these schemas.
pub(crate) async fn views(
    clients: &Clients,
    known: &Known,
    ctx: &Context,
) -> Result<Views, HandlerError> {
    let schemas: Vec<&str> = known.keys().map(String::as_str).collect();
    let (mut found, mut untold) = (Views::new(), Vec::new());
    for portion in schemas.chunks(SCHEMAS_MAX) {
        let sql = statements::views(&clients.terms.catalog, portion);
        let rows = ask(clients, &sql, "read the views of the catalog", ctx).await?;
        let told: Views = rows.iter().flat_map(Rows::views).collect();
        let with_views: BTreeSet<_> = told.keys().map(|(schema, _)| schema.as_str()).collect();
        let is_untold = |schema: &&str| {
            rows.is_none() || !with_views.contains(*schema) && !known[*schema].is_empty()
        };
        untold.extend(portion.iter().copied().filter(is_untold));
        found.extend(told);
    }
    let shown = untold.into_iter().map(|schema| shown(clients, schema, &known[schema], ctx));
    found.extend(try_join_all(shown).await?.into_iter().flatten());
    Ok(found)
}

/// The views of one schema, each asked for by itself.
async fn shown(
    clients: &Clients,
    schema: &str,
    known: &BTreeSet<String>,
    ctx: &Context,
) -> Result<Views, HandlerError> {
    let names = objects(clients, schema, ctx).await?.unwrap_or_else(|| known.clone());
    let texts = names.into_iter().map(async |name| {
        let text = text(clients, schema, &name, ctx).await?;
        Ok::<_, HandlerError>(text.map(|text| ((schema.to_owned(), name), text)))
    });
    Ok(try_join_all(texts).await?.into_iter().flatten().collect())
}

/// What is in a schema and may be a view; nothing if that is not told.
async fn objects(
    clients: &Clients,
    schema: &str,
    ctx: &Context,
) -> Result<Option<BTreeSet<String>>, HandlerError> {
    let (catalog, what) = (&clients.terms.catalog, format!("look into the schema `{schema}`"));
    if let Some(rows) = ask(clients, &statements::objects(catalog, schema), &what, ctx).await? {
        let all = rows.texts(["table_name", "table_type"]);
        if !all.is_empty() {
            let views = all.into_iter().filter(|[_, kind]| kind != "BASE TABLE");
            return Ok(Some(views.map(|[name, _]| name.to_lowercase()).collect()));
        }
    }
    let rows = ask(clients, &statements::show_tables(catalog, schema), &what, ctx).await?;
    Ok(rows.as_ref().map(folded).filter(|names| !names.is_empty()))
}

async fn text(
    clients: &Clients,
    schema: &str,
    view: &str,
    ctx: &Context,
) -> Result<Option<String>, HandlerError> {
    let sql = statements::show_create_view(&clients.terms.catalog, schema, view);
    match clients.galaxy_sql.run(&sql, &format!("read the view `{view}`"), ctx).await {
        Err(error) if error.is_named(&NO_VIEW) => Ok(None),
        shown => {
            let created = understood(shown)?.and_then(|rows| rows.firsts().next());
            Ok(Some(names::created_query(&created.unwrap_or_default()).to_owned()))
        }
    }
}

async fn ask(
    clients: &Clients,
    sql: &str,
    what: &str,
    ctx: &Context,
) -> Result<Option<Rows>, HandlerError> {
    understood(clients.galaxy_sql.run(sql, what, ctx).await)
}

/// Nothing if the cluster does not take such a statement.
fn understood(outcome: Result<Rows, trino::Error>) -> Result<Option<Rows>, HandlerError> {
    match outcome {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if error.is_not_understood() => {
            tracing::debug!(%error, "the cluster is asked in another way");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn folded(rows: &Rows) -> BTreeSet<String> {
    rows.firsts().map(|name| name.to_lowercase()).collect()
}

impl Rows {
    /// Rows of `information_schema.views`.
    fn views(&self) -> Vec<((String, String), String)> {
        let rows = self.texts(["table_schema", "table_name", "view_definition"]).into_iter();
        rows.map(|[schema, view, text]| ((schema.to_lowercase(), view.to_lowercase()), text))
            .collect()
    }
}
