//! Stores for tests.

use std::path::Path;
use std::sync::Arc;

use crate::{NoBuckets, Stores};

/// Of a folder, without buckets.
pub(crate) fn stores(root: &Path) -> Stores {
    // Another test may have been faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Stores::new(root.to_owned(), Arc::new(NoBuckets), reqwest::Client::new())
}
