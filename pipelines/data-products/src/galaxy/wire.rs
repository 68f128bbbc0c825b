//! What Galaxy sends, as far as it is used. Members may be missing or null, and new ones may come.

use secrecy::SecretString;
use serde::Deserialize;

use crate::sep::or_default;

/// The answer to a login.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    pub(super) access_token: SecretString,
    /// Seconds.
    #[serde(default)]
    pub(super) expires_in: Option<u64>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(default = "Option::default")]
    pub(super) next_page_token: Option<String>,
    #[serde(default = "Option::default")]
    pub(super) result: Option<Vec<T>>,
}

/// A catalog.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Catalog {
    pub(crate) catalog_id: String,
}

/// A cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) cluster_id: String,
    #[serde(default)]
    pub(crate) trino_uri: Option<String>,
}

/// A tag.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tag {
    pub(crate) tag_id: String,
}

/// A schema, as the index of a catalog knows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schema {
    pub(crate) schema_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) tags: Vec<SchemaTag>,
}

/// A tag on a schema.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SchemaTag {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
}

/// A person with an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) user_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) email: String,
}

/// A data product.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    pub(crate) data_product_id: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) summary: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) description: String,
    /// Nothing: not told, though it may have been taken.
    #[serde(default)]
    pub(crate) business_context: Option<String>,
    #[serde(default)]
    catalog: Option<Catalog>,
    #[serde(default)]
    catalog_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) schema_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) contacts: Vec<Contact>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) links: Vec<Link>,
    #[serde(default)]
    pub(crate) default_cluster_id: Option<String>,
}

impl Product {
    /// It is written flat and read within `catalog`.
    pub(crate) fn catalog_id(&self) -> Option<&str> {
        self.catalog.as_ref().map(|it| it.catalog_id.as_str()).or(self.catalog_id.as_deref())
    }
}

/// A contact of a product.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) user_id: String,
}

/// A link of a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, Deserialize)]
pub(crate) struct Link {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) uri: String,
}
