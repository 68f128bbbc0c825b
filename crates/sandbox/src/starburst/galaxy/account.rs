//! What a Galaxy account holds, apart from what its cluster knows: catalogs, tags, users, data products, metadata of schemas.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Error;
use crate::clock::Micros;
use crate::draw::{Draw, mix};
use crate::starburst::metastore::Metastore;

/// A catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// `c-...`
    pub catalog_id: String,
    /// Its name in SQL.
    pub catalog_name: String,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// `tag-...`
    pub tag_id: String,
    /// Its name.
    pub name: String,
    /// `#RRGGBB`
    pub color: String,
    /// What it means.
    pub description: Option<String>,
}

/// A user of the account, as contacts name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// `u-...`
    pub user_id: String,
    /// As it was written when the user was made.
    pub email: String,
}

/// A link of a data product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its label.
    pub name: String,
    /// Where it goes.
    pub uri: String,
}

/// A data product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// `dp-...`
    pub data_product_id: String,
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Text; empty if there is none.
    pub description: String,
    /// Text.
    pub business_context: Option<String>,
    /// The catalog by id.
    pub catalog_id: String,
    /// The schema.
    pub schema_name: String,
    /// The users to ask.
    pub contacts: Vec<User>,
    /// Links.
    pub links: Vec<Link>,
    /// The cluster by id.
    pub default_cluster_id: Option<String>,
    /// Who made it; none if that user is gone.
    pub created_by: Option<User>,
    /// When it was made.
    pub created_on: String,
    /// Who changed it last.
    pub modified_by: Option<User>,
    /// When it was changed last.
    pub modified_on: String,
    /// Whatever was put there.
    pub usage_example: Value,
    /// Goes up with every change.
    pub version: u64,
}

/// A product that somebody else made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewProduct {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Text.
    pub description: String,
    /// The catalog by name; made if need be.
    pub catalog: String,
    /// The schema; made if need be.
    pub schema: String,
    /// E-mail addresses; users are made if need be.
    pub contacts: Vec<String>,
    /// Links.
    pub links: Vec<Link>,
}

/// Metadata of a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaMetadata {
    pub(crate) tags: BTreeSet<String>,
    /// When SQL made the schema.
    pub(crate) since: Micros,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) catalogs: Vec<Catalog>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) users: Vec<User>,
    pub(crate) products: Vec<Product>,
    /// By catalog and schema name.
    pub(crate) schemas: BTreeMap<(String, String), SchemaMetadata>,
    ids: Draw,
}

impl Account {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            catalogs: Vec::new(),
            tags: Vec::new(),
            users: Vec::new(),
            products: Vec::new(),
            schemas: BTreeMap::new(),
            ids: Draw::new(mix(seed, 0x6a1a)),
        }
    }

    /// `dp-0123456789`
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{:010}", self.ids.below(10_000_000_000))
    }

    pub(crate) fn ensure_catalog(&mut self, name: &str) -> String {
        if let Some(catalog) = self.catalogs.iter().find(|it| it.catalog_name == name) {
            return catalog.catalog_id.clone();
        }
        let catalog_id = self.new_id("c");
        let catalog = Catalog { catalog_id: catalog_id.clone(), catalog_name: name.to_owned() };
        self.catalogs.push(catalog);
        catalog_id
    }

    pub(crate) fn ensure_user(&mut self, email: &str) -> User {
        let found = self.users.iter().find(|it| it.email.eq_ignore_ascii_case(email));
        if let Some(user) = found {
            return user.clone();
        }
        let user = User { user_id: self.new_id("u"), email: email.to_owned() };
        self.users.push(user.clone());
        user
    }

    pub(crate) fn add_tag(
        &mut self,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> Result<Tag, Error> {
        check_color(color)?;
        if name.trim().is_empty() {
            return Err(Error::invalid("name must not be empty"));
        }
        if self.tags.iter().any(|tag| tag.name == name) {
            return Err(Error::already_exists("Tag", name));
        }
        let tag = Tag {
            tag_id: self.new_id("tag"),
            name: name.to_owned(),
            color: color.to_owned(),
            description,
        };
        self.tags.push(tag.clone());
        Ok(tag)
    }

    /// By id or `name=...`.
    pub(super) fn find_catalog(&self, key: &str) -> Result<&Catalog, Error> {
        let found = match key.strip_prefix("name=") {
            Some(name) => self.catalogs.iter().find(|it| it.catalog_name == name),
            None => self.catalogs.iter().find(|it| it.catalog_id == key),
        };
        found.ok_or_else(|| Error::not_found("Catalog", key))
    }

    /// The place of a tag, by id or `name=...`.
    pub(super) fn find_tag(&self, key: &str) -> Result<usize, Error> {
        let found = match key.strip_prefix("name=") {
            Some(name) => self.tags.iter().position(|it| it.name == name),
            None => self.tags.iter().position(|it| it.tag_id == key),
        };
        found.ok_or_else(|| Error::not_found("Tag", key))
    }

    /// The place of a data product, by id.
    pub(super) fn find_product(&self, id: &str) -> Result<usize, Error> {
        let found = self.products.iter().position(|it| it.data_product_id == id);
        found.ok_or_else(|| Error::not_found("Data product", id))
    }

    pub(super) fn catalog_name(&self, id: &str) -> Option<&str> {
        let found = self.catalogs.iter().find(|it| it.catalog_id == id);
        found.map(|catalog| catalog.catalog_name.as_str())
    }

    /// Takes note of the schemas that SQL has made and dropped.
    pub(crate) fn follow(&mut self, metastore: &Metastore, now: Micros) {
        self.schemas.retain(|(catalog, schema), _| metastore.schema(catalog, schema).is_some());
        for catalog in metastore.catalogs() {
            for (schema, _) in metastore.schemas(catalog) {
                let new = SchemaMetadata { since: now, ..SchemaMetadata::default() };
                self.schemas.entry((catalog.clone(), schema.clone())).or_insert(new);
            }
        }
    }
}

pub(super) fn check_color(color: &str) -> Result<(), Error> {
    let is_hex = color
        .strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()));
    if is_hex { Ok(()) } else { Err(Error::invalid(format!("invalid color: {color}"))) }
}

/// Someone, or nobody any more: `{}`.
pub(super) fn someone(user: Option<&User>) -> Value {
    user.map_or_else(|| json!({}), |user| json!(user))
}
