//! Opens locations: a folder, a bucket, a web server.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};

use crate::error::chain;
use crate::{Error, Location};

/// Gives the buckets of `s3://`: a folder of this machine, or S3. Who may, and where S3 is, it knows.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// The bucket of this name.
    ///
    /// # Errors
    /// [`Error::Wrong`] if there is none, [`Error::Unreachable`] if it cannot be asked now.
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error>;
}

/// Has no buckets.
pub struct NoBuckets;

#[async_trait]
impl Buckets for NoBuckets {
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Err(Error::Wrong(format!("s3://{name}: there are no buckets here")))
    }
}

/// Opens locations.
#[derive(Clone)]
pub struct Stores {
    root: PathBuf,
    buckets: Arc<dyn Buckets>,
    http: reqwest::Client,
}

/// One file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file.
    pub at: Location,
    /// Its bytes.
    pub size: u64,
    /// When it was written last, in microseconds since 1970.
    pub modified_us: i64,
    /// Another one if its content is another one: its `ETag` where a store gives one, else its size and when it was written.
    pub version: String,
}

/// Tells whether a file is still the one that was read.
#[derive(Debug, Clone)]
pub struct Tag(Is);

#[derive(Debug, Clone)]
enum Is {
    Content(Bytes),
    Version(UpdateVersion),
}

/// The bytes of a file.
pub(crate) enum Content {
    File(std::fs::File),
    Stream(BoxStream<'static, Result<Bytes, std::io::Error>>),
}

impl Stores {
    /// Relative paths count from `root`; `http` fetches what lies on web servers.
    pub fn new(root: PathBuf, buckets: Arc<dyn Buckets>, http: reqwest::Client) -> Self {
        Self { root, buckets, http }
    }

    /// The path on this machine, if it is one.
    pub fn local_path(&self, at: &Location) -> Option<PathBuf> {
        match at {
            Location::Path(path) => Some(self.root.join(path)),
            Location::S3 { .. } | Location::Http(_) => None,
        }
    }

    /// The object store that has the location, and the path in it.
    ///
    /// # Errors
    /// [`Error::Wrong`] for a web server; those of [`Buckets`].
    pub async fn open(&self, at: &Location) -> Result<(Arc<dyn ObjectStore>, StorePath), Error> {
        match at {
            Location::Path(path) => {
                let whole = std::path::absolute(self.root.join(path))
                    .map_err(|error| Error::of_io(at, &error))?;
                let path = StorePath::from_absolute_path(without_dots(&whole))
                    .map_err(|error| Error::Wrong(format!("{at} is no path: {error}")))?;
                Ok((Arc::new(LocalFileSystem::new()), path))
            }
            Location::S3 { bucket, key } => {
                let path = StorePath::parse(key)
                    .map_err(|error| Error::Wrong(format!("{at} is no key: {error}")))?;
                Ok((self.buckets.bucket(bucket).await?, path))
            }
            Location::Http(_) => Err(Error::Wrong(format!(
                "{at} is on a web server, which can only be read; write a path or `s3://bucket/key`"
            ))),
        }
    }

    pub(crate) async fn content(&self, at: &Location) -> Result<Content, Error> {
        if let Location::Http(url) = at {
            return Ok(Content::Stream(self.fetch(at, url).await?));
        }
        let (store, path) = self.open(at).await?;
        let result = store.get(&path).await.map_err(|error| Error::of_store(at, &error))?;
        Ok(match result.payload {
            GetResultPayload::File(file, _) => Content::File(file),
            GetResultPayload::Stream(stream) => {
                Content::Stream(stream.map_err(|error| lost(chain(&error))).boxed())
            }
        })
    }

    async fn fetch(
        &self,
        at: &Location,
        url: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, std::io::Error>>, Error> {
        let unreachable = |error: reqwest::Error| Error::Unreachable {
            at: at.clone(),
            reason: chain(&error.without_url()),
        };
        let answer = self.http.get(url).send().await.map_err(unreachable)?;
        let status = answer.status();
        if status.is_success() {
            let bytes = answer.bytes_stream();
            return Ok(bytes.map_err(|error| lost(chain(&error.without_url()))).boxed());
        }
        let reason = format!("the server answered {status}");
        Err(match status.as_u16() {
            404 | 410 => Error::Missing(at.clone()),
            408 | 425 | 429 | 500.. => Error::Unreachable { at: at.clone(), reason },
            _ => Error::Refused { at: at.clone(), reason },
        })
    }

    /// The whole file. For small ones.
    ///
    /// # Errors
    /// [`Error::Missing`] and what reaching it brings.
    pub async fn get(&self, at: &Location) -> Result<Bytes, Error> {
        if let Location::Http(url) = at {
            let parts: Vec<Bytes> =
                self.fetch(at, url).await?.try_collect().await.map_err(|error| {
                    Error::Unreachable { at: at.clone(), reason: error.to_string() }
                })?;
            return Ok(parts.concat().into());
        }
        let (store, path) = self.open(at).await?;
        let result = store.get(&path).await.map_err(|error| Error::of_store(at, &error))?;
        result.bytes().await.map_err(|error| Error::of_store(at, &error))
    }

    /// Writes the whole file in one step: no reader sees half of it, and once this returns it outlives a crash of the
    /// machine.
    ///
    /// # Errors
    /// What reaching it brings.
    pub async fn put(&self, at: &Location, bytes: Bytes) -> Result<(), Error> {
        if let Some(path) = self.local_path(at) {
            let written = tokio::task::spawn_blocking(move || write_durably(&path, &bytes)).await;
            return written
                .expect("writing does not panic")
                .map_err(|error| Error::of_io(at, &error));
        }
        let (store, path) = self.open(at).await?;
        let put = store.put(&path, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| Error::of_store(at, &error))
    }

    /// The whole file, with what [`Self::put_if`] knows it by. For small ones.
    ///
    /// # Errors
    /// [`Error::Missing`] and what reaching it brings.
    pub async fn get_tagged(&self, at: &Location) -> Result<(Bytes, Tag), Error> {
        if self.local_path(at).is_some() {
            let bytes = self.get(at).await?;
            return Ok((bytes.clone(), Tag(Is::Content(bytes))));
        }
        let (store, path) = self.open(at).await?;
        let result = store.get(&path).await.map_err(|error| Error::of_store(at, &error))?;
        let version = UpdateVersion {
            e_tag: result.meta.e_tag.clone(),
            version: result.meta.version.clone(),
        };
        let bytes = result.bytes().await.map_err(|error| Error::of_store(at, &error))?;
        Ok((bytes, Tag(Is::Version(version))))
    }

    /// As [`Self::put`], if the file is still the one that was read, or still not there. False if it is another one now.
    ///
    /// # Errors
    /// What reaching it brings.
    pub async fn put_if(
        &self,
        at: &Location,
        bytes: Bytes,
        tag: Option<&Tag>,
    ) -> Result<bool, Error> {
        if let Some(path) = self.local_path(at) {
            let was = match tag {
                Some(Tag(Is::Content(was))) => Some(was.clone()),
                Some(Tag(Is::Version(_))) | None => None,
            };
            let switched =
                tokio::task::spawn_blocking(move || switch(&path, was.as_deref(), &bytes)).await;
            return switched
                .expect("writing does not panic")
                .map_err(|error| Error::of_io(at, &error));
        }
        let mode = match tag {
            Some(Tag(Is::Version(version))) => PutMode::Update(version.clone()),
            Some(Tag(Is::Content(_))) | None => PutMode::Create,
        };
        let (store, path) = self.open(at).await?;
        let put = store.put_opts(&path, PutPayload::from(bytes), PutOptions::from(mode)).await;
        match put {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::Precondition { .. }
                | object_store::Error::AlreadyExists { .. }
                | object_store::Error::NotFound { .. },
            ) => Ok(false),
            Err(error) => Err(Error::of_store(at, &error)),
        }
    }

    /// Makes `to` the same file as `from`, without moving bytes where the store can: a link, a copy by the server.
    ///
    /// # Errors
    /// [`Error::Wrong`] between two stores; what reaching them brings.
    pub async fn copy(&self, from: &Location, to: &Location) -> Result<(), Error> {
        if let (Some(from_path), Some(to_path)) = (self.local_path(from), self.local_path(to)) {
            let linked = tokio::task::spawn_blocking(move || link(&from_path, &to_path)).await;
            return linked
                .expect("linking does not panic")
                .map_err(|error| Error::of_io(from, &error));
        }
        match (from, to) {
            (Location::S3 { bucket, .. }, Location::S3 { bucket: other, .. })
                if bucket == other => {}
            _ => {
                return Err(Error::Wrong(format!(
                    "{from} cannot be copied to another store, {to}"
                )));
            }
        }
        let (store, from_path) = self.open(from).await?;
        let (_, to_path) = self.open(to).await?;
        store.copy(&from_path, &to_path).await.map_err(|error| Error::of_store(from, &error))
    }

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// What reaching it brings.
    pub async fn delete(&self, at: &Location) -> Result<(), Error> {
        let (store, path) = self.open(at).await?;
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::of_store(at, &error)),
        }
    }

    /// All files in a folder and below, by name. A folder that is not there has none.
    ///
    /// # Errors
    /// What reaching it brings.
    pub async fn list(&self, folder: &Location) -> Result<Vec<Entry>, Error> {
        if self.local_path(folder).is_some_and(|path| !path.exists()) {
            return Ok(Vec::new());
        }
        let (store, prefix) = self.open(folder).await?;
        let found: Vec<ObjectMeta> = store
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(|error| Error::of_store(folder, &error))?;
        let mut entries: Vec<_> = found
            .into_iter()
            .filter_map(|meta| {
                let parts: Vec<_> = meta.location.prefix_match(&prefix)?.collect();
                let below: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
                Some(entry_of(folder.join(&below.join("/")), &meta))
            })
            .collect();
        entries.sort_by(|a, b| a.at.cmp(&b.at));
        Ok(entries)
    }

    /// The names of the folders in a folder, in their order. A folder that is not there has none.
    ///
    /// # Errors
    /// What reaching it brings.
    pub async fn folders(&self, folder: &Location) -> Result<Vec<String>, Error> {
        if self.local_path(folder).is_some_and(|path| !path.exists()) {
            return Ok(Vec::new());
        }
        let (store, prefix) = self.open(folder).await?;
        let found = store.list_with_delimiter(Some(&prefix)).await;
        let found = found.map_err(|error| Error::of_store(folder, &error))?.common_prefixes;
        let mut names: Vec<_> =
            found.iter().filter_map(|it| it.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// The files that a pattern names, in their order: `*` stands for any part of a name, `**` for any folders. A location
    /// without a star is one file; on a web server it is taken as it is.
    ///
    /// # Errors
    /// [`Error::Missing`] for a file that is named and not there.
    pub async fn matching(&self, pattern: &Location) -> Result<Vec<Entry>, Error> {
        let text = match pattern {
            Location::Http(_) => {
                let version = String::new();
                return Ok(vec![Entry { at: pattern.clone(), size: 0, modified_us: 0, version }]);
            }
            Location::Path(path) => path.to_string_lossy().into_owned(),
            Location::S3 { key, .. } => key.clone(),
        };
        let folder_of = |text: &str| match pattern {
            Location::S3 { bucket, .. } => {
                Location::S3 { bucket: bucket.clone(), key: text.to_owned() }
            }
            Location::Path(_) | Location::Http(_) => Location::Path(PathBuf::from(text)),
        };
        let Some(star) = text.find('*') else { return Ok(vec![self.entry(pattern).await?]) };
        let (folder, below) = match text[..star].rfind('/') {
            Some(0) => ("/", &text[1..]),
            Some(slash) => (&text[..slash], &text[slash + 1..]),
            None => (if matches!(pattern, Location::Path(_)) { "." } else { "" }, text.as_str()),
        };
        let folder = folder_of(folder);
        let wanted: Vec<&str> = below.split('/').collect();
        let mut found = self.list(&folder).await?;
        found.retain(|entry| {
            let path = relative(&entry.at, &folder);
            let parts: Vec<&str> = path.split('/').collect();
            !path.is_empty() && matches_parts(&parts, &wanted)
        });
        Ok(found)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`Error::Missing`] and what reaching it brings.
    pub async fn size(&self, at: &Location) -> Result<u64, Error> {
        Ok(self.entry(at).await?.size)
    }

    async fn entry(&self, at: &Location) -> Result<Entry, Error> {
        let (store, path) = self.open(at).await?;
        let meta = store.head(&path).await.map_err(|error| Error::of_store(at, &error))?;
        Ok(entry_of(at.clone(), &meta))
    }
}

/// Stores know no `..`.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// On this machine an `ETag` goes by the place on the disk, which a copy changes and the content does not.
fn entry_of(at: Location, meta: &ObjectMeta) -> Entry {
    let modified_us = meta.last_modified.timestamp_micros();
    let e_tag = meta.e_tag.clone().filter(|_| matches!(at, Location::S3 { .. }));
    let version = e_tag.unwrap_or_else(|| format!("{}-{modified_us}", meta.size));
    Entry { at, size: meta.size, modified_us, version }
}

/// What reading a body is told that broke off.
fn lost(reason: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, reason)
}

fn relative(at: &Location, folder: &Location) -> String {
    match (at, folder) {
        (Location::Path(at), Location::Path(folder)) => {
            at.strip_prefix(folder).map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
        }
        (Location::S3 { key: at, .. }, Location::S3 { key: folder, .. }) => {
            at.strip_prefix(folder.as_str()).unwrap_or("").trim_start_matches('/').to_owned()
        }
        _ => String::new(),
    }
}

fn matches_parts(parts: &[&str], wanted: &[&str]) -> bool {
    match (parts, wanted) {
        ([], []) => true,
        (_, ["**", rest @ ..]) => {
            (0..=parts.len()).any(|skipped| matches_parts(&parts[skipped..], rest))
        }
        ([part, parts @ ..], [pattern, wanted @ ..]) => {
            matches_name(part, pattern) && matches_parts(parts, wanted)
        }
        _ => false,
    }
}

fn matches_name(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(start) else { return false };
    name.char_indices()
        .map(|(at, _)| at)
        .chain([name.len()])
        .any(|at| matches_name(&name[at..], rest))
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = made_parent(path)?;
    let beside = beside(path);
    let mut file = std::fs::File::create(&beside)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Writes a file in the place of what it was; false if it is something else by now. Others that do the same wait.
fn switch(path: &Path, was: Option<&[u8]>, bytes: &[u8]) -> std::io::Result<bool> {
    let folder = std::fs::File::open(made_parent(path)?)?;
    folder.lock()?;
    let is = match std::fs::read(path) {
        Ok(is) => Some(is),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_same = is.as_deref() == was;
    if is_same {
        write_durably(path, bytes)?;
    }
    Ok(is_same)
}

/// A hard link where the file system knows such, else a copy.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    let folder = made_parent(to)?;
    let beside = beside(to);
    let _ = std::fs::remove_file(&beside);
    if std::fs::hard_link(from, &beside).is_err() {
        std::fs::copy(from, &beside)?;
        std::fs::File::open(&beside)?.sync_all()?;
    }
    std::fs::rename(&beside, to)?;
    // Of two links to one file, rename leaves the first.
    let _ = std::fs::remove_file(&beside);
    std::fs::File::open(folder)?.sync_all()
}

fn made_parent(path: &Path) -> std::io::Result<&Path> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    Ok(folder)
}

/// Hidden from readers of the folder, and the same at each attempt.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("_{name}.part"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    fn at(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_put_is_got_listed_linked_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores(folder.path());
        let file = at("lake/dt=2026-03-01/a b%#.csv");
        stores.put(&file, Bytes::from_static(b"x")).await.unwrap();
        stores.put(&file, Bytes::from_static(b"xy")).await.unwrap();
        assert_eq!(stores.get(&file).await.unwrap(), "xy");
        let linked = at("lake/dt=2026-03-02/b.csv");
        stores.copy(&file, &linked).await.unwrap();
        stores.copy(&file, &linked).await.unwrap();
        let listed = stores.list(&at("lake")).await.unwrap();
        assert_eq!(listed.iter().map(|it| &it.at).collect::<Vec<_>>(), [&file, &linked]);
        assert_eq!(listed[0].size, 2);
        stores.delete(&file).await.unwrap();
        stores.delete(&file).await.unwrap();
        assert!(matches!(stores.get(&file).await, Err(Error::Missing(_))));
        assert_eq!(stores.get(&linked).await.unwrap(), "xy");
        assert_eq!(stores.list(&at("nowhere")).await.unwrap(), []);
    }

    #[tokio::test]
    async fn of_two_that_read_the_same_file_one_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores(folder.path());
        let file = at("lake/orders/_table.json");
        assert!(stores.put_if(&file, Bytes::from_static(b"1"), None).await.unwrap());
        assert!(!stores.put_if(&file, Bytes::from_static(b"1"), None).await.unwrap());
        let (read, tag) = stores.get_tagged(&file).await.unwrap();
        assert_eq!(read, "1");
        assert!(stores.put_if(&file, Bytes::from_static(b"2"), Some(&tag)).await.unwrap());
        assert!(!stores.put_if(&file, Bytes::from_static(b"3"), Some(&tag)).await.unwrap());
        assert_eq!(stores.get(&file).await.unwrap(), "2");
    }

    #[tokio::test]
    async fn a_pattern_names_files() {
        let folder = tempfile::tempdir().unwrap();
        let stores = stores(folder.path());
        for name in ["in/a.csv", "in/b.csv.gz", "in/x/c.csv", "in/x/y/d.csv", "e.csv"] {
            stores.put(&at(name), Bytes::new()).await.unwrap();
        }
        let names = async |pattern: &str| {
            let found = stores.matching(&at(pattern)).await.unwrap();
            found.iter().map(|it| it.at.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("in/*.csv").await, ["a.csv"]);
        assert_eq!(names("in/*.csv*").await, ["a.csv", "b.csv.gz"]);
        assert_eq!(names("in/**/*.csv").await, ["a.csv", "c.csv", "d.csv"]);
        assert_eq!(names("in/x/*/d.csv").await, ["d.csv"]);
        assert_eq!(names("*.csv").await, ["e.csv"]);
        assert_eq!(names("in/a.csv").await, ["a.csv"]);
        assert_eq!(names("nowhere/*.csv").await, [""; 0]);
        assert!(matches!(stores.matching(&at("in/nope.csv")).await, Err(Error::Missing(_))));
    }

    #[tokio::test]
    async fn a_bucket_or_web_server_that_cannot_be_written_is_named() {
        let stores = stores(Path::new("/tmp"));
        let told = stores.put(&at("s3://raw/a"), Bytes::new()).await.unwrap_err().to_string();
        assert!(told.contains("s3://raw"), "{told}");
        let told = stores.put(&at("http://x/a"), Bytes::new()).await.unwrap_err().to_string();
        assert!(told.contains("can only be read"), "{told}");
    }
}
