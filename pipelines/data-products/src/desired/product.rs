//! A product as it should be in Galaxy. Made in one place, whether it is to be created, changed or compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::folded;
use super::storage::Storage;
use crate::config::access::Terms;
use crate::digest::digest;
use crate::galaxy::Link;
use crate::sep::{self, Column, Publication, Stage};
use crate::source_link::source_link;
use crate::sql::names::{Table, query, rewrite, tables};
use crate::sql::quote::qualified;
use crate::sql::statements;

/// A product in Galaxy's terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) business_context: Option<String>,
    /// In the configured catalog.
    pub(crate) schema: String,
    /// E-mails, in lower case.
    pub(crate) contacts: BTreeSet<String>,
    /// With the source link.
    pub(crate) links: BTreeSet<Link>,
    /// Views, and views over the storage of materialized views, by name.
    pub(crate) views: BTreeMap<String, View>,
    /// Parts that are left as they are in Galaxy, and why.
    pub(crate) left: BTreeMap<String, String>,
    /// What somebody should know, though nothing is left out.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// A view in Galaxy's terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct View {
    pub(crate) query: String,
    pub(crate) comment: String,
    /// It runs with the rights of who asks, not of who made it.
    pub(crate) invoker: bool,
    /// Columns that have a description.
    pub(crate) columns: Vec<(String, String)>,
    /// The views of products that it reads: schema and name.
    #[serde(skip)]
    pub(crate) reads: BTreeSet<(String, String)>,
}

impl Product {
    /// The hash of everything that is wanted.
    pub(crate) fn hash(&self) -> String {
        digest(self)
    }
}

impl View {
    /// The hash of everything that a statement makes of it.
    pub(crate) fn hash(&self) -> String {
        digest(self)
    }
}

/// The views of all products, by their names in SEP.
pub(super) struct Names {
    views: BTreeSet<Table>,
}

impl Names {
    pub(super) fn of(products: &[sep::Product]) -> Self {
        let views = products.iter().flat_map(|product| {
            let views = product.views.iter().map(|view| &view.publication);
            let all = views.chain(product.materialized_views.iter().map(|view| &view.publication));
            all.map(|view| in_sep(product, view))
        });
        Self { views: views.collect() }
    }
}

fn in_sep(product: &sep::Product, view: &Publication) -> Table {
    Table {
        catalog: folded(&product.catalog_name),
        schema: folded(&product.schema_name),
        table: folded(&view.name),
    }
}

impl Product {
    pub(super) fn new(
        product: sep::Product,
        storage: &Storage,
        names: &Names,
        terms: &Terms,
    ) -> Self {
        let contacts = owners(&product).into_iter().collect();
        let relevant = product.relevant_links.iter().filter(|link| !link.url.trim().is_empty());
        let relevant = relevant.map(|it| Link { name: it.label.clone(), uri: it.url.clone() });
        let links = relevant.chain([source_link(terms, &product.id)]).collect();
        let warnings = product.materialized_views.iter().map(|view| &view.publication);
        let warnings = warnings.filter(|view| view.stage() == Stage::Published);
        let warnings =
            warnings.filter_map(|view| untold_columns(&product, view, storage)).collect();
        let (mut views, mut left) = (BTreeMap::new(), BTreeMap::new());
        let parts =
            product.views.iter().map(|view| (&view.publication, Ok(of_view(view, names, terms))));
        let materialized = product.materialized_views.iter().map(|view| {
            (&view.publication, of_materialized(&product, &view.publication, storage, terms))
        });
        for (publication, view) in parts.chain(materialized) {
            let name = folded(&publication.name);
            match objection(publication.stage()).map_or(view, |reason| Err(reason.to_owned())) {
                Ok(view) => drop(views.insert(name, view)),
                Err(_) if publication.stage() == Stage::Leaving => {}
                Err(reason) => drop(left.insert(name, reason)),
            }
        }
        Self {
            summary: summary(&product),
            warnings,
            description: product.description,
            business_context: product.business_context.filter(|it| !it.is_empty()),
            schema: folded(&product.schema_name),
            id: product.id,
            name: product.name,
            contacts,
            links,
            views,
            left,
        }
    }
}

/// Galaxy wants one.
fn summary(product: &sep::Product) -> String {
    let summary = product.summary.trim();
    if summary.is_empty() { product.name.clone() } else { summary.to_owned() }
}

fn objection(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Published => None,
        Stage::Edited => Some("it has edits that are not published yet"),
        Stage::Unpublished => Some("it is not published yet"),
        Stage::Leaving => Some("it is about to go"),
    }
}

fn of_view(view: &sep::View, names: &Names, terms: &Terms) -> View {
    let text = query(&view.definition_query);
    let query = rewrite(text, |table| {
        let catalog = if names.views.contains(table) {
            terms.catalog.clone()
        } else {
            terms.catalog_in_galaxy(&table.catalog)
        };
        (catalog != table.catalog).then_some(catalog)
    });
    let reads = tables(text).into_iter().filter(|table| names.views.contains(table));
    View {
        comment: view.publication.description.clone(),
        invoker: view
            .view_security_mode
            .as_deref()
            .is_some_and(|mode| mode.eq_ignore_ascii_case("INVOKER")),
        columns: described(&view.publication.columns),
        reads: reads.map(|table| (table.schema, table.table)).collect(),
        query,
    }
}

/// A view that shows the columns of the materialized view, and nothing else that its storage has, as far as they are
/// told.
fn of_materialized(
    product: &sep::Product,
    view: &Publication,
    storage: &Storage,
    terms: &Terms,
) -> Result<View, String> {
    let name = in_sep(product, view);
    let table = storage.table(&name)?;
    let catalog = terms.catalog_in_galaxy(&table.catalog);
    let columns = columns(&name, view, storage);
    Ok(View {
        query: statements::select(&columns, &qualified(&[&catalog, &table.schema, &table.table])),
        comment: view.description.clone(),
        invoker: false,
        columns: described(&view.columns),
        reads: BTreeSet::new(),
    })
}

/// As the product tells them, or else SQL. Nothing: neither does.
fn columns(name: &Table, view: &Publication, storage: &Storage) -> Vec<String> {
    if view.columns.is_empty() {
        return storage.columns(name).unwrap_or_default().to_vec();
    }
    view.columns.iter().map(|column| column.name.clone()).collect()
}

fn untold_columns(product: &sep::Product, view: &Publication, storage: &Storage) -> Option<String> {
    let name = in_sep(product, view);
    let is_untold = storage.table(&name).is_ok() && columns(&name, view, storage).is_empty();
    is_untold.then(|| {
        format!(
            "SEP tells no columns of the materialized view `{}`: all of its storage table are shown",
            name.table
        )
    })
}

fn described(columns: &[Column]) -> Vec<(String, String)> {
    let described = columns.iter().filter(|column| !column.description.is_empty());
    described.map(|column| (column.name.clone(), column.description.clone())).collect()
}

/// The e-mails of everybody who owns the product, in lower case, each once.
pub(super) fn owners(product: &sep::Product) -> Vec<String> {
    let all = product.product_owners.iter().chain(&product.owners);
    let emails =
        all.filter_map(|owner| owner.email.as_deref()).map(|email| email.trim().to_lowercase());
    emails.filter(|email| !email.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::terms;

    fn read(product: Value) -> sep::Product {
        serde_json::from_value(product).unwrap()
    }

    fn desired(product: Value) -> Product {
        let product = read(product);
        let names = Names::of(std::slice::from_ref(&product));
        Product::new(product, &Storage::default(), &names, &terms())
    }

    fn source(views: &Value) -> Value {
        json!({"id": "1", "name": "Orders", "catalogName": "hive_dp", "schemaName": "Orders", "views": views,
               "owners": [{"email": "Ana@example.org"}, {"email": null}], "productOwners": [{"email": "ana@EXAMPLE.org "}]})
    }

    #[test]
    fn names_are_folded_and_the_source_link_is_always_there() {
        let product = desired(source(&json!([])));
        assert_eq!((product.schema.as_str(), product.contacts.len()), ("orders", 1));
        assert!(product.links.contains(&source_link(&terms(), "1")));
    }

    #[test]
    fn a_view_of_a_view_reads_it_where_galaxy_has_it() {
        let views = json!([{"name": "Base", "definitionQuery": "SELECT 1 x;"},
                           {"name": "top", "definitionQuery": "SELECT x FROM hive_dp.orders.base, lake.raw.t, hive_dp.orders.no_view"}]);
        let product = desired(source(&views));
        assert_eq!(product.views["base"].query, "SELECT 1 x");
        let top = &product.views["top"];
        let query = "SELECT x FROM \"galaxy_dp\".\"orders\".\"base\", \"lake2\".\"raw\".\"t\", hive_dp.orders.no_view";
        assert_eq!(top.query, query);
        assert_eq!(top.reads, [("orders".to_owned(), "base".to_owned())].into());
    }

    #[test]
    fn what_is_not_published_is_left_and_what_leaves_is_not_wanted() {
        let views = json!([{"name": "draft", "status": "DRAFT"}, {"name": "leaving", "markedForDeletion": true}]);
        let product = desired(source(&views));
        assert!(product.views.is_empty());
        assert_eq!(product.left.keys().collect::<Vec<_>>(), ["draft"]);
    }

    #[test]
    fn a_materialized_view_without_storage_is_left() {
        let mut product = source(&json!([]));
        product["materializedViews"] = json!([{"name": "daily"}]);
        assert!(desired(product).left["daily"].contains("no storage table"));
    }
}
