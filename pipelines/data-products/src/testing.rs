//! What unit tests start from.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::access::Terms;
use crate::desired::{Product, View};

pub(crate) fn terms() -> Terms {
    Terms {
        source: "https://sep.example.org".to_owned(),
        catalog: "galaxy_dp".to_owned(),
        catalog_name: "galaxy_dp".to_owned(),
        cluster: None,
        tag: "dp_sync".to_owned(),
        search: None,
        catalogs: BTreeMap::from([("lake".to_owned(), "lake2".to_owned())]),
        fallback_contact: None,
    }
}

/// A product without views, whose schema has its name.
pub(crate) fn product(id: &str, name: &str) -> Product {
    Product {
        id: id.to_owned(),
        name: name.to_owned(),
        summary: String::new(),
        description: String::new(),
        business_context: None,
        schema: name.to_owned(),
        contacts: BTreeSet::new(),
        links: BTreeSet::from([crate::source_link::source_link(&terms(), id)]),
        views: BTreeMap::new(),
        left: BTreeMap::new(),
        warnings: Vec::new(),
    }
}

pub(crate) fn view_reading(reads: &[(&str, &str)]) -> View {
    View {
        query: "SELECT 1 x".to_owned(),
        comment: String::new(),
        invoker: false,
        columns: Vec::new(),
        reads: reads
            .iter()
            .map(|(schema, view)| ((*schema).to_owned(), (*view).to_owned()))
            .collect(),
    }
}
