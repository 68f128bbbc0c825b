//! HTTP Tasks and the connections that they use.

use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
use stepwell_integrations::service::Origin;
use stepwell_integrations::task::Integrations;
use stepwell_task::{TaskFailure, TaskOutcome};

use crate::support::{Embedded, Scripted, Time, http, perform};

const SECRET: &str = "very-secret-value";

struct Fixture {
    embedded: Embedded,
    time: Time,
}

impl Fixture {
    async fn new() -> Self {
        let time = Time::manual();
        Self { embedded: Embedded::start(&time).await, time }
    }

    fn origin() -> Origin {
        Origin { base_url: "http://127.0.0.1:4566".to_owned() }
    }

    async fn events(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        let all = &self.embedded.services;
        let events = all.iter().find(|it| it.facts().name == "events").unwrap();
        events.call(action, input, &Self::origin()).await
    }

    /// The ARN of a new connection.
    async fn connection(&self, kind: &str, parameters: Value) -> Value {
        let input = json!({"Name": "api", "AuthorizationType": kind, "AuthParameters": parameters});
        self.events("CreateConnection", input).await.unwrap()["ConnectionArn"].take()
    }

    async fn api_key(&self) -> Value {
        let key = json!({"ApiKeyName": "x-api-key", "ApiKeyValue": SECRET});
        self.connection("API_KEY", json!({"ApiKeyAuthParameters": key})).await
    }

    async fn run(&self, parameters: Value) -> TaskOutcome {
        let integrations = Integrations {
            services: self.embedded.services.clone(),
            origin: Self::origin(),
            clock: self.time.clock(),
        };
        perform(&integrations, "arn:aws:states:::http:invoke", parameters).await
    }

    async fn result(&self, parameters: Value) -> Value {
        match self.run(parameters).await {
            TaskOutcome::Succeeded(result) => Value::clone(&result),
            TaskOutcome::Failed(failure) => panic!("{failure:?}"),
        }
    }

    async fn failure(&self, parameters: Value) -> (String, String) {
        match self.run(parameters).await {
            TaskOutcome::Succeeded(result) => panic!("{result}"),
            TaskOutcome::Failed(TaskFailure { error, cause }) => {
                let cause = cause.unwrap();
                assert!(!cause.contains(SECRET), "{cause}");
                (error, cause)
            }
        }
    }
}

/// The parameters of a task.
#[expect(clippy::needless_pass_by_value, reason = "it reads better with `json!`")]
fn ask(server: &Scripted, arn: &Value, more: Value) -> Value {
    let mut parameters = json!({
        "ApiEndpoint": format!("{}/v1/jobs", server.url),
        "Method": "POST",
        "Authentication": {"ConnectionArn": arn},
    });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameters
}

#[tokio::test]
async fn an_answer_is_told_with_status_headers_and_body() {
    let fixture = Fixture::new().await;
    let server = Scripted::start(&[(200, r#"{"id":7}"#)]).await;
    let arn = fixture.api_key().await;
    let more = json!({
        "Headers": {"X-Trace": "t", "content-type": "application/json"},
        "QueryParameters": {"page": 2, "tag": ["a b", "c"]},
        "RequestBody": {"name": "n"},
    });
    let result = fixture.result(ask(&server, &arn, more)).await;
    assert_eq!(result["StatusCode"], 200);
    assert_eq!(result["StatusText"], "OK");
    assert_eq!(result["Headers"]["content-length"], json!(["8"]));
    // Nothing says that it is JSON.
    assert_eq!(result["ResponseBody"], r#"{"id":7}"#);
    let head = server.heads()[0].to_lowercase();
    for expected in [
        "post /v1/jobs?page=2&tag=a+b&tag=c http/1.1",
        &format!("x-api-key: {SECRET}"),
        "x-trace: t",
        "range: bytes=0-262144",
        "user-agent: amazon|stepfunctions|httpinvoke",
    ] {
        assert!(head.contains(expected), "{expected} in {head}");
    }
    assert_eq!(server.asked(), [r#"{"name":"n"}"#]);
}

/// The URL of a server that answers with a body of a type.
async fn serving(kind: &'static str, body: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = axum::routing::get(move || async move { ([("content-type", kind)], body) });
    let routes = axum::Router::new().route("/", answer);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[tokio::test]
async fn a_body_is_read_by_its_type() {
    let fixture = Fixture::new().await;
    let arn = fixture.api_key().await;
    let get = async |kind, body| json!({"ApiEndpoint": serving(kind, body).await, "Method": "GET", "Authentication": {"ConnectionArn": arn}});
    for (kind, body, expected) in [
        ("application/json; charset=utf-8", br#"{"a":[1]}"#.as_slice(), json!({"a": [1]})),
        ("application/problem+json", b"true", json!(true)),
        ("application/json", b"no json", json!("no json")),
        ("text/html", b"<p>", json!("<p>")),
    ] {
        assert_eq!(fixture.result(get(kind, body).await).await["ResponseBody"], expected, "{kind}");
    }
    for (kind, body) in [("image/png", b"x".as_slice()), ("text/plain", b"\xff\xfe")] {
        assert_eq!(fixture.failure(get(kind, body).await).await.0, "States.Runtime", "{kind}");
    }
}

#[tokio::test]
async fn a_connection_adds_and_takes_the_place_of_the_definition() {
    let fixture = Fixture::new().await;
    let server = Scripted::start(&[(200, "")]).await;
    let parameter = |key: &str| json!([{"Key": key, "Value": SECRET, "IsValueSecret": true}]);
    let parameters = json!({
        "BasicAuthParameters": {"Username": "user", "Password": "pass"},
        "InvocationHttpParameters": {
            "HeaderParameters": parameter("x-tenant"),
            "QueryStringParameters": parameter("key"),
            "BodyParameters": parameter("token"),
        },
    });
    let arn = fixture.connection("BASIC", parameters).await;
    let more = json!({
        "Headers": {"X-Tenant": "own", "Authorization": "own"},
        "QueryParameters": {"key": "own", "a": true},
        "RequestBody": {"token": "own", "b": 1},
    });
    fixture.result(ask(&server, &arn, more)).await;
    let head = server.heads()[0].to_lowercase();
    assert!(head.starts_with(&format!("post /v1/jobs?a=true&key={SECRET} ")), "{head}");
    assert!(head.contains(&format!("x-tenant: {SECRET}")) && !head.contains("own"), "{head}");
    // `user:pass`
    assert!(head.contains("authorization: basic dxnlcjpwyxnz"), "{head}");
    let body: Value = serde_json::from_str(&server.asked()[0]).unwrap();
    assert_eq!(body, json!({"token": SECRET, "b": 1}));
}

fn oauth(server: &Scripted) -> Value {
    json!({"OAuthParameters": {
        "ClientParameters": {"ClientID": "client", "ClientSecret": SECRET},
        "AuthorizationEndpoint": format!("{}/token", server.url),
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
    }})
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_anew_when_it_is_refused() {
    let fixture = Fixture::new().await;
    let tokens = Scripted::start(&[
        (200, r#"{"access_token":"first","expires_in":3600}"#),
        (200, r#"{"access_token":"second","expires_in":3600}"#),
    ])
    .await;
    let server = Scripted::start(&[(200, "a"), (200, "b"), (401, ""), (200, "c")]).await;
    let arn = fixture.connection("OAUTH_CLIENT_CREDENTIALS", oauth(&tokens)).await;
    for body in ["a", "b", "c"] {
        let result = fixture.result(ask(&server, &arn, json!({}))).await;
        assert_eq!(result["ResponseBody"], body);
    }
    let used = |head: &String| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
        line.unwrap().split_once(' ').unwrap().1.to_owned()
    };
    let used: Vec<_> = server.heads().iter().map(used).collect();
    assert_eq!(used, ["Bearer first", "Bearer first", "Bearer first", "Bearer second"]);
    assert_eq!(tokens.asked(), ["scope=all&grant_type=client_credentials"; 2]);
    let head = tokens.heads()[0].to_lowercase();
    assert!(head.starts_with("post /token ") && head.contains("authorization: basic "), "{head}");
}

#[tokio::test]
async fn a_server_that_gives_no_token_fails_the_task() {
    let fixture = Fixture::new().await;
    let endless = format!(r#"{{"access_token": "{}"}}"#, "x".repeat(1 << 20));
    let tokens = Scripted::start(&[(400, SECRET), (200, &endless), (200, "{}")]).await;
    let arn = fixture.connection("OAUTH_CLIENT_CREDENTIALS", oauth(&tokens)).await;
    let server = Scripted::start(&[(200, "")]).await;
    for problem in ["its status is 400", "its answer is too long", "it has no access_token"] {
        let (error, cause) = fixture.failure(ask(&server, &arn, json!({}))).await;
        assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
        assert!(cause.contains(problem), "{cause}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_status_is_an_error_by_its_number() {
    let fixture = Fixture::new().await;
    let arn = fixture.api_key().await;
    for (status, body, cause) in
        [(404, "no such job", "no such job"), (503, "", "Service Unavailable"), (302, "", "Found")]
    {
        let server = Scripted::start(&[(status, body)]).await;
        let failed = fixture.failure(ask(&server, &arn, json!({}))).await;
        assert_eq!(failed, (format!("States.Http.StatusCode.{status}"), cause.to_owned()));
    }
}

#[tokio::test]
async fn nobody_listens() {
    let fixture = Fixture::new().await;
    let query = json!([{"Key": "key", "Value": SECRET, "IsValueSecret": true}]);
    let key = json!({"ApiKeyName": "x-api-key", "ApiKeyValue": SECRET});
    let parameters = json!({
        "ApiKeyAuthParameters": key, "InvocationHttpParameters": {"QueryStringParameters": query},
    });
    let arn = fixture.connection("API_KEY", parameters).await;
    let parameters = json!({
        "ApiEndpoint": "http://127.0.0.1:1/", "Method": "GET", "InvocationConfig": {"ConnectionArn": arn},
    });
    assert_eq!(fixture.failure(parameters).await.0, "States.Http.Socket");
}

#[tokio::test]
async fn what_makes_no_sense_is_told_by_its_name() {
    let fixture = Fixture::new().await;
    let server = Scripted::start(&[(200, "")]).await;
    let arn = fixture.api_key().await;
    for (more, named) in [
        (json!({"Method": "TRACE"}), "TRACE"),
        (json!({"Headers": {"Host": "x"}}), "Host"),
        (json!({"Headers": {"X-Amz-Date": "x"}}), "X-Amz-Date"),
        (json!({"Headers": {"a b": "x"}}), "a b"),
        (json!({"ApiEndpoint": "nowhere"}), "nowhere"),
        (json!({"ApiEndpoint": "file:///etc/passwd"}), "https://"),
        (json!({"Authentication": null}), "ConnectionArn"),
        (json!({"Transform": {"RequestBodyEncoding": "XML"}}), "XML"),
        (
            json!({"RequestBody": "text", "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}),
            "URL_ENCODED",
        ),
        (json!({"Timeout": 1}), "Timeout"),
    ] {
        let (error, cause) = fixture.failure(ask(&server, &arn, more)).await;
        assert_eq!(error, "States.Runtime", "{cause}");
        assert!(cause.contains(named), "{named} in {cause}");
    }
    let other = json!("arn:aws:events:eu-central-1:111111111111:connection/api/other");
    let (error, _) = fixture.failure(ask(&server, &other, json!({}))).await;
    assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_no_result() {
    let fixture = Fixture::new().await;
    let server = Scripted::start(&[(200, &"x".repeat(262_145))]).await;
    let arn = fixture.api_key().await;
    let (error, _) = fixture.failure(ask(&server, &arn, json!({}))).await;
    assert_eq!(error, "States.DataLimitExceeded");
}

#[tokio::test]
async fn a_body_is_encoded_as_it_is_asked_for() {
    let fixture = Fixture::new().await;
    let arn = fixture.api_key().await;
    for (format, form) in [
        ("INDICES", "a%5B0%5D=x&a%5B1%5D=y%20z&b%5Bc%5D=1"),
        ("REPEAT", "a=x&a=y%20z&b%5Bc%5D=1"),
        ("COMMAS", "a=x%2Cy%20z&b%5Bc%5D=1"),
        ("BRACKETS", "a%5B%5D=x&a%5B%5D=y%20z&b%5Bc%5D=1"),
    ] {
        let server = Scripted::start(&[(200, "")]).await;
        let more = json!({
            "RequestBody": {"a": ["x", "y z"], "b": {"c": 1}},
            "Transform": {
                "RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": format},
            },
        });
        fixture.result(ask(&server, &arn, more)).await;
        assert_eq!(server.asked(), [form]);
        let head = server.heads()[0].to_lowercase();
        assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    }
}

#[tokio::test]
async fn a_connection_is_made_shown_changed_and_deleted() {
    let fixture = Fixture::new().await;
    let arn = fixture.api_key().await;
    let described = fixture.events("DescribeConnection", json!({"Name": "api"})).await.unwrap();
    assert_eq!(described["ConnectionArn"], arn);
    assert_eq!(described["ConnectionState"], "AUTHORIZED");
    assert_eq!(
        described["AuthParameters"],
        json!({"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key"}})
    );
    // One member alone: the name of the key stays.
    let value = json!({"ApiKeyAuthParameters": {"ApiKeyValue": "another"}});
    let update = json!({"Name": "api", "AuthParameters": value});
    fixture.events("UpdateConnection", update).await.unwrap();
    let server = Scripted::start(&[(200, "")]).await;
    fixture.result(ask(&server, &arn, json!({}))).await;
    assert!(server.heads()[0].contains("x-api-key: another"));
    let listed = fixture.events("ListConnections", json!({"NamePrefix": "a"})).await.unwrap();
    assert_eq!(listed["Connections"][0]["Name"], "api");
    fixture.events("DeleteConnection", json!({"Name": "api"})).await.unwrap();
    assert_eq!(fixture.embedded.vault_names().await, [""; 0]);
    let gone = fixture.events("DescribeConnection", json!({"Name": "api"})).await.unwrap_err();
    assert_eq!(gone.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_connection_that_is_not_complete_is_refused() {
    let fixture = Fixture::new().await;
    fixture.api_key().await;
    for (input, code) in [
        (json!({"Name": "a b", "AuthorizationType": "BASIC"}), "ValidationException"),
        (json!({"Name": "b", "AuthorizationType": "BASIC"}), "ValidationException"),
        (json!({"Name": "b", "AuthorizationType": "NTLM"}), "ValidationException"),
        (
            json!({"Name": "b", "AuthorizationType": "BASIC", "KmsKeyIdentifier": "k"}),
            "SerializationException",
        ),
        (
            json!({"Name": "api", "AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "a", "ApiKeyValue": "b"}}}),
            "ResourceAlreadyExistsException",
        ),
    ] {
        let error = fixture.events("CreateConnection", input).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
    }
}

/// A function that could call it would act with every connection; nor are connections among the secrets that it may read.
#[tokio::test]
async fn connections_are_for_tasks_alone() {
    let fixture = Fixture::new().await;
    fixture.api_key().await;
    let call = async |target: &str, body: Value| {
        let request = http().post(&fixture.embedded.url).header("x-amz-target", target);
        request.body(body.to_string()).send().await.unwrap().text().await.unwrap()
    };
    let invoked = call(".Invoke", json!({"Method": "GET"})).await;
    assert!(invoked.contains("#UnsupportedOperation"), "{invoked}");
    let listed = call("secretsmanager.ListSecrets", json!({})).await;
    assert_eq!(listed, r#"{"SecretList":[]}"#);
    let read = call("secretsmanager.GetSecretValue", json!({"SecretId": "connection:api"})).await;
    assert!(read.contains("#ResourceNotFoundException"), "{read}");
}

#[tokio::test]
async fn no_file_holds_what_is_secret() {
    let fixture = Fixture::new().await;
    fixture.api_key().await;
    let files = std::fs::read_dir(fixture.embedded.folder()).unwrap();
    for file in files.map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        let found = bytes.windows(SECRET.len()).any(|it| it == SECRET.as_bytes());
        assert!(!found, "a secret is in a file");
    }
}
