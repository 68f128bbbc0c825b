//! What Galaxy should hold: the published products of SEP, in Galaxy's terms.
//!
//! Responsible for: which products and views count ([`select`]), where the storage tables of materialized views are
//! ([`storage`]), and what a product should look like in Galaxy ([`product`]). Left to others: what Galaxy holds
//! ([`crate::actual`]) and what to do about the difference ([`crate::plan`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use stepwell_pipeline::{Context, HandlerError};

use crate::clients::Clients;
use crate::config::Selection;
use crate::config::access::Terms;
use crate::sep;

mod product;
mod select;
mod storage;

pub(crate) use product::{Product, View};

/// Everything that the source says.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// What is to be kept in step, by the id in SEP.
    pub(crate) products: BTreeMap<String, Arc<Product>>,
    /// What is listed and left as it is, with the reason.
    pub(crate) passed_over: BTreeMap<String, Listed>,
    /// What is listed and cannot be read, with the reason.
    pub(crate) unreadable: BTreeMap<String, Listed>,
}

/// A product of which there is nothing more to say.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Desired {
    /// Reads the source.
    ///
    /// # Errors
    /// If the listing or the storage tables cannot be read. A single product that cannot is told by itself.
    pub(crate) async fn fetch(
        clients: &Clients,
        selection: &Selection,
        ctx: &Context,
    ) -> Result<Self, HandlerError> {
        let terms = &clients.terms;
        let mut desired = Self::default();
        let wanted = select::list(clients, selection, &mut desired, ctx).await?;
        let full = details(clients, &wanted, &mut desired, ctx).await?;
        let full = select::by_owner(full, selection, &mut desired);
        let storage = storage::find(clients, &full, ctx).await?;
        let names = product::Names::of(&full);
        for product in full {
            let id = product.id.clone();
            desired.products.insert(id, Arc::new(Product::new(product, &storage, &names, terms)));
        }
        Ok(desired)
    }

    /// Whether the source lists it, whatever becomes of it.
    pub(crate) fn lists(&self, id: &str) -> bool {
        self.products.contains_key(id)
            || self.passed_over.contains_key(id)
            || self.unreadable.contains_key(id)
    }
}

/// Reads every product. One that has gone since it was listed is as good as not listed.
///
/// # Errors
/// If most of them cannot be read: then it is not about a product.
async fn details(
    clients: &Clients,
    wanted: &[sep::Summary],
    desired: &mut Desired,
    ctx: &Context,
) -> Result<Vec<sep::Product>, HandlerError> {
    let read = async |summary: &sep::Summary| {
        (summary.clone(), clients.sep.product(&summary.id, ctx).await)
    };
    let mut reading: FuturesUnordered<_> = wanted.iter().map(read).collect();
    let mut found = Vec::with_capacity(wanted.len());
    let mut failures = Vec::new();
    while let Some((summary, outcome)) = reading.next().await {
        match outcome {
            Ok(Some(product)) => found.push(product),
            Ok(None) => {}
            Err(error) => failures.push((summary, error)),
        }
    }
    if failures.len() * 2 > wanted.len()
        && let Some((_, error)) = failures.pop()
    {
        return Err(error.into());
    }
    let listed = failures.into_iter().map(|(summary, error)| {
        (summary.id, Listed { name: summary.name, reason: error.to_string() })
    });
    desired.unreadable.extend(listed);
    Ok(found)
}

/// A name, folded as Trino folds it.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

impl Terms {
    /// The catalog of Galaxy that holds what a catalog of SEP holds.
    fn catalog_in_galaxy(&self, catalog: &str) -> String {
        let catalog = folded(catalog);
        self.catalogs.get(&catalog).cloned().unwrap_or(catalog)
    }
}
