//! What Galaxy really holds, for tests and demonstrations.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::galaxy::account::{Product, Tag, User};
use super::metastore::Relation;
use super::service::World;

/// A schema of Galaxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// Its catalog by name.
    pub catalog: String,
    /// Its name.
    pub name: String,
    /// Its tags by name.
    pub tags: BTreeSet<String>,
    /// Tables and views by name.
    pub relations: BTreeMap<String, Relation>,
}

/// All that Galaxy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Data products.
    pub products: Vec<Product>,
    /// Schemas, those of the lake left out.
    pub schemas: Vec<Schema>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Users.
    pub users: Vec<User>,
}

pub(crate) fn truth(world: &World) -> Truth {
    let account = &world.account;
    Truth {
        products: account.products.clone(),
        schemas: schemas(world),
        tags: account.tags.clone(),
        users: account.users.clone(),
    }
}

pub(crate) fn schemas(world: &World) -> Vec<Schema> {
    let metastore = &world.galaxy_metastore;
    let of_products = metastore.catalogs().filter(|catalog| *catalog != super::sep::publish::LAKE);
    let schemas = of_products.flat_map(|catalog| {
        metastore.schemas(catalog).map(move |(name, relations)| Schema {
            catalog: catalog.clone(),
            name: name.clone(),
            tags: tags(world, catalog, name),
            relations: relations.clone(),
        })
    });
    schemas.collect()
}

fn tags(world: &World, catalog: &str, schema: &str) -> BTreeSet<String> {
    let account = &world.account;
    let metadata = account.schemas.get(&(catalog.to_owned(), schema.to_owned()));
    let has = |id: &String| metadata.is_some_and(|metadata| metadata.tags.contains(id));
    account.tags.iter().filter(|tag| has(&tag.tag_id)).map(|tag| tag.name.clone()).collect()
}
