//! Content on its way to disk: written to a file without a name of its own, measured and compared with what was promised.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};
use sha2::Sha256;
use stepwell_aws_wire::{Chunked, ServiceError};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::checksum::{self, Algorithm, Checksum, Hasher};

/// The folder of such files, beside those of the buckets.
pub(super) const FOLDER: &str = ".staging";

/// Of one request. Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
const CONTENT_BYTES_MAX: u64 = 5 << 30;

/// Content as it comes.
pub(super) struct Source {
    pub(super) bytes: BoxStream<'static, Result<Bytes, ServiceError>>,
    /// Where it comes in chunks.
    pub(super) chunked: Option<Chunked>,
    /// The SHA-256 that was signed, in hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// How long it may be.
    pub(super) limit: Limit,
}

/// How long content may be, and what one is told whose content is longer.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    bytes_max: u64,
    error: fn() -> ServiceError,
}

impl Limit {
    /// Of an object or a part.
    pub(super) const CONTENT: Self = Self { bytes_max: CONTENT_BYTES_MAX, error: too_large };

    pub(super) const fn new(bytes_max: u64, error: fn() -> ServiceError) -> Self {
        Self { bytes_max, error }
    }

    pub(super) fn check(self, bytes: u64) -> Result<(), ServiceError> {
        if bytes > self.bytes_max { Err((self.error)()) } else { Ok(()) }
    }
}

impl Source {
    /// Content that is here already.
    pub(super) fn of(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let bytes = futures_util::stream::once(async { Ok(content) }).boxed();
        Self { bytes, chunked: None, sha256: None, limit: Limit::CONTENT }
    }
}

/// What a request promises of its content.
#[derive(Debug, Default)]
pub(super) struct Promise {
    md5: Option<Vec<u8>>,
    checksum: Option<(Algorithm, Option<String>)>,
}

impl Promise {
    /// Takes it out of a request.
    ///
    /// # Errors
    /// `InvalidDigest`, `InvalidRequest`
    pub(super) fn take(input: &mut Map<String, Value>) -> Result<Self, ServiceError> {
        let md5 = match input.shift_remove("ContentMD5") {
            Some(Value::String(text)) => Some(decode_md5(&text)?),
            _ => None,
        };
        Ok(Self { md5, checksum: checksum::take(input)? })
    }

    /// With a checksum at least.
    pub(super) fn or_algorithm(mut self, algorithm: Option<Algorithm>) -> Self {
        self.checksum = self.checksum.or(algorithm.map(|algorithm| (algorithm, None)));
        self
    }

    /// With what stands behind the last chunk.
    fn with_trailers(self, chunked: Option<Chunked>) -> Result<Self, ServiceError> {
        let Some(chunked) = chunked else { return Ok(self) };
        let trailers = chunked.finish()?;
        let value = self.checksum.as_ref().and_then(|(algorithm, _)| {
            trailers.get(&format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase()))
        });
        let checksum = match (self.checksum, value) {
            (Some((algorithm, None)), Some(value)) => Some((algorithm, Some(value.clone()))),
            (checksum, _) => checksum,
        };
        Ok(Self { checksum, ..self })
    }
}

fn decode_md5(text: &str) -> Result<Vec<u8>, ServiceError> {
    let decoded = STANDARD.decode(text).ok().filter(|digest| digest.len() == 16);
    decoded.ok_or_else(|| {
        ServiceError::sender("InvalidDigest", "The Content-MD5 you specified is not valid.")
    })
}

/// A file that is on disk, and goes away unless it gets a name.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) md5: Vec<u8>,
    pub(super) checksum: Option<Checksum>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already, if it has become the object.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Staged {
    /// The `ETag` of an object with this content, with its quotes.
    pub(super) fn e_tag(&self) -> String {
        format!("\"{}\"", hex::encode(&self.md5))
    }
}

/// What a process left that was killed in the middle; longer than any request takes.
const LEFT_AFTER: Duration = Duration::from_hours(24);

/// Removes what was left long ago. Another process may be writing what is younger.
pub(super) fn sweep(folder: &Path, now: Timestamp) -> io::Result<()> {
    for entry in std::fs::read_dir(folder.join(FOLDER))? {
        let entry = entry?;
        let modified = Timestamp::try_from(entry.metadata()?.modified()?);
        if modified.is_ok_and(|modified| modified + LEFT_AFTER < now) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A file of its own in the folder for such.
pub(super) fn new_path(folder: &Path) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a file has its name from here on")]
    let name = uuid::Uuid::new_v4().to_string();
    folder.join(FOLDER).join(name)
}

/// Writes content to disk.
///
/// # Errors
/// `BadDigest`, `XAmzContentSHA256Mismatch` if it is not what was promised; `EntityTooLarge`; `IncompleteBody`.
pub(super) async fn stage(
    folder: &Path,
    mut source: Source,
    promise: Promise,
) -> Result<Staged, ServiceError> {
    let path = new_path(folder);
    let mut staged = Staged { path, size: 0, md5: Vec::new(), checksum: None };
    let mut file = File::create(&staged.path).await.map_err(|error| failed(&error))?;
    let mut digests = Digests::new(&promise, source.sha256.is_some());
    while let Some(bytes) = source.bytes.next().await {
        let bytes = bytes?;
        let bytes = match &mut source.chunked {
            Some(chunked) => chunked.push(&bytes)?.into(),
            None => bytes,
        };
        staged.size += bytes.len() as u64;
        source.limit.check(staged.size)?;
        digests.update(&bytes);
        file.write_all(&bytes).await.map_err(|error| failed(&error))?;
    }
    file.flush().await.map_err(|error| failed(&error))?;
    file.sync_all().await.map_err(|error| failed(&error))?;
    let promise = promise.with_trailers(source.chunked)?;
    digests.compare(promise, source.sha256, &mut staged)?;
    Ok(staged)
}

fn too_large() -> ServiceError {
    let message = "Your proposed upload exceeds the maximum allowed size";
    ServiceError::sender("EntityTooLarge", message).with_member("MaxSizeAllowed", CONTENT_BYTES_MAX)
}

/// The disk does not take or give something.
pub(super) fn failed(error: &io::Error) -> ServiceError {
    tracing::error!(%error, "a bucket cannot be used");
    let message = "We encountered an internal error. Please try again.";
    ServiceError { status: 500, ..ServiceError::sender("InternalError", message) }
}

/// Everything that is measured while content is written.
struct Digests {
    md5: Md5,
    sha256: Option<Sha256>,
    checksum: Option<(Algorithm, Hasher)>,
}

impl Digests {
    fn new(promise: &Promise, is_signed: bool) -> Self {
        let algorithm = promise.checksum.as_ref().map(|(algorithm, _)| *algorithm);
        Self {
            md5: Md5::default(),
            sha256: is_signed.then(Sha256::default),
            checksum: algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm))),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some((_, hasher)) = &mut self.checksum {
            hasher.update(bytes);
        }
    }

    fn compare(
        self,
        promise: Promise,
        sha256: Option<String>,
        staged: &mut Staged,
    ) -> Result<(), ServiceError> {
        staged.md5 = self.md5.finalize().to_vec();
        if promise.md5.is_some_and(|promised| promised != staged.md5) {
            let message = "The Content-MD5 you specified did not match what we received.";
            return Err(ServiceError::sender("BadDigest", message));
        }
        let signed = self.sha256.map(|digest| hex::encode(digest.finalize()));
        if sha256.is_some_and(|promised| Some(promised) != signed) {
            let message =
                "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(ServiceError::sender("XAmzContentSHA256Mismatch", message));
        }
        let Some((algorithm, hasher)) = self.checksum else { return Ok(()) };
        let checksum = Checksum::full(algorithm, &hasher.finish());
        let promised = promise.checksum.and_then(|(_, value)| value);
        if promised.is_some_and(|promised| promised != checksum.value) {
            let name = algorithm.name();
            let message =
                format!("The {name} you specified did not match the calculated checksum.");
            return Err(ServiceError::sender("BadDigest", message));
        }
        staged.checksum = Some(checksum);
        Ok(())
    }
}
