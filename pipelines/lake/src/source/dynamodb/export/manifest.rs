//! What an export says of itself: `manifest-summary.json`, `manifest-files.json`, and their checksums.
//!
//! Source: Amazon DynamoDB developer guide, "DynamoDB table export output format".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use object_store::ObjectStoreExt as _;
use serde::Deserialize;
use sha2::Sha256;
use stepwell_integrations::aws::without_token;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Location, Stores};

use crate::world::told as of_files;

const SUMMARY: &str = "manifest-summary";
const FILES: &str = "manifest-files";

/// `manifest-summary.json`, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) table_arn: String,
    /// The state of the table that a full export has.
    pub(super) export_time: Option<Timestamp>,
    pub(super) export_to_time: Option<Timestamp>,
    /// When the export was complete.
    pub(super) end_time: Option<Timestamp>,
    pub(super) item_count: u64,
    pub(super) output_format: OutputFormat,
    /// Absent in older full exports.
    #[serde(default)]
    pub(super) export_type: ExportType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum OutputFormat {
    #[serde(rename = "DYNAMODB_JSON")]
    DynamodbJson,
    #[serde(rename = "ION")]
    Ion,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ExportType {
    #[default]
    FullExport,
    IncrementalExport,
}

/// A line of `manifest-files.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataFile {
    pub(super) item_count: u64,
    pub(super) md5_checksum: Digest,
    #[serde(rename = "dataFileS3Key")]
    pub(super) key: String,
}

/// An export whose manifests agree.
#[derive(Debug, Clone)]
pub(super) struct Export {
    pub(super) folder: Location,
    pub(super) summary: Summary,
    pub(super) files: Vec<DataFile>,
    /// When it was there to be read.
    pub(super) arrived: Timestamp,
    /// Of its summary.
    pub(super) digest: String,
}

impl Export {
    /// The summary of the export in a folder; none if there is no export in it.
    pub(super) async fn find(
        stores: &Stores,
        folder: &Location,
    ) -> Result<Option<Self>, HandlerError> {
        let Some((text, written)) = checked(stores, folder, SUMMARY).await? else {
            return Ok(None);
        };
        let wrong = |error| HandlerError::Data(format!("`{folder}/{SUMMARY}.json`: {error}"));
        let summary: Summary = serde_json::from_slice(&text).map_err(wrong)?;
        let arrived = summary.end_time.map_or(written, |it| it.max(written));
        let digest = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&text));
        Ok(Some(Self { folder: folder.clone(), summary, files: Vec::new(), arrived, digest }))
    }

    /// The same with its list of files, which must have as many items as the summary says.
    pub(super) async fn with_files(mut self, stores: &Stores) -> Result<Self, HandlerError> {
        let folder = &self.folder;
        let missing = || {
            HandlerError::Data(format!(
                "`{folder}/{FILES}.json` is missing; the export is not complete"
            ))
        };
        let (text, _) = checked(stores, folder, FILES).await?.ok_or_else(missing)?;
        let lines = text
            .split(|byte| *byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.trim_ascii().is_empty());
        let file = |(index, line)| {
            let wrong = |error| {
                HandlerError::Data(format!("`{folder}/{FILES}.json`, line {}: {error}", index + 1))
            };
            serde_json::from_slice(line).map_err(wrong)
        };
        self.files = lines.map(file).collect::<Result<Vec<DataFile>, _>>()?;
        let listed: u64 = self.files.iter().map(|it| it.item_count).sum();
        let said = self.summary.item_count;
        if listed == said {
            return Ok(self);
        }
        Err(HandlerError::Data(format!(
            "`{folder}`: {SUMMARY}.json says {said} items, the files of {FILES}.json have {listed}; the export is damaged, \
             copy it again"
        )))
    }

    /// Where a data file is: the keys are those of the bucket it was exported to, and it may have been copied since.
    pub(super) async fn locate(
        &self,
        stores: &Stores,
        file: &DataFile,
    ) -> Result<Location, HandlerError> {
        let name = file.key.rsplit('/').next().unwrap_or(&file.key);
        let inside = self.folder.join(&format!("data/{name}"));
        if meta(stores, &inside).await?.is_some() {
            return Ok(inside);
        }
        // The files of incremental exports lie together, beside the folders of the exports.
        let beside = parent(&self.folder).map(|it| it.join(&format!("data/{name}")));
        if let Some(beside) = beside
            && meta(stores, &beside).await?.is_some()
        {
            return Ok(beside);
        }
        Err(HandlerError::Data(format!(
            "`{inside}` is missing, which {FILES}.json lists; copy it again"
        )))
    }
}

fn parent(folder: &Location) -> Option<Location> {
    match folder {
        Location::Path(path) => path.parent().map(|it| Location::Path(it.to_owned())),
        Location::S3 { bucket, key } => {
            let key = key.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent);
            Some(Location::S3 { bucket: bucket.clone(), key: key.to_owned() })
        }
        Location::Http(_) => None,
    }
}

/// A manifest that has the digest of its checksum file, and when it was written; none if it is not there.
async fn checked(
    stores: &Stores,
    folder: &Location,
    name: &str,
) -> Result<Option<(Vec<u8>, Timestamp)>, HandlerError> {
    let at = folder.join(&format!("{name}.json"));
    let Some((text, written)) = get(stores, &at).await? else { return Ok(None) };
    for extension in ["checksum", "md5"] {
        let checksum = folder.join(&format!("{name}.{extension}"));
        let Some((digest, _)) = get(stores, &checksum).await? else { continue };
        let wrong = |reason: &str| HandlerError::Data(format!("`{checksum}`: {reason}"));
        let digest = std::str::from_utf8(&digest).ok().and_then(|it| Digest::parse(it.trim()));
        if !digest.ok_or_else(|| wrong("is no MD5 and no SHA-256"))?.is_of(&text) {
            return Err(wrong(&format!("is not the digest of `{at}`; copy the export again")));
        }
    }
    Ok(Some((text, written)))
}

async fn get(stores: &Stores, at: &Location) -> Result<Option<(Vec<u8>, Timestamp)>, HandlerError> {
    let (store, path) = stores.open(at).await.map_err(of_files)?;
    match store.get(&path).await {
        Ok(found) => {
            let written = written(&found.meta);
            let bytes = found.bytes().await.map_err(|error| unreadable(at, &error))?;
            Ok(Some((bytes.to_vec(), written)))
        }
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(unreadable(at, &error)),
    }
}

async fn meta(stores: &Stores, at: &Location) -> Result<Option<Timestamp>, HandlerError> {
    let (store, path) = stores.open(at).await.map_err(of_files)?;
    match store.head(&path).await {
        Ok(found) => Ok(Some(written(&found))),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(unreadable(at, &error)),
    }
}

fn written(meta: &object_store::ObjectMeta) -> Timestamp {
    Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).unwrap_or(Timestamp::MAX)
}

/// An object that is there and cannot be read now.
pub(super) fn unreadable(at: &Location, error: &object_store::Error) -> HandlerError {
    HandlerError::retryable(without_token(&format!("failed to read `{at}`: {error}")))
}

/// An MD5 or a SHA-256, in base64 or hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest(Vec<u8>);

impl Digest {
    fn parse(text: &str) -> Option<Self> {
        let bytes = match text.len() {
            32 | 64 => hex::decode(text).ok(),
            _ => BASE64.decode(text).ok(),
        };
        bytes.filter(|it| matches!(it.len(), 16 | 32)).map(Self)
    }

    fn is_of(&self, bytes: &[u8]) -> bool {
        match self.0.len() {
            16 => self.is(&Md5::digest(bytes)),
            _ => self.is(&Sha256::digest(bytes)),
        }
    }

    pub(super) fn is(&self, digest: &[u8]) -> bool {
        self.0 == digest
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digest = Self::parse(&text).filter(|it| it.0.len() == 16);
        digest.ok_or_else(|| serde::de::Error::custom(format_args!("`{text}` is no MD5")))
    }
}
