//! The schemas that were fetched last, version by version.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::schema::TableSchema;
use crate::target::TableName;

/// The present version and the one before it.
const VERSIONS_MAX: usize = 2;

#[derive(Default)]
pub(super) struct SchemaMemory(Mutex<HashMap<TableName, Vec<TableSchema>>>);

impl SchemaMemory {
    pub(super) fn remember(&self, table: &TableName, schema: &TableSchema) {
        let mut schemas = self.0.lock().expect("no holder of this lock panics");
        let versions = schemas.entry(table.clone()).or_default();
        if versions.iter().any(|known| known.version == schema.version) {
            return;
        }
        versions.push(schema.clone());
        if versions.len() > VERSIONS_MAX {
            versions.remove(0);
        }
    }

    pub(super) fn recall(&self, table: &TableName, version: i64) -> Option<TableSchema> {
        let schemas = self.0.lock().expect("no holder of this lock panics");
        schemas.get(table)?.iter().find(|known| known.version == version).cloned()
    }
}
