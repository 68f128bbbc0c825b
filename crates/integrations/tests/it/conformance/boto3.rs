//! What S3 and DynamoDB do over HTTP, seen by boto3: the cases are in Python, a file for each service.

use std::path::Path;

use tokio::process::Command;

use crate::support::{Embedded, REGION, Time, moto, python};

async fn run(suite: &str, url: &str, kind: &str) {
    let Some(python) = python() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance/boto3");
    let mut command = Command::new(python);
    command.arg("suite.py").arg(suite).args([url, REGION, kind]).current_dir(&folder);
    // Cases are read from where they are and leave nothing there.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{failed}");
}

async fn embedded(suite: &str) {
    let embedded = Embedded::start(&Time::Real).await;
    run(suite, &embedded.url, "exact").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_s3() {
    embedded("s3.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_of_moto() {
    if let Some(url) = moto() {
        run("s3.py", &url, "moto").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_dynamodb() {
    embedded("dynamodb.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_of_moto() {
    if let Some(url) = moto() {
        run("dynamodb.py", &url, "moto").await;
    }
}
