//! Hashes of what is compared between runs.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The hash of a value, by its JSON. 32 hexadecimal digits: nobody attacks it, chance alone must not.
pub(crate) fn digest(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).expect("what is hashed has text keys only");
    hex::encode(&Sha256::digest(text)[..16])
}
