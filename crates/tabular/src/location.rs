//! Where a file or a folder is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A place of data, as one text: `data/a.csv.gz`, `file:///data/a.csv`, `s3://bucket/key`, `https://host/a.csv`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// On this machine; a relative path counts from the project folder.
    Path(PathBuf),
    /// An object, or the common beginning of several.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, without a leading `/`.
        key: String,
    },
    /// On a web server; reading only.
    Http(String),
}

impl Location {
    /// The place `below` in this folder. A web address keeps its query at the end.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        let joined = |folder: &str| match folder.trim_end_matches('/') {
            "" => below.to_owned(),
            folder => format!("{folder}/{below}"),
        };
        match self {
            Self::Path(folder) => Self::Path(folder.join(below)),
            Self::S3 { bucket, key } => Self::S3 { bucket: bucket.clone(), key: joined(key) },
            Self::Http(url) => match url.split_once('?') {
                Some((url, query)) => Self::Http(format!("{}?{query}", joined(url))),
                None => Self::Http(joined(url)),
            },
        }
    }

    /// The last part: the name of a file.
    pub fn name(&self) -> &str {
        let path = match self {
            Self::Path(path) => return path.file_name().and_then(|it| it.to_str()).unwrap_or(""),
            Self::S3 { key, .. } => key,
            Self::Http(url) => url.split(['?', '#']).next().unwrap_or(url),
        };
        path.rsplit('/').next().unwrap_or(path)
    }
}

impl FromStr for Location {
    type Err = Error;

    /// # Errors
    /// [`Error::Wrong`] for another scheme, and for `s3://` without a bucket.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| {
            Error::Wrong(format!(
                "`{text}` is no place of data: {reason}; write a path, `file:///path`, `s3://bucket/key` or `https://…`"
            ))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() {
                Err(wrong("it is empty"))
            } else {
                Ok(Self::Path(text.into()))
            };
        };
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::Path(rest.into())),
            "file" => Err(wrong("a file URL has no host")),
            "s3" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(wrong("it names no bucket"));
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.trim_matches('/').to_owned() })
            }
            "http" | "https" => Ok(Self::Http(text.to_owned())),
            _ => Err(wrong(&format!("the scheme `{scheme}` is not known"))),
        }
    }
}

impl fmt::Display for Location {
    /// A web address without its query: that may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Http(url) => f.write_str(url.split(['?', '#']).next().unwrap_or(url)),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Http(url) => serializer.serialize_str(url),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_place() {
        let shown = |text: &str| {
            text.parse::<Location>().map(|it| it.to_string()).map_err(|it| it.to_string())
        };
        assert_eq!(shown("data/a.csv").unwrap(), "data/a.csv");
        assert_eq!(shown("file:///data/a.csv").unwrap(), "/data/a.csv");
        assert_eq!(shown("s3://raw/sales/").unwrap(), "s3://raw/sales");
        assert_eq!(shown("https://host/a.csv?sig=x").unwrap(), "https://host/a.csv");
        for wrong in ["", "s3:///key", "ftp://host/a", "file://host/a"] {
            assert!(shown(wrong).unwrap_err().contains("is no place of data"), "{wrong}");
        }
    }

    #[test]
    fn a_place_in_a_folder() {
        let below =
            |folder: &str| folder.parse::<Location>().unwrap().join("dt=1/a.csv").to_string();
        assert_eq!(below("lake"), "lake/dt=1/a.csv");
        assert_eq!(below("s3://raw"), "s3://raw/dt=1/a.csv");
        assert_eq!(below("s3://raw/x"), "s3://raw/x/dt=1/a.csv");
        let signed = "https://host/a.csv?sig=x".parse::<Location>().unwrap();
        assert_eq!(signed.name(), "a.csv");
    }
}
