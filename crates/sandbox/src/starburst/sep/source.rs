//! What SEP holds apart from what its Trino knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::Product;

/// A domain, which every product belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// A UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Text.
    pub description: Option<String>,
    /// Where its schemas are.
    pub schema_location: Option<String>,
}

/// What the list of products shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// All that there are.
    #[default]
    Whole,
    /// None.
    Empty,
    /// So many.
    First(usize),
    /// An error with this status.
    Fails(u16),
}

#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) products: Vec<Product>,
    pub(crate) domains: Vec<Domain>,
    /// Ids and values by product.
    pub(crate) tags: BTreeMap<String, Vec<(String, String)>>,
    pub(crate) sample_queries: BTreeMap<String, Value>,
    /// The last workflow by product and kind.
    pub(crate) workflows: BTreeMap<(String, &'static str), Value>,
    pub(crate) listing: Listing,
    number: u64,
}

impl Source {
    pub(crate) fn new(domains: Vec<Domain>) -> Self {
        Self { domains, ..Self::default() }
    }

    pub(crate) fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    pub(crate) fn product_mut(&mut self, id: &str) -> Option<&mut Product> {
        self.products.iter_mut().find(|product| product.id == id)
    }

    /// Counts on.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}
