//! Who is let in, and what the others are told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use axum::routing::get;
use reqwest::Response;
use secrecy::SecretString;
use stepwell_integrations::authentication::{Keys, router};

use crate::support::{Embedded, REGION, Time, answer_to_head, http, sns_client, sqs_client};

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// That of the clients in `support`.
const SECRET: &str = "x";

fn keys(secret: &str) -> Keys {
    let secrets = BTreeMap::from([(KEY_ID.to_owned(), SecretString::from(secret))]);
    Keys {
        secrets: Arc::new(secrets),
        region: Some(REGION.to_owned()),
        clock: Time::Real.clock(),
        is_known: Arc::new(|_| false),
    }
}

/// The services, and other routes, for those who sign with this secret.
async fn behind(secret: &str) -> Embedded {
    let keys = keys(secret);
    let others = axum::Router::new().route("/metrics", get(|| async { "figures" }));
    Embedded::behind(&Time::Real, others, move |routes| router(keys, routes)).await
}

#[tokio::test]
async fn who_signs_is_let_in() {
    let embedded = behind(SECRET).await;
    sqs_client(&embedded.url).create_queue().queue_name("jobs").send().await.unwrap();
    sns_client(&embedded.url).create_topic().name("news").send().await.unwrap();
}

#[tokio::test]
async fn another_secret_is_refused_in_the_words_of_the_service() {
    let embedded = behind("another").await;
    let error = sqs_client(&embedded.url).list_queues().send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("InvalidSignatureException"));
    let error = sns_client(&embedded.url).list_topics().send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("SignatureDoesNotMatch"));
}

async fn text(response: Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn nothing_is_open_to_who_does_not_sign() {
    let embedded = behind(SECRET).await;
    let url = |path: &str| format!("{}{path}", embedded.url);
    for path in ["/metrics", "/none", "/2015-03-31/functions/"] {
        let response = http().get(url(path)).send().await.unwrap();
        let code = response.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
        assert_eq!(code, "MissingAuthenticationTokenException", "{path}");
        let body = r#"{"message":"Missing Authentication Token"}"#.to_owned();
        assert_eq!(text(response).await, (403, body), "{path}");
    }
    let request =
        http().post(url("/")).header("x-amz-target", "AWSStepFunctions.ListStateMachines");
    let (status, body) = text(request.body("{}").send().await.unwrap()).await;
    assert_eq!(status, 400);
    assert_eq!(
        body,
        r#"{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}"#
    );
    let form = http().post(url("/")).header("content-type", "application/x-www-form-urlencoded");
    let (status, body) = text(form.body("Action=ListTopics").send().await.unwrap()).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");
}

/// The headers by which `body` is signed for `service`.
fn signed_headers(method: &str, url: &str, service: &str, body: &str) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = Credentials::new(KEY_ID, SECRET, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap();
    let body = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new(method, url, std::iter::empty(), body).unwrap();
    let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Sends `sent` to `path` of S3, and signs `body` for `service`.
async fn put_signed(url: &str, service: &str, body: &'static str, sent: &'static str) -> Response {
    let headers = signed_headers("PUT", url, service, body);
    let request = headers
        .into_iter()
        .fold(http().put(url), |request, (name, value)| request.header(name, value));
    request.body(sent).send().await.unwrap()
}

#[tokio::test]
async fn no_body_is_waited_for_that_would_be_refused() {
    let embedded = behind(SECRET).await;
    let url = format!("{}/2015-03-31/functions/f/code", embedded.url);
    let mut forged = signed_headers("PUT", &url, "lambda", "{}");
    let authorization = forged.iter_mut().find(|(name, _)| name == "authorization").unwrap();
    let (claim, _) = authorization.1.rsplit_once('=').unwrap();
    authorization.1 = format!("{claim}={}", "0".repeat(64));
    assert_eq!(answer_to_head("PUT", &url, 1 << 20, &forged).await, "HTTP/1.1 403");
    let signed = |url: &str, service| signed_headers("PUT", url, service, "{}");
    let lengthy = answer_to_head("PUT", &url, 80 << 20, &signed(&url, "lambda")).await;
    assert_eq!(lengthy, "HTTP/1.1 413");
    let url = format!("{}/", embedded.url);
    let lengthy = answer_to_head("PUT", &url, 30 << 20, &signed(&url, "states")).await;
    assert_eq!(lengthy, "HTTP/1.1 413", "only packages of functions are as long");
}

#[tokio::test]
async fn a_body_that_is_not_the_one_that_was_signed_is_refused() {
    let embedded = behind(SECRET).await;
    let url = format!("{}/2015-03-31/functions/f/code", embedded.url);
    assert_eq!(put_signed(&url, "lambda", "{}", "{}").await.status().as_u16(), 404);
    let (status, body) = text(put_signed(&url, "lambda", "{}", "{ }").await).await;
    assert_eq!(status, 403);
    assert!(body.contains("The request signature we calculated does not match"), "{body}");
}

#[tokio::test]
async fn an_object_passes_on_and_another_one_does_not() {
    let embedded = behind(SECRET).await;
    put_signed(&format!("{}/raw", embedded.url), "s3", "", "").await.error_for_status().unwrap();
    let url = format!("{}/raw/key", embedded.url);
    put_signed(&url, "s3", "object", "object").await.error_for_status().unwrap();
    let response = put_signed(&url, "s3", "object", "0bject").await;
    assert_eq!(response.status().as_u16(), 400);
    let kept = std::fs::read_to_string(embedded.folder().join("s3/raw/key")).unwrap();
    assert_eq!(kept, "object");
}

#[tokio::test]
async fn a_signature_for_one_service_opens_no_other() {
    let embedded = behind(SECRET).await;
    let url = format!("{}/2015-03-31/functions/f/code", embedded.url);
    let (status, body) = text(put_signed(&url, "s3", "{}", "{}").await).await;
    assert_eq!(status, 400);
    assert!(body.contains("Credential should be scoped to correct service: "), "{body}");
    assert!(body.contains("<Code>AuthorizationHeaderMalformed</Code>"), "{body}");
}

/// The scope of a signature is compared with what is called: that must be known of each service that is served.
#[test]
fn each_json_service_is_known_by_its_prefix() {
    use stepwell_integrations::installation::EMBEDDED;
    use stepwell_integrations::service::Protocol;
    for facts in EMBEDDED.iter().filter(|it| !it.actions.is_empty()) {
        let Protocol::Json { target_prefix, .. } = facts.protocol else { continue };
        let request = axum::http::Request::post("/")
            .header("x-amz-target", format!("{target_prefix}.Any"))
            .body(())
            .unwrap();
        let called = stepwell_aws_wire::called_service(&request.into_parts().0);
        assert_eq!(called, Some(facts.name));
    }
}
