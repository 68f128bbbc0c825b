//! What a file is, told by its name.

use serde::{Deserialize, Serialize};

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object in a line.
    Jsonl,
    /// Parquet.
    Parquet,
}

/// How bytes are made fewer. In Parquet it is inside of the file, and its name does not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
    /// Snappy, in Parquet only.
    Snappy,
}

/// Format and compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// How rows are written down.
    pub format: Format,
    /// How bytes are made fewer.
    pub compression: Compression,
}

impl Kind {
    /// The kind that the name of a file tells: `a.csv`, `a.json.gz`, `a.jsonl.zst`, `a.parquet`.
    pub fn of(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (stem, compression) = match lower.rsplit_once('.')? {
            (stem, "gz" | "gzip") => (stem, Compression::Gzip),
            (stem, "zst" | "zstd") => (stem, Compression::Zstd),
            _ => (lower.as_str(), Compression::None),
        };
        let format = match stem.rsplit_once('.')?.1 {
            "csv" => Format::Csv,
            "jsonl" | "ndjson" | "json" => Format::Jsonl,
            "parquet" if compression == Compression::None => Format::Parquet,
            _ => return None,
        };
        Some(Self { format, compression })
    }

    /// How a name ends that tells this kind: `.csv.gz`.
    pub fn extension(self) -> &'static str {
        match (self.format, self.compression) {
            (Format::Parquet, _) => ".parquet",
            (Format::Csv, Compression::Gzip) => ".csv.gz",
            (Format::Csv, Compression::Zstd) => ".csv.zst",
            (Format::Csv, _) => ".csv",
            (Format::Jsonl, Compression::Gzip) => ".jsonl.gz",
            (Format::Jsonl, Compression::Zstd) => ".jsonl.zst",
            (Format::Jsonl, _) => ".jsonl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_kind() {
        let told = |name| Kind::of(name).map(super::Kind::extension);
        assert_eq!(told("A.CSV"), Some(".csv"));
        assert_eq!(told("a.2026.json.gz"), Some(".jsonl.gz"));
        assert_eq!(told("a.ndjson.zstd"), Some(".jsonl.zst"));
        assert_eq!(told("part-0.snappy.parquet"), Some(".parquet"));
        for nothing in ["a", "a.txt", "csv.gz", "a.parquet.gz", "a.gz"] {
            assert_eq!(told(nothing), None, "{nothing}");
        }
    }
}
