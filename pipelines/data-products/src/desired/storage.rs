//! Where the rows of materialized views are, and which columns they have.
//!
//! A materialized view of SEP is a table for Galaxy: its storage table, whose name changes as it is refreshed. It is
//! asked for anew in every run, with one statement for each catalog.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use stepwell_pipeline::{Context, HandlerError};

use super::folded;
use crate::clients::Clients;
use crate::sep;
use crate::sql::names::Table;
use crate::sql::statements;

/// A statement asks for at most so many schemas.
const SCHEMAS_MAX: usize = 500;

/// What SEP tells about materialized views, by their full names.
#[derive(Debug, Default)]
pub(super) struct Storage {
    tables: BTreeMap<Table, BTreeSet<Table>>,
    /// In order. Only of those whose product does not tell them.
    columns: BTreeMap<Table, Vec<String>>,
}

impl Storage {
    /// The storage table of a materialized view.
    ///
    /// # Errors
    /// Why it has none.
    pub(super) fn table(&self, view: &Table) -> Result<&Table, String> {
        let mut tables = self.tables.get(view).into_iter().flatten();
        match (tables.next(), tables.next()) {
            (Some(table), None) => Ok(table),
            (Some(_), Some(_)) => Err("SEP names several storage tables for it".to_owned()),
            (None, _) => {
                Err("it has no storage table yet, or none that the user of SEP may see".to_owned())
            }
        }
    }

    pub(super) fn columns(&self, view: &Table) -> Option<&[String]> {
        self.columns.get(view).map(Vec::as_slice)
    }
}

/// Asks for all materialized views of these products.
pub(super) async fn find(
    clients: &Clients,
    products: &[sep::Product],
    ctx: &Context,
) -> Result<Storage, HandlerError> {
    let with_views = products.iter().filter(|product| !product.materialized_views.is_empty());
    let untold = products.iter().filter(|product| {
        product.materialized_views.iter().any(|view| view.publication.columns.is_empty())
    });
    let (with_views, untold) = (by_catalog(with_views), by_catalog(untold));
    let (tables, columns) = tokio::try_join!(
        try_join_all(
            with_views.iter().map(|(catalog, schemas)| tables(clients, catalog, schemas, ctx))
        ),
        try_join_all(
            untold.iter().map(|(catalog, schemas)| columns(clients, catalog, schemas, ctx))
        ),
    )?;
    let mut storage = Storage::default();
    for (view, table) in tables.into_iter().flatten() {
        storage.tables.entry(view).or_default().insert(table);
    }
    for (view, column) in columns.into_iter().flatten() {
        storage.columns.entry(view).or_default().push(column);
    }
    Ok(storage)
}

/// The catalogs and schemas of products, in portions.
fn by_catalog<'p>(products: impl Iterator<Item = &'p sep::Product>) -> Vec<(String, Vec<String>)> {
    let mut schemas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for product in products {
        schemas
            .entry(folded(&product.catalog_name))
            .or_default()
            .insert(folded(&product.schema_name));
    }
    let portions = schemas.into_iter().flat_map(|(catalog, schemas)| {
        let schemas: Vec<String> = schemas.into_iter().collect();
        let portions: Vec<_> = schemas
            .chunks(SCHEMAS_MAX)
            .map(|portion| (catalog.clone(), portion.to_vec()))
            .collect();
        portions
    });
    portions.collect()
}

/// A view without a storage table has empty texts in the place of its name.
async fn tables(
    clients: &Clients,
    catalog: &str,
    schemas: &[String],
    ctx: &Context,
) -> Result<Vec<(Table, Table)>, HandlerError> {
    let sql = statements::storage_tables(catalog, &texts(schemas));
    let what = "find the storage tables of materialized views";
    let rows = clients.sep_sql.run(&sql, what, ctx).await?;
    let names = ["schema_name", "name", "storage_catalog", "storage_schema", "storage_table"];
    let read = |[schema, view, catalog_of, schema_of, table]: [String; 5]| {
        let is_there = !(catalog_of.is_empty() || schema_of.is_empty() || table.is_empty());
        let view = named(catalog, &schema, &view);
        is_there.then_some((view, Table { catalog: catalog_of, schema: schema_of, table }))
    };
    Ok(rows.texts(names).into_iter().filter_map(read).collect())
}

async fn columns(
    clients: &Clients,
    catalog: &str,
    schemas: &[String],
    ctx: &Context,
) -> Result<Vec<(Table, String)>, HandlerError> {
    let sql = statements::columns(catalog, &texts(schemas));
    let rows = clients.sep_sql.run(&sql, "find the columns of materialized views", ctx).await?;
    let mut found = rows.texts(["table_schema", "table_name", "column_name", "ordinal_position"]);
    found.sort_by_key(|[_, _, _, position]| position.parse::<u32>().unwrap_or(u32::MAX));
    Ok(found
        .into_iter()
        .map(|[schema, view, column, _]| (named(catalog, &schema, &view), column))
        .collect())
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

fn named(catalog: &str, schema: &str, view: &str) -> Table {
    Table { catalog: catalog.to_owned(), schema: folded(schema), table: folded(view) }
}
