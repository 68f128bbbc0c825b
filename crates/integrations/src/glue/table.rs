//! Tables and partitions in Glue's words and JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A table of files; `TableInput` in Glue.
///
/// ```json
/// {"Name": "orders", "TableType": "EXTERNAL_TABLE", "PartitionKeys": [{"Name": "dt", "Type": "date"}],
///  "Parameters": {"classification": "parquet"}, "StorageDescriptor": {"Columns": [{"Name": "id", "Type": "string"}], ...}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// Small letters, digits and `_`.
    pub name: String,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `EXTERNAL_TABLE`: files that the catalog does not own.
    #[serde(default = "external_table")]
    pub table_type: String,
    /// What its partitions differ by; not among the columns of its files.
    #[serde(default)]
    pub partition_keys: Vec<Column>,
    /// `classification`, `projection.enabled` and what else its readers know.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Columns, location and format of its files.
    #[serde(rename = "StorageDescriptor")]
    pub storage: Storage,
}

impl Table {
    /// A table of files in one format.
    pub fn new(
        name: impl Into<String>,
        columns: Vec<Column>,
        partition_keys: Vec<Column>,
        location: impl Into<String>,
        format: Format,
    ) -> Self {
        Self {
            name: name.into(),
            description: None,
            table_type: external_table(),
            partition_keys,
            parameters: format.parameters(),
            storage: Storage::new(columns, location, format),
        }
    }
}

fn external_table() -> String {
    "EXTERNAL_TABLE".to_owned()
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Column {
    /// Small letters.
    pub name: String,
    /// In Hive's words: `bigint`, `decimal(18,2)`, `array<struct<a:string>>`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Column {
    /// A column without a comment.
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self { name: name.into(), kind: kind.into(), comment: None }
    }
}

/// How files are read; `StorageDescriptor` in Glue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Storage {
    /// Of the files, in their order.
    pub columns: Vec<Column>,
    /// The folder: `s3://raw/orders/dt=2026-03-01/`; empty for a view, as are the formats.
    #[serde(default)]
    pub location: String,
    /// A class of Hive.
    #[serde(default)]
    pub input_format: String,
    /// A class of Hive.
    #[serde(default)]
    pub output_format: String,
    /// Whether the files as a whole are.
    #[serde(default)]
    pub compressed: bool,
    /// -1: none.
    #[serde(default = "no_buckets")]
    pub number_of_buckets: i32,
    /// How rows are read.
    #[serde(default)]
    pub serde_info: SerdeInfo,
    /// What else its readers know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Whether rows lie in folders of folders.
    #[serde(default)]
    pub stored_as_sub_directories: bool,
}

impl Storage {
    /// Files in one format.
    pub fn new(columns: Vec<Column>, location: impl Into<String>, format: Format) -> Self {
        let (input, output, library) = format.classes();
        Self {
            columns,
            location: location.into(),
            input_format: input.to_owned(),
            output_format: output.to_owned(),
            compressed: false,
            number_of_buckets: no_buckets(),
            serde_info: SerdeInfo {
                serialization_library: library.to_owned(),
                parameters: format.serde_parameters(),
            },
            parameters: BTreeMap::new(),
            stored_as_sub_directories: false,
        }
    }
}

fn no_buckets() -> i32 {
    -1
}

/// How rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SerdeInfo {
    /// A class of Hive.
    pub serialization_library: String,
    /// What it is told.
    pub parameters: BTreeMap<String, String>,
}

/// A partition; `PartitionInput` in Glue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Partition {
    /// Of the table's partition keys, in their order.
    pub values: Vec<String>,
    /// Columns, location and format of its files, which are its own: they stay when the table changes.
    #[serde(rename = "StorageDescriptor")]
    pub storage: Storage,
    /// What its readers know of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// A format of files, as Athena reads it.
///
/// Source: Amazon Athena User Guide, "Supported SerDes and data formats"; Apache Hive's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet, however it is compressed inside.
    Parquet,
    /// One JSON object a line.
    JsonLines,
    /// Text with commas, quotes and one line of names.
    Csv,
}

impl Format {
    /// The classes that read, write and understand it.
    fn classes(self) -> (&'static str, &'static str, &'static str) {
        const TEXT_IN: &str = "org.apache.hadoop.mapred.TextInputFormat";
        const TEXT_OUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
        match self {
            Self::Parquet => (
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            ),
            Self::JsonLines => (TEXT_IN, TEXT_OUT, "org.openx.data.jsonserde.JsonSerDe"),
            Self::Csv => (TEXT_IN, TEXT_OUT, "org.apache.hadoop.hive.serde2.OpenCSVSerde"),
        }
    }

    fn serde_parameters(self) -> BTreeMap<String, String> {
        match self {
            Self::Parquet | Self::JsonLines => texts(&[("serialization.format", "1")]),
            Self::Csv => {
                texts(&[("separatorChar", ","), ("quoteChar", "\""), ("escapeChar", "\\")])
            }
        }
    }

    fn parameters(self) -> BTreeMap<String, String> {
        match self {
            Self::Parquet => texts(&[("classification", "parquet"), ("typeOfData", "file")]),
            Self::JsonLines => texts(&[("classification", "json"), ("typeOfData", "file")]),
            Self::Csv => texts(&[
                ("classification", "csv"),
                ("typeOfData", "file"),
                ("skip.header.line.count", "1"),
            ]),
        }
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
