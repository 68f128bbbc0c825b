//! Which objects hold the items of a Map run, and in which format.
//!
//! | `Resource` | `ReaderConfig` | Items |
//! | --- | --- | --- |
//! | `s3:getObject` | `JSON`, `JSONL`, `CSV`, `PARQUET` | those in the object |
//! | `s3:getObject` | `MANIFEST`, or `ManifestType` `S3_INVENTORY` | the objects of an inventory |
//! | `s3:getObject` | `ManifestType` `ATHENA_DATA` | those in the files of a query's result |
//! | `s3:listObjectsV2` | none | the objects with a prefix |
//! | `s3:listObjectsV2` | `Transformation` `LOAD_AND_FLATTEN` | those in these objects |

use std::io::BufRead;
use std::thread;

use futures_util::{StreamExt, stream};
use object_store::ObjectMeta;
use serde_json::{Value, json};
use stepwell_integrations::s3::Buckets;
use stepwell_task::{ItemSource, Items, TaskFailure};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::formats::{self, Csv, Take};
use crate::objects::Objects;

/// Items on their way to the engine.
const ITEMS_AHEAD: usize = 1_000;

/// The items of a source. They are read in a thread of their own, as fast as they are wanted: none of tokio's, which wait
/// for shorter work, and which are too few to be held for as long as a Map run lasts.
pub(crate) fn items(buckets: Buckets, source: ItemSource) -> Items {
    let (sender, receiver) = mpsc::channel(ITEMS_AHEAD);
    let objects = Objects { buckets, runtime: Handle::current() };
    let read = move || {
        let end = match send(&objects, &source, &sender) {
            Ok(()) => Message::End,
            Err(cause) => Message::Failed(cause),
        };
        // Whoever stopped listening wants no end either.
        let _ = sender.blocking_send(end);
    };
    let started = thread::Builder::new().name("stepwell-items".to_owned()).spawn(read);
    let last = started.err().map(|error| format!("no thread to read with: {error}"));
    stream::unfold((receiver, last), next).boxed()
}

/// What the thread says.
enum Message {
    Item(Value),
    Failed(String),
    End,
}

/// The next item. A thread that is gone without a word about the end has not read all of them.
async fn next(
    (mut receiver, failed): (mpsc::Receiver<Message>, Option<String>),
) -> Option<(Result<Value, TaskFailure>, (mpsc::Receiver<Message>, Option<String>))> {
    let failure = |cause: String| {
        Err(TaskFailure { error: "States.ItemReaderFailed".to_owned(), cause: Some(cause) })
    };
    if let Some(cause) = failed {
        return Some((failure(cause), (receiver, None)));
    }
    let item = match receiver.recv().await {
        Some(Message::Item(item)) => Ok(item),
        Some(Message::Failed(cause)) => failure(cause),
        Some(Message::End) => return None,
        None => failure("the thread that reads the items ended".to_owned()),
    };
    Some((item, (receiver, None)))
}

fn send(
    objects: &Objects,
    source: &ItemSource,
    sender: &mpsc::Sender<Message>,
) -> Result<(), String> {
    let mut to_skip = source.skip;
    let mut take = |item| {
        if to_skip > 0 {
            to_skip -= 1;
            return true;
        }
        sender.blocking_send(Message::Item(item)).is_ok()
    };
    Reading { objects, config: &source.config }.read(source, &mut take)
}

struct Reading<'a> {
    objects: &'a Objects,
    config: &'a Value,
}

impl Reading<'_> {
    fn read(&self, source: &ItemSource, take: Take<'_>) -> Result<(), String> {
        let bucket = argument(source, "Bucket")?;
        if source.resource.ends_with(":listObjectsV2") {
            let prefix = source.arguments["Prefix"].as_str().unwrap_or_default();
            return self.listed(bucket, prefix, take);
        }
        let key = argument(source, "Key")?;
        match (self.text("ManifestType"), self.text("InputType")) {
            (Some("ATHENA_DATA"), _) => self.athena(bucket, key, take),
            (Some(_), _) | (_, Some("MANIFEST")) => self.inventory(bucket, key, take),
            (None, _) => self.object(bucket, key, take),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.config[name].as_str()
    }

    /// The items in one object.
    fn object(&self, bucket: &str, key: &str, take: Take<'_>) -> Result<(), String> {
        match self.text("InputType") {
            Some("CSV") => formats::csv(self.objects.open(bucket, key)?, &self.csv()?, take),
            Some("JSONL") => formats::json_lines(self.objects.open(bucket, key)?, take),
            Some("PARQUET") => {
                let (store, path) = self.objects.find(bucket, key)?;
                formats::parquet(self.objects, &store, &path, take)
            }
            _ => {
                let pointer = self.text("ItemsPointer").unwrap_or_default();
                formats::json(self.objects.open(bucket, key)?, pointer, take)
            }
        }
    }

    fn csv(&self) -> Result<Csv, String> {
        let delimiter = match self.text("CSVDelimiter") {
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            _ => b',',
        };
        let headers = match self.text("CSVHeaderLocation") {
            Some("GIVEN") => Some(self.headers()?),
            _ => None,
        };
        Ok(Csv { delimiter, headers })
    }

    fn headers(&self) -> Result<Vec<String>, String> {
        let headers = self.config["CSVHeaders"].as_array();
        let headers = headers.ok_or("CSVHeaders is required where CSVHeaderLocation is GIVEN")?;
        Ok(headers.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn listed(&self, bucket: &str, prefix: &str, take: Take<'_>) -> Result<(), String> {
        let loads = self.text("Transformation") == Some("LOAD_AND_FLATTEN");
        let mut is_wanted = true;
        self.objects.list(bucket, prefix, &mut |object| {
            if loads {
                let mut take = |item| {
                    is_wanted = take(item);
                    is_wanted
                };
                self.object(bucket, object.location.as_ref(), &mut take)?;
                Ok(is_wanted)
            } else {
                Ok(take(listed(&object)))
            }
        })
    }

    /// The objects of an S3 inventory: the manifest names its files and their columns.
    fn inventory(&self, bucket: &str, key: &str, take: Take<'_>) -> Result<(), String> {
        let manifest: Value = serde_json::from_reader(self.objects.open(bucket, key)?)
            .map_err(|error| format!("the manifest is no JSON: {error}"))?;
        let schema = manifest["fileSchema"].as_str().unwrap_or_default();
        let headers = schema.split(',').map(|name| name.trim().to_owned()).collect();
        let form = Csv { delimiter: b',', headers: Some(headers) };
        let at = manifest["destinationBucket"].as_str().and_then(|arn| arn.rsplit(':').next());
        let at = at.unwrap_or(bucket);
        for file in manifest["files"].as_array().into_iter().flatten() {
            let key = file["key"].as_str().ok_or("a file of the manifest has no key")?;
            if manifest["fileFormat"] == "Parquet" {
                let (store, path) = self.objects.find(at, key)?;
                formats::parquet(self.objects, &store, &path, &mut *take)?;
            } else {
                formats::csv(self.objects.open(at, key)?, &form, &mut *take)?;
            }
        }
        Ok(())
    }

    /// The items in the files that the manifest of a query lists, one `s3://` URI in each line.
    fn athena(&self, bucket: &str, key: &str, take: Take<'_>) -> Result<(), String> {
        for line in self.objects.open(bucket, key)?.lines() {
            let line = line.map_err(|error| error.to_string())?;
            let uri = line.trim().trim_matches('"');
            if uri.is_empty() {
                continue;
            }
            let place = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let (bucket, key) = place.ok_or_else(|| format!("`{uri}` is no place in S3"))?;
            self.object(bucket, key, &mut *take)?;
        }
        Ok(())
    }
}

fn argument<'s>(source: &'s ItemSource, name: &str) -> Result<&'s str, String> {
    source.arguments[name].as_str().ok_or_else(|| format!("The field '{name}' is required"))
}

/// An object as `ListObjectsV2` shows it.
fn listed(object: &ObjectMeta) -> Value {
    json!({
        "Etag": object.e_tag,
        "Key": object.location.as_ref(),
        "LastModified": object.last_modified.timestamp(),
        "Size": object.size,
        "StorageClass": "STANDARD",
    })
}
