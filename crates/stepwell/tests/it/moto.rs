//! The double of AWS: what a test finds in place there, asked for through the API itself.

use stepwell_pipeline::http;

use crate::support::provided;

/// A moto server.
pub(crate) struct Moto {
    pub(crate) url: String,
}

impl Moto {
    pub(crate) const REGION: &str = "eu-central-1";

    /// The server that `cargo xtask test` starts.
    pub(crate) fn find() -> Option<Self> {
        provided("STEPWELL_TEST_MOTO").map(|url| Self { url })
    }

    pub(crate) async fn create_secret(&self, name: &str, value: &str) {
        let body = serde_json::json!({"Name": name, "SecretString": value}).to_string();
        self.call(
            "secretsmanager",
            "secretsmanager.CreateSecret",
            "application/x-amz-json-1.1",
            body,
        )
        .await;
    }

    pub(crate) async fn create_queue(&self, name: &str) {
        let attributes = serde_json::json!({"FifoQueue": "true"});
        let body = serde_json::json!({"QueueName": name, "Attributes": attributes}).to_string();
        self.call("sqs", "AmazonSQS.CreateQueue", "application/x-amz-json-1.0", body).await;
    }

    /// A role that exists already is fine.
    pub(crate) async fn create_role(&self, name: &str) {
        let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        self.iam(&format!("Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}"))
            .await;
    }

    /// The answer in XML, which names the policies.
    pub(crate) async fn role_policies(&self, role: &str) -> String {
        self.iam(&format!("Action=ListRolePolicies&RoleName={role}")).await
    }

    /// A bucket with one object in it.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str, content: &str) {
        for (path, body) in [(bucket.to_owned(), ""), (format!("{bucket}/{key}"), content)] {
            let scope = format!("me/20260101/{}/s3/aws4_request", Self::REGION);
            let signature =
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
            let client = http::client(std::time::Duration::from_secs(30)).unwrap();
            let request = client
                .put(format!("{}/{path}", self.url))
                .header("authorization", signature)
                .body(if body.is_empty() { location() } else { body.to_owned() });
            let status = request.send().await.unwrap().status();
            assert!(status.is_success(), "{path}: {status}");
        }
    }

    async fn iam(&self, action: &str) -> String {
        let body = format!("{action}&Version=2010-05-08");
        self.call("iam", "", "application/x-www-form-urlencoded", body).await
    }

    /// moto reads of a signature only whose it is, and for which service.
    async fn call(&self, service: &str, target: &str, content_type: &str, body: String) -> String {
        let scope = format!("me/20260101/{}/{service}/aws4_request", Self::REGION);
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let client = http::client(std::time::Duration::from_secs(30)).unwrap();
        let request = client
            .post(&self.url)
            .header("content-type", content_type)
            .header("x-amz-target", target)
            .header("authorization", signature)
            .body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success() || text.contains("AlreadyExists"), "{status}: {text}");
        text
    }
}

/// Where a bucket is made.
fn location() -> String {
    let region = Moto::REGION;
    format!(
        "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    )
}
