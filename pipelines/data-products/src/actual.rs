//! What Galaxy holds, read in few requests: its lists, and the views of the schemas that may be ours in one statement.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_pipeline::{Context, HandlerError};

use crate::clients::Clients;
use crate::config::access::Terms;
use crate::galaxy::{self, Schema};
use crate::inventory::{self, Known, Views};

/// Everything in Galaxy that counts.
#[derive(Debug, Default)]
pub(crate) struct Actual {
    /// The id of the configured catalog.
    pub(crate) catalog: String,
    /// The id of the configured cluster.
    pub(crate) cluster: Option<String>,
    /// Ids by e-mail, in lower case.
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) products: Vec<galaxy::Product>,
    /// The schemas of the catalog, as the cluster sees them, or else the API.
    pub(crate) schemas: BTreeSet<String>,
    /// Those of them that carry the tag.
    pub(crate) tagged: BTreeSet<String>,
    /// The texts of views, by schema and name; of schemas that are tagged or were asked for.
    pub(crate) views: Views,
}

impl Actual {
    /// Reads the target. `known` are schemas whose views are wanted whether or not they carry the tag.
    ///
    /// # Errors
    /// If any of it cannot be read: what is not seen must not count as not there.
    pub(crate) async fn fetch(
        clients: &Clients,
        known: &Known,
        may_write: bool,
        ctx: &Context,
    ) -> Result<Self, HandlerError> {
        let products = async { Ok(clients.galaxy.products(ctx).await?) };
        let (users, products, (schemas, mut views), index, cluster) = tokio::try_join!(
            clients.users(ctx),
            products,
            inventory(clients, known, may_write, ctx),
            index(clients, ctx),
            cluster(clients, ctx)
        )?;
        let more = index.tagged.iter().filter(|schema| !known.contains_key(*schema));
        let more = more.map(|schema| (schema.clone(), BTreeSet::new())).collect();
        views.extend(inventory::views(clients, &more, ctx).await?);
        let indexed = || {
            let with_views = views.keys().map(|(schema, _)| schema.clone());
            index.schemas.into_iter().chain(with_views).collect()
        };
        let users = users.iter().map(|user| (user.email.to_lowercase(), user.user_id.clone()));
        let users = users.collect();
        let schemas = schemas.unwrap_or_else(indexed);
        let Index { id: catalog, tagged, .. } = index;
        Ok(Self { catalog, cluster, users, products, schemas, tagged, views })
    }

    /// The names of the views in a schema.
    pub(crate) fn views_in(&self, schema: &str) -> impl Iterator<Item = &String> {
        self.views.keys().filter(move |(it, _)| it == schema).map(|(_, view)| view)
    }

    pub(crate) fn view(&self, schema: &str, view: &str) -> Option<&String> {
        self.views.get(&(schema.to_owned(), view.to_owned()))
    }

    /// The products in a schema of the configured catalog.
    pub(crate) fn products_in(&self, schema: &str) -> impl Iterator<Item = &galaxy::Product> {
        let here = move |product: &&galaxy::Product| {
            product.catalog_id() == Some(&self.catalog)
                && product.schema_name.eq_ignore_ascii_case(schema)
        };
        self.products.iter().filter(here)
    }

    /// Whether a schema carries the tag.
    pub(crate) fn is_tagged(&self, schema: &str) -> bool {
        self.tagged.contains(&schema.to_lowercase())
    }
}

/// Whether a schema carries our tag.
pub(crate) fn carries_tag(schema: &Schema, terms: &Terms) -> bool {
    schema.tags.iter().any(|tag| tag.name.eq_ignore_ascii_case(&terms.tag))
}

/// What the API tells of the catalog.
struct Index {
    /// The catalog's id.
    id: String,
    schemas: BTreeSet<String>,
    /// Those of them with the tag.
    tagged: BTreeSet<String>,
}

async fn index(clients: &Clients, ctx: &Context) -> Result<Index, HandlerError> {
    let id = clients.catalog(ctx).await?.clone();
    let schemas = clients.galaxy.schemas(&id, ctx).await?;
    let tagged = schemas.iter().filter(|schema| carries_tag(schema, &clients.terms));
    let tagged = tagged.map(|schema| schema.schema_id.to_lowercase()).collect();
    let schemas = schemas.iter().map(|schema| schema.schema_id.to_lowercase()).collect();
    Ok(Index { id, schemas, tagged })
}

async fn cluster(clients: &Clients, ctx: &Context) -> Result<Option<String>, HandlerError> {
    let Some(name) = &clients.terms.cluster else { return Ok(None) };
    Ok(Some(clients.cluster(name, ctx).await?.cluster_id.clone()))
}

/// What the cluster tells: its schemas, if it does, and the views of those that are known.
async fn inventory(
    clients: &Clients,
    known: &Known,
    may_write: bool,
    ctx: &Context,
) -> Result<(Option<BTreeSet<String>>, Views), HandlerError> {
    let schemas = inventory::schemas(clients, may_write, ctx).await?;
    let is_there = |schema: &String| schemas.as_ref().is_none_or(|all| all.contains(schema));
    let there = known.iter().filter(|(schema, _)| is_there(schema));
    let there = there.map(|(schema, views)| (schema.clone(), views.clone())).collect();
    let views = inventory::views(clients, &there, ctx).await?;
    Ok((schemas, views))
}
