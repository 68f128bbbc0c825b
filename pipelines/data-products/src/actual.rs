//! What Galaxy holds, read in few requests: its lists, and the views of the schemas that may be ours in one statement.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_pipeline::{Context, HandlerError};

use crate::clients::Clients;
use crate::config::access::Terms;
use crate::galaxy::{self, Schema};
use crate::sql::statements;

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
    /// The schemas of the catalog, as the cluster sees them.
    pub(crate) schemas: BTreeSet<String>,
    /// Those of them that carry the tag.
    pub(crate) tagged: BTreeSet<String>,
    /// The texts of views, by schema and name; of schemas that are tagged or were asked for.
    pub(crate) views: BTreeMap<(String, String), String>,
}

impl Actual {
    /// Reads the target. `known` are schemas whose views are wanted whether or not they carry the tag.
    ///
    /// # Errors
    /// If any of it cannot be read: what is not seen must not count as not there.
    pub(crate) async fn fetch(
        clients: &Clients,
        known: &BTreeSet<String>,
        may_write: bool,
        ctx: &Context,
    ) -> Result<Self, HandlerError> {
        let (schemas, tagged, views) =
            (schemas(clients, may_write, ctx), tagged(clients, ctx), views(clients, known, ctx));
        let galaxy = &clients.galaxy;
        let lists = async {
            Ok::<_, HandlerError>(tokio::try_join!(galaxy.users(ctx), galaxy.products(ctx))?)
        };
        let ((users, products), schemas, (catalog, tagged), mut views, cluster) =
            tokio::try_join!(lists, schemas, tagged, views, cluster(clients, ctx))?;
        let more = tagged.difference(known).cloned().collect();
        views.extend(self::views(clients, &more, ctx).await?);
        let users =
            users.into_iter().map(|user| (user.email.to_lowercase(), user.user_id)).collect();
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
    schema.tags.iter().any(|tag| tag.name == terms.tag)
}

/// The cluster knows at once what the index of the catalog may learn later. This also wakes it.
async fn schemas(
    clients: &Clients,
    may_write: bool,
    ctx: &Context,
) -> Result<BTreeSet<String>, HandlerError> {
    let sql = statements::schemata(&clients.terms.catalog);
    let rows = clients.wake(&sql, "list the schemas of the catalog", may_write, ctx).await?;
    Ok(rows.texts(["schema_name"]).into_iter().map(|[name]| name.to_lowercase()).collect())
}

/// The id of the catalog, and its schemas with the tag.
async fn tagged(
    clients: &Clients,
    ctx: &Context,
) -> Result<(String, BTreeSet<String>), HandlerError> {
    let Terms { catalog, .. } = &clients.terms;
    let id = clients.galaxy.catalog(catalog, ctx).await?.ok_or_else(|| {
        HandlerError::Config(format!(
            "Galaxy knows no catalog `{catalog}`, or the role of the API credential may not see it; check \
             `data_product_catalog`"
        ))
    })?;
    let schemas = clients.galaxy.schemas(&id, ctx).await?;
    let tagged = schemas.into_iter().filter(|schema| carries_tag(schema, &clients.terms));
    let tagged = tagged.map(|schema| schema.schema_id.to_lowercase()).collect();
    Ok((id, tagged))
}

async fn cluster(clients: &Clients, ctx: &Context) -> Result<Option<String>, HandlerError> {
    let Some(name) = &clients.terms.cluster else { return Ok(None) };
    Ok(Some(clients.cluster(name, ctx).await?.cluster_id))
}

/// A statement asks for at most so many schemas.
const SCHEMAS_MAX: usize = 500;

async fn views(
    clients: &Clients,
    schemas: &BTreeSet<String>,
    ctx: &Context,
) -> Result<BTreeMap<(String, String), String>, HandlerError> {
    let schemas: Vec<&str> = schemas.iter().map(String::as_str).collect();
    let mut found = BTreeMap::new();
    for portion in schemas.chunks(SCHEMAS_MAX) {
        let sql = statements::views(&clients.terms.catalog, portion);
        let rows = clients.wake(&sql, "read the views of the catalog", false, ctx).await?;
        for [schema, view, text] in rows.texts(["table_schema", "table_name", "view_definition"]) {
            found.insert((schema.to_lowercase(), view.to_lowercase()), text);
        }
    }
    Ok(found)
}
