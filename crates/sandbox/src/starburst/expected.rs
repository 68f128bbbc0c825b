//! What a right synchronisation ends with: published products, and of them what is published.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::metastore::{QualifiedName, Relation};
use super::sep::model::{Column, Product};
use super::service::World;

/// A product as it is to be in Galaxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Its id in SEP.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its schema.
    pub schema: String,
    /// One line.
    pub summary: String,
    /// Text; empty if SEP has none.
    pub description: String,
    /// Text.
    pub business_context: Option<String>,
    /// E-mail addresses of owners that the account knows, in small letters.
    pub contacts: BTreeSet<String>,
    /// Those that it does not know.
    pub unknown_contacts: BTreeSet<String>,
    /// Labels and URLs, without those that a synchronisation adds.
    pub links: BTreeSet<(String, String)>,
    /// Views by name, in small letters; materialized views are among them.
    pub views: BTreeMap<String, ExpectedView>,
    /// Materialized views without storage, which cannot be there yet.
    pub skipped: BTreeSet<String>,
}

/// A view as it is to be in Galaxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedView {
    /// Names and descriptions of the columns.
    pub columns: Vec<(String, Option<String>)>,
    /// Text.
    pub description: Option<String>,
    /// The query of a view; a materialized view has a query of its own over its storage.
    pub query: Option<String>,
    /// The storage of a materialized view.
    pub storage: Option<QualifiedName>,
    /// `DEFINER` or `INVOKER`, if SEP says.
    pub security: Option<String>,
}

pub(crate) fn expected(world: &World) -> Vec<Expected> {
    let published = world.source.products.iter().filter(|product| product.is_published());
    published.map(|product| expect(world, product)).collect()
}

fn expect(world: &World, product: &Product) -> Expected {
    let owners = product.product_owners.iter().flatten().chain(&product.owners);
    let emails: BTreeSet<String> = owners.map(|owner| owner.email.to_lowercase()).collect();
    let is_known = |email: &String| {
        world.account.users.iter().any(|user| user.email.eq_ignore_ascii_case(email))
    };
    let (contacts, unknown_contacts) = emails.into_iter().partition(is_known);
    let (views, skipped) = expect_views(world, product);
    Expected {
        id: product.id.clone(),
        name: product.name.clone(),
        schema: product.schema_name.clone(),
        summary: product.summary.clone(),
        description: product.description.clone().unwrap_or_default(),
        business_context: product.business_context.clone(),
        contacts,
        unknown_contacts,
        links: product
            .relevant_links
            .iter()
            .map(|link| (link.label.clone(), link.url.clone()))
            .collect(),
        views,
        skipped,
    }
}

fn expect_views(
    world: &World,
    product: &Product,
) -> (BTreeMap<String, ExpectedView>, BTreeSet<String>) {
    let (mut views, mut skipped) = (BTreeMap::new(), BTreeSet::new());
    for view in product.views.iter().filter(|view| view.is_published()) {
        let expected = ExpectedView {
            columns: columns(&view.columns),
            description: view.description.clone(),
            query: Some(view.definition_query.clone()),
            storage: None,
            security: view.view_security_mode.clone(),
        };
        views.insert(view.name.to_lowercase(), expected);
    }
    for view in product.materialized_views.iter().filter(|view| view.is_published()) {
        let name = view.name.to_lowercase();
        let Some(storage) = storage(world, product, &name) else {
            skipped.insert(name);
            continue;
        };
        let expected = ExpectedView {
            columns: columns(&view.columns),
            description: view.description.clone(),
            query: None,
            storage: Some(storage),
            security: None,
        };
        views.insert(name, expected);
    }
    (views, skipped)
}

fn columns(columns: &[Column]) -> Vec<(String, Option<String>)> {
    columns.iter().map(|it| (it.name.to_lowercase(), it.description.clone())).collect()
}

fn storage(world: &World, product: &Product, view: &str) -> Option<QualifiedName> {
    let name = QualifiedName::new(&product.catalog_name, &product.schema_name, view);
    match world.sep_metastore.relation(&name)? {
        Relation::MaterializedView(view) => view.storage.clone(),
        Relation::Table { .. } | Relation::View(_) => None,
    }
}
