//! Where the rows of materialized views are, and which columns they have.
//!
//! A materialized view of SEP is a table for Galaxy: its storage table, whose name changes as it is refreshed. It is
//! asked for anew in every run, with one statement for each catalog. A SEP that does not take that is asked view by
//! view.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use stepwell_pipeline::{Context, HandlerError};

use super::folded;
use crate::clients::Clients;
use crate::sep;
use crate::sql::names::Table;
use crate::sql::statements;
use crate::trino::{self, Rows};

/// A statement asks for at most so many schemas.
const SCHEMAS_MAX: usize = 500;

/// What SEP tells about materialized views, by their full names.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Nothing in it: SEP knows the view, and no storage table.
    tables: BTreeMap<Table, BTreeSet<Table>>,
    /// Why nothing is known of a view.
    troubles: BTreeMap<Table, String>,
    /// In order. Only of those whose product does not tell them.
    columns: BTreeMap<Table, Vec<String>>,
}

impl Storage {
    /// The storage table of a materialized view.
    ///
    /// # Errors
    /// Why it has none.
    pub(super) fn table(&self, view: &Table) -> Result<&Table, String> {
        if let Some(trouble) = self.troubles.get(view) {
            return Err(trouble.clone());
        }
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
///
/// # Errors
/// If SEP cannot be asked now. What it refuses to tell of a materialized view is told by that view.
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
        storage.tables.entry(view).or_default().extend(table);
    }
    for (view, column) in columns.into_iter().flatten() {
        storage.columns.entry(view).or_default().push(column);
    }
    storage.ask_one_by_one(clients, products, ctx).await?;
    Ok(storage)
}

impl Storage {
    /// Asks for each materialized view that the answers for whole schemas said nothing about.
    async fn ask_one_by_one(
        &mut self,
        clients: &Clients,
        products: &[sep::Product],
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        let all = products.iter().flat_map(|product| {
            let views = product.materialized_views.iter();
            views.map(|view| {
                let (catalog, schema) = (folded(&product.catalog_name), &product.schema_name);
                named(&catalog, schema, &view.publication.name)
            })
        });
        let untold: BTreeSet<Table> = all.filter(|view| !self.tables.contains_key(view)).collect();
        let asking = untold.into_iter().map(async |view| {
            let told = tables_of(clients, &view, ctx).await;
            (view, told)
        });
        for (view, told) in join_all(asking).await {
            match told {
                Ok(tables) => drop(self.tables.insert(view, tables)),
                Err(error) if error.is_of_this_invocation() => return Err(error.into()),
                Err(error) => drop(self.troubles.insert(view, error.to_string())),
            }
        }
        Ok(())
    }
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

/// What is told of the views in these schemas. One without a storage table has empty texts in the place of its name.
async fn tables(
    clients: &Clients,
    catalog: &str,
    schemas: &[String],
    ctx: &Context,
) -> Result<Vec<(Table, Option<Table>)>, HandlerError> {
    let sql = statements::storage_tables(catalog, &texts(schemas));
    let what = "find the storage tables of materialized views";
    let names = ["schema_name", "name", "storage_catalog", "storage_schema", "storage_table"];
    let read = |[schema, view, storage_catalog, storage_schema, table]: [String; 5]| {
        (named(catalog, &schema, &view), there([storage_catalog, storage_schema, table]))
    };
    Ok(ask(clients, &sql, what, ctx).await?.texts(names).into_iter().map(read).collect())
}

/// The same for one view.
async fn tables_of(
    clients: &Clients,
    view: &Table,
    ctx: &Context,
) -> Result<BTreeSet<Table>, trino::Error> {
    let sql = statements::storage_table(&view.catalog, &view.schema, &view.table);
    let what = format!("find the storage table of the materialized view `{}`", view.table);
    let rows = clients.sep_sql.run(&sql, &what, ctx).await?;
    let names = ["storage_catalog", "storage_schema", "storage_table"];
    Ok(rows.texts(names).into_iter().filter_map(there).collect())
}

fn there([catalog, schema, table]: [String; 3]) -> Option<Table> {
    let is_there = !(catalog.is_empty() || schema.is_empty() || table.is_empty());
    is_there.then_some(Table { catalog, schema, table })
}

async fn columns(
    clients: &Clients,
    catalog: &str,
    schemas: &[String],
    ctx: &Context,
) -> Result<Vec<(Table, String)>, HandlerError> {
    let sql = statements::columns(catalog, &texts(schemas));
    let rows = ask(clients, &sql, "find the columns of materialized views", ctx).await?;
    let mut found = rows.texts(["table_schema", "table_name", "column_name", "ordinal_position"]);
    found.sort_by_key(|[_, _, _, position]| position.parse::<u32>().unwrap_or(u32::MAX));
    let named = |[schema, view, column, _]: [String; 4]| (named(catalog, &schema, &view), column);
    Ok(found.into_iter().map(named).filter(|(_, column)| !column.is_empty()).collect())
}

/// Nothing where SEP refuses to tell.
async fn ask(
    clients: &Clients,
    sql: &str,
    what: &str,
    ctx: &Context,
) -> Result<Rows, HandlerError> {
    match clients.sep_sql.run(sql, what, ctx).await {
        Err(error) if error.is_refused() => {
            tracing::debug!(%error, "SEP does not tell it of whole schemas");
            Ok(Rows::default())
        }
        told => Ok(told?),
    }
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

fn named(catalog: &str, schema: &str, view: &str) -> Table {
    Table { catalog: catalog.to_owned(), schema: folded(schema), table: folded(view) }
}
