//! A bucket in a folder of this machine.
//!
//! `object_store`'s own folder is atomic for readers, but leaves it to the system when an object reaches the disk. Here an object
//! is on disk, under its name, when writing it returns: what is built on it may go on. The `ETag` of an object that came by the
//! protocol of S3 is the one that was answered there.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UpdateVersion, UploadPart,
};
use tokio::task::spawn_blocking;

use super::embedded::Tags;
use crate::durable;

/// Objects of a listing whose tags are looked up together.
const LISTED_AT_ONCE: usize = 1000;

/// A bucket in a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    inner: Arc<LocalFileSystem>,
    root: Arc<PathBuf>,
    /// None where nobody has used the protocol of S3 yet.
    tags: Option<Tags>,
}

/// Numbers the files that this process is writing, in whichever bucket.
static STAGED: AtomicU64 = AtomicU64::new(0);

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.root.display())
    }
}

impl Folder {
    pub(super) async fn open(path: &FilePath, tags: Option<Tags>) -> io::Result<Self> {
        tokio::fs::create_dir_all(path).await?;
        let inner = LocalFileSystem::new_with_prefix(path).map_err(io::Error::other)?;
        // As the inner one sees it, without links on the way.
        let root = tokio::fs::canonicalize(path).await?;
        Ok(Self { inner: Arc::new(inner), root: Arc::new(root), tags })
    }

    /// Objects with the tags that were answered for them.
    async fn tagged(&self, mut objects: Vec<Result<ObjectMeta>>) -> Vec<Result<ObjectMeta>> {
        let Some(tags) = self.tags.clone() else { return objects };
        let this = self.clone();
        let look_up = move || {
            let files: Vec<_> = objects.iter().map(|object| this.file(object)).collect();
            for (object, tag) in objects.iter_mut().zip(tags.of(&this.root, &files)) {
                if let (Ok(object), Some(tag)) = (object, tag) {
                    object.e_tag = Some(tag);
                }
            }
            objects
        };
        spawn_blocking(look_up)
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn file(&self, object: &Result<ObjectMeta>) -> PathBuf {
        let location = object.as_ref().ok().map(|object| &object.location);
        let path = location.and_then(|location| self.inner.path_to_filesystem(location).ok());
        path.unwrap_or_default()
    }

    async fn tagged_one(&self, object: ObjectMeta) -> Result<ObjectMeta> {
        let tagged = self.tagged(vec![Ok(object)]).await;
        tagged.into_iter().next().expect("there are as many as there were")
    }

    /// Writes an object in the place of the one with this `ETag`. Others that do the same wait.
    async fn update(
        &self,
        location: &Path,
        payload: PutPayload,
        version: &UpdateVersion,
    ) -> Result<PutResult> {
        let root = Arc::clone(&self.root);
        let lock = spawn_blocking(move || File::open(&*root).and_then(|it| it.lock().map(|()| it)));
        let _lock = lock.await?.map_err(|error| failed(location, error))?;
        let is = self.head(location).await?.e_tag;
        if is != version.e_tag {
            let reason = format!("the object is {is:?} by now, not {:?}", version.e_tag);
            let path = location.to_string();
            return Err(object_store::Error::Precondition { path, source: reason.into() });
        }
        self.put_opts(location, payload, PutOptions::from(PutMode::Overwrite)).await
    }

    /// Makes an object durable that has come to its place.
    async fn settle(&self, location: &Path) -> Result<()> {
        let (path, root) = (self.inner.path_to_filesystem(location)?, Arc::clone(&self.root));
        let settle = move || {
            File::open(&path)?.sync_all()?;
            durable::sync_folders(&path, &root)
        };
        spawn_blocking(settle).await?.map_err(|error| failed(location, error))
    }
}

/// A name beside the object's, of this write alone, that the inner store does not list: `#` and digits.
fn staging(path: &FilePath) -> PathBuf {
    let (process, number) = (std::process::id(), STAGED.fetch_add(1, Ordering::Relaxed));
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{process:010}{number:012}"));
    PathBuf::from(name)
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let must_be_new = match &options.mode {
            PutMode::Overwrite if options.attributes.is_empty() => false,
            PutMode::Create if options.attributes.is_empty() => true,
            PutMode::Update(version) if options.attributes.is_empty() => {
                return self.update(location, payload, version).await;
            }
            // It says that it cannot.
            _ => return self.inner.put_opts(location, payload, options).await,
        };
        let (path, root) = (self.inner.path_to_filesystem(location)?, Arc::clone(&self.root));
        let staging = staging(&path);
        let write = move || {
            let pieces = payload.iter().map(AsRef::as_ref);
            durable::write(&path, &staging, pieces, must_be_new)?;
            durable::sync_folders(&path, &root)
        };
        spawn_blocking(write).await?.map_err(|error| failed(location, error))?;
        let e_tag = self.inner.head(location).await?.e_tag;
        Ok(PutResult { e_tag, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(Upload { inner, folder: self.clone(), location: location.clone() }))
    }

    /// Conditions are held against the tag that is shown.
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let conditions = GetOptions {
            if_match: options.if_match.clone(),
            if_none_match: options.if_none_match.clone(),
            if_modified_since: options.if_modified_since,
            if_unmodified_since: options.if_unmodified_since,
            ..GetOptions::default()
        };
        let unconditional = GetOptions {
            if_match: None,
            if_none_match: None,
            if_modified_since: None,
            if_unmodified_since: None,
            ..options
        };
        let found = self.inner.get_opts(location, unconditional).await?;
        let meta = self.tagged_one(found.meta.clone()).await?;
        conditions.check_preconditions(&meta)?;
        Ok(GetResult { meta, ..found })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = self.clone();
        let listed = self.inner.list(prefix).ready_chunks(LISTED_AT_ONCE);
        let tagged = listed.then(move |objects| {
            let folder = folder.clone();
            async move { folder.tagged(objects).await }
        });
        tagged.flat_map(stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await?;
        let objects = listed.objects.into_iter().map(Ok).collect();
        let objects = self.tagged(objects).await.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(ListResult { objects, ..listed })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.settle(to).await
    }
}

/// An object in parts, which is durable once it is complete.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    folder: Folder,
    location: Path,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        self.folder.settle(&self.location).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

fn failed(location: &Path, error: io::Error) -> object_store::Error {
    let path = location.to_string();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            object_store::Error::AlreadyExists { path, source: error.into() }
        }
        io::ErrorKind::PermissionDenied => {
            object_store::Error::PermissionDenied { path, source: error.into() }
        }
        _ => object_store::Error::Generic { store: "Folder", source: error.into() },
    }
}
