//! Where things lie in the lake.
//!
//! ```text
//! <target>/<database>/orders/_table.json                                 what is published
//!                           /dt=2026-03-01/run=<run>/<run>-all-00000.parquet
//!                           /_quarantine/run=<run>/all-00000.jsonl       records that fit no row
//! ```

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use stepwell_tabular::Location;

/// The folder of rows that have no value in a partition's column, as Hive names it.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What Hive escapes in the names of folders.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'}')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b' ')
    .add(b'<')
    .add(b'>')
    .add(b'|');

/// The lake.
#[derive(Debug, Clone)]
pub struct Target {
    /// The folder, or the S3 prefix.
    pub root: Location,
    /// The folder below it.
    pub database: String,
    /// The tables that lie elsewhere, each with what is `root` of it.
    pub elsewhere: BTreeMap<String, Location>,
}

impl Target {
    /// The folder of all tables but those that lie elsewhere.
    pub fn database(&self) -> Location {
        self.root.join(&self.database)
    }

    /// The folder of a table.
    pub fn table(&self, name: &str) -> Location {
        self.elsewhere.get(name).unwrap_or(&self.root).join(&self.database).join(name)
    }

    /// What says which files of a table are published.
    pub fn pointer(&self, table: &str) -> Location {
        self.table(table).join("_table.json")
    }
}

/// `dt=2026-03-01/run=<run>`, or `run=<run>` without partitions.
pub(crate) fn folder(partition: &str, run: &str) -> String {
    if partition.is_empty() { format!("run={run}") } else { format!("{partition}/run={run}") }
}

/// `dt=2026-03-01`; a value that is not there has a name of its own.
pub(crate) fn level(name: &str, value: Option<&str>) -> String {
    match value {
        Some("") | None => format!("{name}={NULL_PARTITION}"),
        Some(value) => format!("{name}={}", utf8_percent_encode(value, ESCAPED)),
    }
}

/// The values of `dt=2026-03-01/region=a%20b`, by level; none for what is null.
pub fn values(partition: &str) -> Vec<(String, Option<String>)> {
    partition
        .split('/')
        .filter_map(|level| level.split_once('='))
        .map(|(name, value)| {
            let value = (value != NULL_PARTITION).then(|| {
                percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
            });
            (name.to_owned(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_back_from_its_path() {
        for value in ["2026-03-01", "a b/c=d%", "ü"] {
            let path = format!("{}/{}", level("dt", Some(value)), level("x", None));
            let expected = [("dt".to_owned(), Some(value.to_owned())), ("x".to_owned(), None)];
            assert_eq!(values(&path), expected, "{path}");
        }
        assert_eq!(level("dt", Some("")), format!("dt={NULL_PARTITION}"));
        assert_eq!(folder("", "r"), "run=r");
    }
}
