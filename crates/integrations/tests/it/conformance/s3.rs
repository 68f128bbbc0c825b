//! What all buckets do.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Error as ObjectError, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion,
};
use stepwell_integrations::s3::{Buckets, Error};
use tempfile::TempDir;

use super::implementations;
use crate::support::{REGION, connection, http, unique};

struct Fixture {
    buckets: Buckets,
    bucket: Arc<dyn ObjectStore>,
    _folder: Option<TempDir>,
}

implementations!(
    a_name_that_s3_does_not_take_is_refused,
    an_object_that_is_missing_says_so,
    an_object_is_read_back_and_replaced,
    an_object_that_must_be_new_is_refused_if_it_is_not,
    an_object_is_replaced_by_one_of_two_that_read_it,
    objects_are_listed_by_prefix_and_deleted,
    an_object_comes_in_parts,
    a_part_of_an_object_is_read,
);

async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let buckets = Buckets::embedded(folder.path().join("s3"));
    let bucket = buckets.bucket("raw").await.unwrap();
    Fixture { buckets, bucket, _folder: Some(folder) }
}

async fn moto() -> Option<Fixture> {
    let url = crate::support::moto()?;
    let name = unique("raw");
    let made = http()
        .put(format!("{url}/{name}"))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential=x/20260301/{REGION}/s3/aws4_request"))
        .body(format!("<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"));
    made.send().await.unwrap().error_for_status().unwrap();
    let buckets = Buckets::aws(&connection(&url).await);
    let bucket = buckets.bucket(&name).await.unwrap();
    Some(Fixture { buckets, bucket, _folder: None })
}

impl Fixture {
    async fn put(&self, path: &str, text: &'static str) {
        self.bucket.put(&Path::from(path), PutPayload::from(text)).await.unwrap();
    }

    async fn text(&self, path: &str) -> String {
        let object = self.bucket.get(&Path::from(path)).await.unwrap();
        String::from_utf8(object.bytes().await.unwrap().to_vec()).unwrap()
    }

    async fn list(&self, prefix: &str) -> Vec<String> {
        let found: Vec<_> =
            self.bucket.list(Some(&Path::from(prefix))).try_collect().await.unwrap();
        let mut names: Vec<_> = found.into_iter().map(|it| it.location.to_string()).collect();
        names.sort();
        names
    }
}

async fn a_name_that_s3_does_not_take_is_refused(fixture: &Fixture) {
    for bad in ["..", "A b", "a/b"] {
        let error = fixture.buckets.bucket(bad).await.unwrap_err();
        assert!(matches!(&error, Error::InvalidName { bucket } if bucket == bad), "{error}");
    }
}

async fn an_object_that_is_missing_says_so(fixture: &Fixture) {
    let path = Path::from("a/nobody");
    let missing = fixture.bucket.get(&path).await.unwrap_err();
    assert!(matches!(&missing, ObjectError::NotFound { .. }), "{missing}");
    assert_eq!(fixture.list("a").await, [""; 0]);
}

async fn an_object_is_read_back_and_replaced(fixture: &Fixture) {
    fixture.put("dt=2026-03-01/ü part.json", "one").await;
    fixture.put("dt=2026-03-01/ü part.json", "two").await;
    assert_eq!(fixture.text("dt=2026-03-01/ü part.json").await, "two");
    assert_eq!(fixture.list("").await.len(), 1);
}

async fn an_object_that_must_be_new_is_refused_if_it_is_not(fixture: &Fixture) {
    let put = async |text: &'static str| {
        let payload = PutPayload::from(text);
        fixture.bucket.put_opts(&Path::from("pointer"), payload, PutMode::Create.into()).await
    };
    put("one").await.unwrap();
    let error = put("two").await.unwrap_err();
    assert!(matches!(&error, ObjectError::AlreadyExists { .. }), "{error}");
    assert_eq!(fixture.text("pointer").await, "one");
}

async fn an_object_is_replaced_by_one_of_two_that_read_it(fixture: &Fixture) {
    fixture.put("pointer", "one").await;
    let path = Path::from("pointer");
    let meta = fixture.bucket.head(&path).await.unwrap();
    let version = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
    let put = async |text: &'static str| {
        let mode = PutMode::Update(version.clone());
        fixture.bucket.put_opts(&path, PutPayload::from(text), mode.into()).await
    };
    put("two").await.unwrap();
    let error = put("three").await.unwrap_err();
    assert!(matches!(&error, ObjectError::Precondition { .. }), "{error}");
    assert_eq!(fixture.text("pointer").await, "two");
}

async fn objects_are_listed_by_prefix_and_deleted(fixture: &Fixture) {
    for path in ["a/1", "a/b/2", "ab/3"] {
        fixture.put(path, "x").await;
    }
    assert_eq!(fixture.list("a").await, ["a/1", "a/b/2"]);
    let level = fixture.bucket.list_with_delimiter(None).await.unwrap();
    let prefixes: Vec<_> = level.common_prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(prefixes, ["a", "ab"]);
    fixture.bucket.delete(&Path::from("a/1")).await.unwrap();
    assert_eq!(fixture.list("a").await, ["a/b/2"]);
}

async fn an_object_comes_in_parts(fixture: &Fixture) {
    let path = Path::from("large");
    let mut upload = fixture.bucket.put_multipart(&path).await.unwrap();
    // Of S3's least size, but for the last.
    upload.put_part(vec![b'a'; 5 * 1024 * 1024].into()).await.unwrap();
    upload.put_part(vec![b'b'; 10].into()).await.unwrap();
    assert_eq!(fixture.list("").await, [""; 0]);
    upload.complete().await.unwrap();
    assert_eq!(fixture.bucket.head(&path).await.unwrap().size, 5 * 1024 * 1024 + 10);
}

async fn a_part_of_an_object_is_read(fixture: &Fixture) {
    fixture.put("a", "0123456789").await;
    let bytes = fixture.bucket.get_range(&Path::from("a"), 2..5).await.unwrap();
    assert_eq!(&bytes[..], b"234");
}
