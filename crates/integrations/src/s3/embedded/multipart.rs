//! Objects in parts: each part is on disk when it is acknowledged, the object is there when the upload is complete.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::attributes::Attributes;
use super::checksum::{Algorithm, Checksum, Hasher, Kind};
use super::index::{self, Part, Upload};
use super::names::{Address, take_text};
use super::objects::{malformed, take_address, take_put_conditions};
use super::staging::{Staged, failed, new_path};
use super::store::Store;
use super::{done, nothing_more};
use crate::durable;
use crate::service::seconds;

/// The folder of parts, beside those of the buckets.
const FOLDER: &str = ".parts";

/// Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
const PARTS_MAX: u64 = 10_000;
const PART_BYTES_MIN: u64 = 5 << 20;

/// Source: S3 API reference, `ListParts`.
const LISTED_MAX: u64 = 1000;

/// An upload that is going on.
pub(super) struct Started {
    at: Address,
    id: String,
    upload: Upload,
}

/// A part as `CompleteMultipartUpload` names it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    part_number: u64,
    e_tag: String,
    #[serde(flatten)]
    checksums: Map<String, Value>,
}

impl Store {
    pub(super) fn create_upload(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        let attributes = Attributes::take(&mut input)?;
        let algorithm = match input.shift_remove("ChecksumAlgorithm") {
            Some(Value::String(name)) => Some(Algorithm::parse(&name)?),
            _ => None,
        };
        let kind = input.shift_remove("ChecksumType");
        nothing_more("CreateMultipartUpload", &input)?;
        let kind = kind.as_ref().and_then(Value::as_str);
        let checksum = match algorithm {
            Some(algorithm) => Some((algorithm, Kind::of(kind, algorithm)?)),
            None => None,
        };
        #[expect(clippy::disallowed_methods, reason = "an upload has its id from here on")]
        let id = uuid::Uuid::new_v4().simple().to_string();
        let upload = Upload { initiated: self.now(), attributes, checksum };
        self.index(|it| index::add_upload(it, &id, (&at.bucket.name, &at.key), &upload))?;
        let mut answer = json!({
            "Bucket": at.bucket.name, "Key": at.key, "UploadId": id, "ServerSideEncryption": "AES256",
        });
        if let Some((algorithm, kind)) = checksum {
            answer["ChecksumAlgorithm"] = algorithm.name().into();
            answer["ChecksumType"] = json!(kind);
        }
        Ok(answer)
    }

    /// Takes bucket, key and upload.
    ///
    /// # Errors
    /// `NoSuchUpload`
    pub(super) fn started(&self, input: &mut Map<String, Value>) -> Result<Started, ServiceError> {
        let at = take_address(self, input)?;
        let id = take_text(input, "UploadId")?;
        let upload = self.index(|it| index::upload(it, &id, (&at.bucket.name, &at.key)))?;
        let upload = upload.ok_or_else(|| {
            let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                aborted or completed.";
            let error = ServiceError::sender("NoSuchUpload", message).with_status(404);
            error.with_member("UploadId", &*id)
        })?;
        Ok(Started { at, id, upload })
    }

    /// `UploadPart`, with its content on disk.
    pub(super) fn upload_part(
        &self,
        started: &Started,
        mut input: Map<String, Value>,
        staged: &Staged,
    ) -> Result<Value, ServiceError> {
        let number = input.shift_remove("PartNumber").and_then(|number| number.as_u64());
        nothing_more("UploadPart", &input)?;
        let number = number.filter(|number| (1..=PARTS_MAX).contains(number)).ok_or_else(|| {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            ServiceError::sender("InvalidArgument", message)
                .with_member("ArgumentName", "partNumber")
        })?;
        let part = Part {
            file: self.keep(staged).map_err(|error| failed(&error))?,
            size: staged.size,
            md5: hex::encode(&staged.md5),
            checksum: staged.checksum.clone(),
            last_modified: self.now(),
        };
        let replaced = self.index(|it| {
            let parts = index::parts(it, &started.id)?;
            index::add_part(it, &started.id, number, &part)?;
            Ok(parts.into_iter().filter(|(other, _)| *other == number).collect::<Vec<_>>())
        })?;
        self.forget(&replaced);
        let mut answer = json!({"ETag": staged.e_tag(), "ServerSideEncryption": "AES256"});
        if let Some(checksum) = &part.checksum {
            answer[checksum.algorithm.member()] = checksum.value.clone().into();
        }
        Ok(answer)
    }

    fn part_path(&self, file: &str) -> PathBuf {
        self.folder.join(FOLDER).join(file)
    }

    /// Gives a staged file a name among the parts.
    fn keep(&self, staged: &Staged) -> io::Result<String> {
        let name = staged.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = self.part_path(&name);
        fs::create_dir_all(self.folder.join(FOLDER))?;
        durable::publish(&staged.path, &path, false)?;
        durable::sync_folders(&path, &self.folder)?;
        Ok(name)
    }

    /// Removes files of parts that nobody knows any more; one that stays costs space and nothing else.
    fn forget(&self, parts: &[(u64, Part)]) {
        for (_, part) in parts {
            let _ = fs::remove_file(self.part_path(&part.file));
        }
    }

    pub(super) fn complete_upload(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let started = self.started(&mut input)?;
        let conditions = take_put_conditions(&mut input)?;
        // What the whole is expected to have is compared after it is there.
        let expected = super::checksum::take(&mut input)?;
        let _kind = input.shift_remove("ChecksumType");
        let parts = input.shift_remove("MultipartUpload").unwrap_or_default();
        nothing_more("CompleteMultipartUpload", &input)?;
        let all = self.index(|it| index::parts(it, &started.id))?;
        let chosen = chosen(parts, &all)?;
        let staged = self.joined(&started, &chosen).map_err(|error| failed(&error))?;
        if let (Some((_, Some(expected))), Some(checksum)) = (expected, &staged.checksum)
            && expected != checksum.value
        {
            let message = "The checksum you specified did not match the calculated checksum.";
            return Err(ServiceError::sender("BadDigest", message));
        }
        let attributes = Attributes {
            e_tag: format!("\"{}-{}\"", hex::encode(&staged.md5), chosen.len()),
            last_modified: self.now(),
            checksum: staged.checksum.clone(),
            ..started.upload.attributes.clone()
        };
        self.put(&started.at, &staged, &attributes, &conditions)?;
        self.index(|it| index::remove_upload(it, &started.id))?;
        self.forget(&all);
        let (bucket, key) = (&started.at.bucket.name, &started.at.key);
        let mut answer = json!({
            "Location": format!("/{bucket}/{key}"), "Bucket": bucket, "Key": key, "ETag": attributes.e_tag,
            "ServerSideEncryption": "AES256",
        });
        if let Some(checksum) = &attributes.checksum {
            checksum.tell(&mut answer);
        }
        Ok(answer)
    }

    /// The content of all parts in one file, which is on disk. Its digest is that of the parts' digests.
    fn joined(&self, started: &Started, parts: &[&Part]) -> io::Result<Staged> {
        let path = new_path(&self.folder);
        let mut staged = Staged { path, size: 0, md5: Vec::new(), checksum: None };
        let whole = started.upload.checksum.filter(|(_, kind)| *kind == Kind::FullObject);
        let hasher = whole.map(|(algorithm, _)| Hasher::new(algorithm));
        let mut output = Hashing { file: File::create(&staged.path)?, hasher };
        let mut digests = Md5::default();
        for part in parts {
            staged.size += io::copy(&mut File::open(self.part_path(&part.file))?, &mut output)?;
            digests.update(hex::decode(&part.md5).unwrap_or_default());
        }
        output.file.sync_all()?;
        staged.md5 = digests.finalize().to_vec();
        staged.checksum = match (started.upload.checksum, output.hasher) {
            (Some((algorithm, _)), Some(hasher)) => {
                Some(Checksum::full(algorithm, &hasher.finish()))
            }
            (Some((algorithm, _)), None) => {
                let parts = parts.iter().filter_map(|part| Some(part.checksum.as_ref()?.bytes()));
                Some(Checksum::composite(algorithm, &parts.collect::<Vec<_>>()))
            }
            (None, _) => None,
        };
        Ok(staged)
    }

    pub(super) fn abort_upload(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let started = self.started(&mut input)?;
        nothing_more("AbortMultipartUpload", &input)?;
        let parts = self.index(|it| {
            let parts = index::parts(it, &started.id)?;
            index::remove_upload(it, &started.id)?;
            Ok(parts)
        })?;
        self.forget(&parts);
        Ok(done())
    }

    pub(super) fn list_parts(&self, mut input: Map<String, Value>) -> Result<Value, ServiceError> {
        let started = self.started(&mut input)?;
        let mut number = |name: &str| match input.shift_remove(name) {
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64(),
            None => None,
        };
        let after = number("PartNumberMarker").unwrap_or(0);
        let max = number("MaxParts").unwrap_or(LISTED_MAX).min(LISTED_MAX);
        nothing_more("ListParts", &input)?;
        let all = self.index(|it| index::parts(it, &started.id))?;
        let rest: Vec<_> = all.iter().filter(|(number, _)| *number > after).collect();
        let shown: Vec<_> =
            rest.iter().take(max as usize).map(|(number, part)| told(*number, part)).collect();
        let owner = json!({"ID": self.owner()});
        let mut answer = json!({
            "Bucket": started.at.bucket.name, "Key": started.at.key, "UploadId": started.id,
            "PartNumberMarker": after, "MaxParts": max, "IsTruncated": rest.len() > shown.len(),
            "Initiator": owner, "Owner": owner, "StorageClass": "STANDARD",
        });
        if let Some(last) = shown.last() {
            answer["NextPartNumberMarker"] = last["PartNumber"].clone();
        }
        if let Some((algorithm, kind)) = started.upload.checksum {
            answer["ChecksumAlgorithm"] = algorithm.name().into();
            answer["ChecksumType"] = json!(kind);
        }
        answer["Parts"] = shown.into();
        Ok(answer)
    }

    /// All of a bucket with a prefix; there are no pages.
    pub(super) fn list_uploads(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        let prefix = input.shift_remove("Prefix");
        nothing_more("ListMultipartUploads", &input)?;
        let prefix = prefix.as_ref().and_then(Value::as_str).unwrap_or_default();
        let uploads = self.index(|it| index::uploads(it, &bucket.name))?;
        let shown = uploads.into_iter().filter(|(key, ..)| key.starts_with(prefix)).map(
            |(key, id, upload)| {
                json!({
                    "UploadId": id, "Key": key, "Initiated": seconds(upload.initiated), "StorageClass": "STANDARD",
                })
            },
        );
        Ok(json!({
            "Bucket": bucket.name, "Prefix": prefix, "IsTruncated": false, "Uploads": shown.collect::<Vec<_>>(),
        }))
    }
}

impl Started {
    /// The checksum that each part has.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.upload.checksum.map(|(algorithm, _)| algorithm)
    }
}

/// A file, and the checksum of what is written to it.
struct Hashing {
    file: File,
    hasher: Option<Hasher>,
}

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The parts that a request names.
///
/// # Errors
/// `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `MalformedXML`
fn chosen(named: Value, parts: &[(u64, Part)]) -> Result<Vec<&Part>, ServiceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Completed {
        parts: Vec<Named>,
    }
    let Completed { parts: named } =
        serde_json::from_value(named).map_err(|error| malformed(&error))?;
    if named.is_empty() {
        return Err(malformed(&"it names no part"));
    }
    if !named.is_sorted_by(|one, next| one.part_number < next.part_number) {
        let message = "The list of parts was not in ascending order. The parts list must be specified in order by part number.";
        return Err(ServiceError::sender("InvalidPartOrder", message));
    }
    let mut chosen = Vec::new();
    for one in &named {
        let found = parts.iter().find(|(number, part)| {
            *number == one.part_number && part.md5 == one.e_tag.trim_matches('"') && one.fits(part)
        });
        let (_, part) = found.ok_or_else(|| {
            let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
                specified entity tag may not match the part's entity tag.";
            ServiceError::sender("InvalidPart", message).with_member("PartNumber", one.part_number)
        })?;
        chosen.push(part);
    }
    let but_last = &chosen[..chosen.len() - 1];
    if but_last.iter().any(|part| part.size < PART_BYTES_MIN) {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(ServiceError::sender("EntityTooSmall", message)
            .with_member("MinSizeAllowed", PART_BYTES_MIN));
    }
    Ok(chosen)
}

impl Named {
    /// Whether the checksum that is named, if one is, is that of the part.
    fn fits(&self, part: &Part) -> bool {
        let Some(checksum) = &part.checksum else { return true };
        self.checksums.get(&checksum.algorithm.member()).is_none_or(|it| *it == checksum.value)
    }
}

fn told(number: u64, part: &Part) -> Value {
    let mut told = json!({
        "PartNumber": number, "LastModified": seconds(part.last_modified), "ETag": format!("\"{}\"", part.md5),
        "Size": part.size,
    });
    if let Some(checksum) = &part.checksum {
        told[checksum.algorithm.member()] = checksum.value.clone().into();
    }
    told
}
