//! The `ETag`s of objects for those who read the folders themselves.

use std::fs;
use std::path::{Path, PathBuf};

use super::index;
use super::names::identity;
use crate::sqlite::{Database, StoreError};

/// What the index knows of the objects of one folder of buckets.
#[derive(Debug, Clone)]
pub(in crate::s3) struct Tags(Database);

impl Tags {
    /// None where there is no index, or none that can be used: objects have the tags of their files then.
    pub(in crate::s3) fn open(folder: &Path) -> Option<Self> {
        let path = folder.join(index::FILE);
        if !path.exists() {
            return None;
        }
        let opened = Database::open(&path, index::FORMAT);
        let warn = |error: &StoreError| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "what is known of objects cannot be read"
            );
        };
        opened.inspect_err(warn).ok().map(Self)
    }

    /// The tags of files in a bucket, none for each that has none but its own.
    pub(in crate::s3) fn of(&self, root: &Path, files: &[PathBuf]) -> Vec<Option<String>> {
        let bucket = root.file_name().unwrap_or_default().to_string_lossy();
        let known = self.0.change_here(|transaction| {
            let tag = |path: &PathBuf| {
                let key = path.strip_prefix(root).ok().and_then(Path::to_str);
                let (Some(key), Ok(file)) = (key, fs::metadata(path)) else { return Ok(None) };
                let known = index::attributes(transaction, &bucket, key, &identity(&file))?;
                Ok(known.map(|attributes| attributes.e_tag))
            };
            files.iter().map(tag).collect::<rusqlite::Result<Vec<_>>>().map(Ok::<_, StoreError>)
        });
        known.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is known of objects cannot be read"
            );
            vec![None; files.len()]
        })
    }
}
