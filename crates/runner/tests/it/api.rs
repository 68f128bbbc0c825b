//! The Lambda API over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{ECHO, Fixture, package};

struct Api {
    fixture: Fixture,
    client: Client,
    base: String,
}

impl Api {
    async fn new() -> Self {
        Self::of(Fixture::new().await).await
    }

    async fn of(fixture: Fixture) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/2015-03-31/functions", listener.local_addr().unwrap());
        let router = fixture.runner.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { fixture, client: Client::new(), base }
    }

    async fn send(&self, request: RequestBuilder, body: &Value) -> Answer {
        Answer::of(request.body(body.to_string()).send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.client.post(format!("{}{path}", self.base)), body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.client.put(format!("{}{path}", self.base)), body).await
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.client.delete(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    async fn create(&self, name: &str) -> Answer {
        self.post("", &create(name, ECHO)).await
    }
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.header("x-amzn-errortype")), (status, code), "{}", self.body);
    }
}

fn zip(source: &str) -> String {
    STANDARD.encode(package(&[("handler.py", source)]))
}

fn create(name: &str, source: &str) -> Value {
    json!({"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler",
        "Role": "arn:aws:iam::000000000000:role/r", "Timeout": 60, "Code": {"ZipFile": zip(source)}})
}

#[tokio::test]
async fn a_function_lives() {
    let api = Api::new().await;
    let created = api.create("f").await;
    assert_eq!((created.status, &created.body["State"]), (201, &json!("Active")));
    api.create("f").await.is(409, "ResourceConflictException");
    let invoked = api.post("/f/invocations", &json!({"a": 1})).await;
    assert_eq!((invoked.status, invoked.body.clone()), (200, json!({"a": 1})));
    assert_eq!(invoked.header("x-amz-executed-version"), "$LATEST");
    let source =
        "import os\ndef handler(event, context):\n    return os.environ.get('X', 'none')\n";
    let updated = api.put("/f/code", &json!({"ZipFile": zip(source)})).await;
    assert_ne!(updated.body["CodeSha256"], created.body["CodeSha256"]);
    assert_eq!(api.post("/f/invocations", &json!({})).await.body, json!("none"));
    let change = json!({"Environment": {"Variables": {"X": "1", "YY": ""}}});
    api.put("/f/configuration", &change).await.is(400, "ValidationException");
    let change = json!({"Environment": {"Variables": {"XX": "secret:qc/token"}}});
    api.put("/f/configuration", &change).await.is(400, "InvalidParameterValueException");
    let mut reads = create("reads", source);
    reads["Environment"] = change["Environment"].clone();
    api.post("", &reads).await.is(400, "InvalidParameterValueException");
    let change = json!({"Environment": {"Variables": {"XX": "1"}}, "MemorySize": 256});
    assert_eq!(api.put("/f/configuration", &change).await.body["MemorySize"], 256);
    let got = api.get("/f?Qualifier=$LATEST").await.body;
    assert_eq!(got["Configuration"]["Environment"], change["Environment"]);
    assert_eq!(api.delete("/f").await.status, 204);
    api.get("/f").await.is(404, "ResourceNotFoundException");
}

#[tokio::test]
async fn functions_survive_a_restart() {
    let api = Api::new().await;
    for name in ["b", "a", "gone"] {
        api.create(name).await;
    }
    api.delete("/gone").await;
    let before = api.get("/a/configuration").await.body;
    let api = Api::of(api.fixture.restarted().await).await;
    assert_eq!(api.get("/a/configuration").await.body, before);
    assert_eq!(api.post("/a/invocations", &json!([1])).await.body, json!([1]));
    let page = api.get("/?MaxItems=1").await.body;
    assert_eq!(
        (&page["Functions"][0]["FunctionName"], &page["NextMarker"]),
        (&json!("a"), &json!("a"))
    );
    let page = api.get("/?MaxItems=1&Marker=a").await.body;
    assert_eq!(
        (&page["Functions"][0]["FunctionName"], &page["NextMarker"]),
        (&json!("b"), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let api = Api::new().await;
    for (member, value) in [
        ("Layers", json!(["arn"])),
        ("VpcConfig", json!({})),
        ("Tags", json!({"a": "b"})),
        ("Publish", json!(true)),
        ("ImageConfig", json!({})),
    ] {
        let mut request = create("f", ECHO);
        request[member] = value;
        let answer = api.post("", &request).await;
        answer.is(400, "ValidationException");
        assert!(answer.body["Message"].as_str().unwrap().contains(member), "{}", answer.body);
    }
    let mut request = create("f", ECHO);
    request["Code"] = json!({"S3Bucket": "b", "S3Key": "k"});
    let answer = api.post("", &request).await;
    assert!(answer.body["Message"].as_str().unwrap().contains("S3Bucket"), "{}", answer.body);
    assert!(api.get("/").await.body["Functions"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn ways_to_invoke() {
    let api = Api::new().await;
    let source = "def handler(event, context):\n    print('hello')\n    return 1 / event\n";
    api.post("", &create("f", source)).await;
    let url = format!("{}/f/invocations", api.base);
    let of = |kind: &str| api.client.post(&url).header("x-amz-invocation-type", kind);
    assert_eq!(api.send(of("DryRun"), &json!(1)).await.status, 204);
    assert_eq!(api.send(of("Event"), &json!(1)).await.status, 202);
    api.send(of("Other"), &json!(1)).await.is(400, "ValidationException");
    let tail = api.send(of("RequestResponse").header("x-amz-log-type", "Tail"), &json!(0)).await;
    assert_eq!((tail.status, tail.header("x-amz-function-error")), (200, "Unhandled"));
    assert_eq!(tail.body["errorType"], "ZeroDivisionError");
    let log = String::from_utf8(STANDARD.decode(tail.header("x-amz-log-result")).unwrap()).unwrap();
    assert!(log.starts_with("START RequestId: ") && log.contains("\nhello\n"), "{log}");
    assert!(log.contains("REPORT RequestId: "), "{log}");
    let context = of("RequestResponse").header("x-amz-client-context", "!");
    api.send(context, &json!(1)).await.is(400, "InvalidRequestContentException");
    let text = api.client.post(&url).body("{").send().await.unwrap();
    Answer::of(text).await.is(400, "InvalidRequestContentException");
}

#[tokio::test]
async fn a_change_of_what_was_seen_is_a_change_of_that_alone() {
    let api = Api::new().await;
    let revision = api.create("f").await.body["RevisionId"].clone();
    let change = json!({"Timeout": 5, "RevisionId": revision});
    assert_eq!(api.put("/f/configuration", &change).await.status, 200);
    api.put("/f/configuration", &change).await.is(412, "PreconditionFailedException");
    api.put("/f/configuration", &json!({"Timeout": 0})).await.is(400, "ValidationException");
    assert_eq!(api.get("/f/configuration").await.body["Timeout"], 5);
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_nothing() {
    let api = Api::new().await;
    let source = "import socket\ndef handler(event, context):\n    socket.create_connection(('127.0.0.1', event)).recv(1)\n    print('to the end')\n";
    api.post("", &create("goes-on", source)).await;
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let event = gate.local_addr().unwrap().port().to_string();
    let request = api.client.post(format!("{}/goes-on/invocations", api.base)).body(event);
    let caller = tokio::spawn(request.send());
    let (held, _) = gate.accept().await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    // Long enough for the server to see that the connection is gone: it has served another one.
    api.create("other").await;
    drop(held);
    while !api.fixture.log("goes-on").contains("REPORT") {
        tokio::task::yield_now().await;
    }
    let log = api.fixture.log("goes-on");
    assert!(log.contains("to the end") && !log.contains("Runtime.ExitError"), "{log}");
}

#[tokio::test]
async fn code_that_was_replaced_or_refused_goes() {
    let api = Api::new().await;
    api.create("f").await;
    let folder = api.fixture.folder.path().join(".stepwell/functions/created/f");
    let count = || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    for source in ["def handler(event, context):\n    return 2\n", ECHO, ECHO] {
        let zip = STANDARD.encode(package(&[("handler.py", source)]));
        assert_eq!(api.put("/f/code", &json!({"ZipFile": zip})).await.status, 200);
    }
    while count() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(api.post("/f/invocations", &json!(7)).await.body, json!(7));
    let broken = json!({"ZipFile": STANDARD.encode(package(&[("../handler.py", ECHO)]))});
    api.put("/f/code", &broken).await.is(400, "InvalidParameterValueException");
    assert_eq!(count(), 1);
    assert_eq!(api.delete("/f").await.status, 204);
    while folder.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_event_has_its_own_limit() {
    let api = Api::new().await;
    api.create("f").await;
    let large = json!("x".repeat(7 << 20));
    api.post("/f/invocations", &large).await.is(413, "RequestTooLargeException");
}

#[tokio::test]
async fn what_only_looks_like_a_name_is_refused() {
    let api = Api::new().await;
    let taken = api.create("stepwell-canvas").await;
    taken.is(400, "InvalidParameterValueException");
    let listed = api.get("/?FunctionVersion=LATEST").await;
    listed.is(400, "ValidationException");
}
