//! Where the members of each action stand in a request and in its answer.
//!
//! Source: the service model of S3, API version 2006-03-01.

use stepwell_aws_wire::rest::{Kind, Level, Member, Operation};

use Kind::{Bool, Map, Number, Text, Time};

/// An action without any members outside of its path.
const PLAIN: Operation = Operation {
    action: "",
    method: "GET",
    level: Level::Object,
    marker: None,
    marker_header: None,
    query: &[],
    headers: &[],
    status: 200,
    answer_headers: &[],
    root: None,
};

macro_rules! members {
    ($($more:expr),* ; $($shared:expr),*) => { &[$($shared,)* $($more),*] };
}

macro_rules! with_attributes {
    ($($more:expr),* $(,)?) => {
        members![$($more),* ;
            ("ACL", "x-amz-acl", Text), ("CacheControl", "cache-control", Text),
            ("ContentDisposition", "content-disposition", Text), ("ContentEncoding", "content-encoding", Text),
            ("ContentLanguage", "content-language", Text), ("ContentType", "content-type", Text),
            ("Expires", "expires", Text), ("Metadata", "x-amz-meta-", Map),
            ("ServerSideEncryption", "x-amz-server-side-encryption", Text),
            ("StorageClass", "x-amz-storage-class", Text), ("Tagging", "x-amz-tagging", Text),
            ("WebsiteRedirectLocation", "x-amz-website-redirect-location", Text)]
    };
}

macro_rules! with_checksums {
    ($($more:expr),* $(,)?) => {
        members![$($more),* ;
            ("ChecksumCRC32", "x-amz-checksum-crc32", Text), ("ChecksumCRC32C", "x-amz-checksum-crc32c", Text),
            ("ChecksumCRC64NVME", "x-amz-checksum-crc64nvme", Text), ("ChecksumSHA1", "x-amz-checksum-sha1", Text),
            ("ChecksumSHA256", "x-amz-checksum-sha256", Text)]
    };
}

macro_rules! with_both {
    ($($more:expr),* $(,)?) => {
        with_attributes![
            ("ChecksumCRC32", "x-amz-checksum-crc32", Text), ("ChecksumCRC32C", "x-amz-checksum-crc32c", Text),
            ("ChecksumCRC64NVME", "x-amz-checksum-crc64nvme", Text), ("ChecksumSHA1", "x-amz-checksum-sha1", Text),
            ("ChecksumSHA256", "x-amz-checksum-sha256", Text), $($more),*]
    };
}

const CONDITIONS: &[Member] = &[
    ("IfMatch", "if-match", Text),
    ("IfNoneMatch", "if-none-match", Text),
    ("IfModifiedSince", "if-modified-since", Text),
    ("IfUnmodifiedSince", "if-unmodified-since", Text),
    ("Range", "range", Text),
    ("ChecksumMode", "x-amz-checksum-mode", Text),
];

/// Of objects that are read.
const OBJECT_ANSWER: &[Member] = with_checksums![
    ("AcceptRanges", "accept-ranges", Text),
    ("CacheControl", "cache-control", Text),
    ("ChecksumType", "x-amz-checksum-type", Text),
    ("ContentDisposition", "content-disposition", Text),
    ("ContentEncoding", "content-encoding", Text),
    ("ContentLanguage", "content-language", Text),
    ("ContentLength", "content-length", Number),
    ("ContentRange", "content-range", Text),
    ("ContentType", "content-type", Text),
    ("ETag", "etag", Text),
    ("Expires", "expires", Text),
    ("LastModified", "last-modified", Time),
    ("Metadata", "x-amz-meta-", Map),
    ("ServerSideEncryption", "x-amz-server-side-encryption", Text),
    ("TagCount", "x-amz-tagging-count", Number),
    ("WebsiteRedirectLocation", "x-amz-website-redirect-location", Text),
];

/// Of objects that are written.
const PUT_ANSWER: &[Member] = with_checksums![
    ("ChecksumType", "x-amz-checksum-type", Text),
    ("ETag", "etag", Text),
    ("ServerSideEncryption", "x-amz-server-side-encryption", Text),
];

const ENCRYPTION: &[Member] = &[("ServerSideEncryption", "x-amz-server-side-encryption", Text)];

const OVERRIDES: &[Member] = &[
    ("ResponseCacheControl", "response-cache-control", Text),
    ("ResponseContentDisposition", "response-content-disposition", Text),
    ("ResponseContentEncoding", "response-content-encoding", Text),
    ("ResponseContentLanguage", "response-content-language", Text),
    ("ResponseContentType", "response-content-type", Text),
    ("ResponseExpires", "response-expires", Text),
];

const COPY_SOURCE: Member = ("CopySource", "x-amz-copy-source", Text);
const SOURCE_MATCH: Member = ("CopySourceIfMatch", "x-amz-copy-source-if-match", Text);
const SOURCE_NONE_MATCH: Member =
    ("CopySourceIfNoneMatch", "x-amz-copy-source-if-none-match", Text);
const SOURCE_MODIFIED: Member =
    ("CopySourceIfModifiedSince", "x-amz-copy-source-if-modified-since", Text);
const SOURCE_UNMODIFIED: Member =
    ("CopySourceIfUnmodifiedSince", "x-amz-copy-source-if-unmodified-since", Text);
const SOURCE_OWNER: Member =
    ("ExpectedSourceBucketOwner", "x-amz-source-expected-bucket-owner", Text);

const PREFIX: Member = ("Prefix", "prefix", Text);
const DELIMITER: Member = ("Delimiter", "delimiter", Text);
const MAX_KEYS: Member = ("MaxKeys", "max-keys", Number);
const ENCODING: Member = ("EncodingType", "encoding-type", Text);

const UPLOAD_ID: Member = ("UploadId", "uploadId", Text);
const PART_NUMBER: Member = ("PartNumber", "partNumber", Number);
const MD5: Member = ("ContentMD5", "content-md5", Text);
const IF_MATCH: Member = ("IfMatch", "if-match", Text);
const IF_NONE_MATCH: Member = ("IfNoneMatch", "if-none-match", Text);
const ALGORITHM: Member = ("ChecksumAlgorithm", "x-amz-checksum-algorithm", Text);
const TYPE: Member = ("ChecksumType", "x-amz-checksum-type", Text);

/// All of them; those with markers stand before those without.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        action: "ListBuckets",
        level: Level::Service,
        root: Some("ListAllMyBucketsResult"),
        ..PLAIN
    },
    Operation {
        action: "GetBucketLocation",
        level: Level::Bucket,
        marker: Some("location"),
        root: Some("LocationConstraint"),
        ..PLAIN
    },
    Operation {
        action: "ListMultipartUploads",
        level: Level::Bucket,
        marker: Some("uploads"),
        query: &[PREFIX],
        root: Some("ListMultipartUploadsResult"),
        ..PLAIN
    },
    Operation {
        action: "ListObjectsV2",
        level: Level::Bucket,
        marker: Some("list-type"),
        query: &[
            PREFIX,
            DELIMITER,
            MAX_KEYS,
            ENCODING,
            ("ContinuationToken", "continuation-token", Text),
            ("StartAfter", "start-after", Text),
            ("FetchOwner", "fetch-owner", Bool),
        ],
        root: Some("ListBucketResult"),
        ..PLAIN
    },
    Operation {
        action: "ListObjects",
        level: Level::Bucket,
        query: &[PREFIX, DELIMITER, MAX_KEYS, ENCODING, ("Marker", "marker", Text)],
        root: Some("ListBucketResult"),
        ..PLAIN
    },
    Operation {
        action: "CreateBucket",
        method: "PUT",
        level: Level::Bucket,
        headers: &[("ACL", "x-amz-acl", Text)],
        answer_headers: &[("Location", "location", Text)],
        ..PLAIN
    },
    Operation {
        action: "HeadBucket",
        method: "HEAD",
        level: Level::Bucket,
        answer_headers: &[("BucketRegion", "x-amz-bucket-region", Text)],
        ..PLAIN
    },
    Operation {
        action: "DeleteBucket",
        method: "DELETE",
        level: Level::Bucket,
        status: 204,
        ..PLAIN
    },
    Operation {
        action: "DeleteObjects",
        method: "POST",
        level: Level::Bucket,
        marker: Some("delete"),
        headers: with_checksums![MD5],
        root: Some("DeleteResult"),
        ..PLAIN
    },
    Operation {
        action: "ListParts",
        marker: Some("uploadId"),
        query: &[
            UPLOAD_ID,
            ("PartNumberMarker", "part-number-marker", Number),
            ("MaxParts", "max-parts", Number),
        ],
        root: Some("ListPartsResult"),
        ..PLAIN
    },
    Operation {
        action: "GetObjectTagging",
        marker: Some("tagging"),
        root: Some("Tagging"),
        ..PLAIN
    },
    Operation {
        action: "PutObjectTagging",
        method: "PUT",
        marker: Some("tagging"),
        headers: with_checksums![MD5, ALGORITHM],
        ..PLAIN
    },
    Operation {
        action: "DeleteObjectTagging",
        method: "DELETE",
        marker: Some("tagging"),
        status: 204,
        ..PLAIN
    },
    Operation {
        action: "GetObject",
        query: OVERRIDES,
        headers: CONDITIONS,
        answer_headers: OBJECT_ANSWER,
        ..PLAIN
    },
    Operation {
        action: "HeadObject",
        method: "HEAD",
        query: OVERRIDES,
        headers: CONDITIONS,
        answer_headers: OBJECT_ANSWER,
        ..PLAIN
    },
    Operation {
        action: "UploadPartCopy",
        method: "PUT",
        marker: Some("uploadId"),
        marker_header: Some("x-amz-copy-source"),
        query: &[UPLOAD_ID, PART_NUMBER],
        headers: &[
            COPY_SOURCE,
            ("CopySourceRange", "x-amz-copy-source-range", Text),
            SOURCE_MATCH,
            SOURCE_NONE_MATCH,
            SOURCE_MODIFIED,
            SOURCE_UNMODIFIED,
            SOURCE_OWNER,
        ],
        answer_headers: ENCRYPTION,
        root: Some("CopyPartResult"),
        ..PLAIN
    },
    Operation {
        action: "UploadPart",
        method: "PUT",
        marker: Some("uploadId"),
        query: &[UPLOAD_ID, PART_NUMBER],
        headers: with_checksums![MD5, ALGORITHM],
        answer_headers: PUT_ANSWER,
        ..PLAIN
    },
    Operation {
        action: "CopyObject",
        method: "PUT",
        marker_header: Some("x-amz-copy-source"),
        headers: with_attributes![
            ALGORITHM,
            COPY_SOURCE,
            IF_MATCH,
            IF_NONE_MATCH,
            ("MetadataDirective", "x-amz-metadata-directive", Text),
            ("TaggingDirective", "x-amz-tagging-directive", Text),
            SOURCE_MATCH,
            SOURCE_NONE_MATCH,
            SOURCE_MODIFIED,
            SOURCE_UNMODIFIED,
            SOURCE_OWNER,
        ],
        answer_headers: ENCRYPTION,
        root: Some("CopyObjectResult"),
        ..PLAIN
    },
    Operation {
        action: "PutObject",
        method: "PUT",
        headers: with_both![ALGORITHM, IF_MATCH, IF_NONE_MATCH, MD5],
        answer_headers: PUT_ANSWER,
        ..PLAIN
    },
    Operation {
        action: "AbortMultipartUpload",
        method: "DELETE",
        marker: Some("uploadId"),
        query: &[UPLOAD_ID],
        status: 204,
        ..PLAIN
    },
    Operation { action: "DeleteObject", method: "DELETE", status: 204, ..PLAIN },
    Operation {
        action: "CreateMultipartUpload",
        method: "POST",
        marker: Some("uploads"),
        headers: with_attributes![ALGORITHM, TYPE],
        answer_headers: &[
            ("ServerSideEncryption", "x-amz-server-side-encryption", Text),
            ALGORITHM,
            TYPE,
        ],
        root: Some("InitiateMultipartUploadResult"),
        ..PLAIN
    },
    Operation {
        action: "CompleteMultipartUpload",
        method: "POST",
        marker: Some("uploadId"),
        query: &[UPLOAD_ID],
        headers: with_checksums![IF_MATCH, IF_NONE_MATCH, TYPE],
        answer_headers: ENCRYPTION,
        root: Some("CompleteMultipartUploadResult"),
        ..PLAIN
    },
];
