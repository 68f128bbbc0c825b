//! What functions of each runtime are given.

use serde_json::{Value, json};
use stepwell_runner::{Invocation, Target};
use tokio_util::sync::CancellationToken;

use crate::support::{ECHO, Fixture, error_of, function, package};

#[tokio::test]
async fn a_process_sees_its_own_variables_and_nothing_else_of_ours() {
    let fixture = Fixture::new().await;
    let source = "import os\ndef handler(event, context):\n    return dict(os.environ)\n";
    fixture
        .changed("env", source, |function| {
            function.environment.insert("TOKEN".into(), "secret:qc/token".into());
            function.environment.insert("PLAIN".into(), "x".into());
        })
        .await;
    let variables = fixture.call("env", "{}").await;
    for (name, value) in [
        ("TOKEN", "s3cr3t"),
        ("PLAIN", "x"),
        ("_HANDLER", "handler.handler"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "env"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12"),
    ] {
        assert_eq!(variables[name], json!(value), "{name}");
    }
    let ours = ["CARGO", "HOME", "STEPWELL", "USER", "RUST"];
    let leaked = variables
        .as_object()
        .unwrap()
        .keys()
        .find(|name| ours.iter().any(|it| name.starts_with(it)));
    assert_eq!(leaked, None);
    assert!(!fixture.log("env").contains("s3cr3t"));
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_by_its_name() {
    let fixture = Fixture::new().await;
    fixture
        .changed("env", ECHO, |function| {
            function.environment.insert("TOKEN".into(), "secret:other".into());
        })
        .await;
    let invoked = fixture.invoke("env", "{}").await;
    let message = "RequestId: ID Error: there is no secret `other`".to_owned();
    assert_eq!(error_of(&invoked), ("Runtime.InvalidEntrypoint".to_owned(), message));
}

#[tokio::test]
async fn a_python_handler_gets_its_context() {
    let fixture = Fixture::new().await;
    let source = "
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return [context.function_name, context.function_version, context.memory_limit_in_mb, 50000 < left <= 60000,
            context.invoked_function_arn, context.client_context.custom, len(context.aws_request_id)]
";
    fixture.python("context", source).await;
    let mut invocation = Invocation::of("{}");
    invocation.client_context = Some(r#"{"custom":{"a":1}}"#.to_owned());
    let target = Target::parse("context").unwrap();
    let invoked = fixture.runner.invoke(&target, &invocation, &CancellationToken::new()).await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:context";
    let expected = json!(["context", "$LATEST", "128", true, arn, {"a": 1}, 36]);
    assert_eq!(Fixture::returned(&invoked.unwrap()), expected);
}

#[tokio::test]
async fn json_is_encoded_as_by_the_runtime_of_aws() {
    let fixture = Fixture::new().await;
    fixture.python("echo", ECHO).await;
    for (event, returned) in [
        (r#"{"body":"string body"}"#, r#"{"body": "string body"}"#),
        ("0.0", "0.0"),
        ("null", "null"),
        ("\"HelloWorld!\"", "\"HelloWorld!\""),
    ] {
        assert_eq!(fixture.invoke("echo", event).await.payload, returned.as_bytes());
    }
}

#[tokio::test]
async fn a_warm_process_keeps_what_it_has_loaded() {
    let fixture = Fixture::new().await;
    let source = "count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    print('call', count)\n    return count\n";
    fixture.python("counts", source).await;
    for count in 1..=3 {
        assert_eq!(fixture.call("counts", "{}").await, json!(count));
    }
    let log = fixture.log("counts");
    let started = log.matches("Init Duration").count();
    assert_eq!(
        (started, log.matches("START RequestId: ").count(), log.matches("\ncall ").count()),
        (1, 3, 3)
    );
}

#[tokio::test]
async fn a_handler_in_a_folder_and_a_logger() {
    let fixture = Fixture::new().await;
    let source = "import logging\nlogging.getLogger().setLevel('INFO')\ndef go(event, context):\n    logging.info('hello')\n    return __name__\n";
    let mut nested = function("nested", "python3.12", "pkg/mod.go");
    nested.timeout_seconds = 60;
    fixture.runner.create(nested, package(&[("pkg/mod.py", source)])).await.unwrap();
    let invoked = fixture.invoke("nested", "{}").await;
    assert_eq!(Fixture::returned(&invoked), json!("pkg.mod"));
    let line = format!("Z\t{}\thello\n", invoked.request_id);
    assert!(fixture.log("nested").contains(&line));
}

async fn node(
    files: &[(&str, &str)],
    handler: &str,
    event: &str,
) -> (Fixture, stepwell_runner::Invoked) {
    let fixture = Fixture::new().await;
    fixture.runner.create(function("node", "nodejs20.x", handler), package(files)).await.unwrap();
    let invoked = fixture.invoke("node", event).await;
    (fixture, invoked)
}

#[tokio::test]
async fn node_handlers_of_each_kind() {
    let common = "exports.handler = async (event, context) => ({event, name: context.functionName, left: context.getRemainingTimeInMillis() > 0});";
    let module = "export const handler = async (event, context) => ({event, name: context.functionName, left: context.getRemainingTimeInMillis() > 0});";
    let callback = "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, {event, name: context.functionName, left: true}), 1); };";
    let nested = "exports.handler = async (event) => ({event, name: 'node', left: true});";
    for (files, handler) in [
        (vec![("index.js", common)], "index.handler"),
        (vec![("index.mjs", module)], "index.handler"),
        (vec![("index.js", module), ("package.json", r#"{"type":"module"}"#)], "index.handler"),
        (vec![("index.js", callback)], "index.handler"),
        (vec![("lib/a.cjs", nested)], "lib/a.handler"),
    ] {
        let (_fixture, invoked) = node(&files, handler, "[1]").await;
        let expected = json!({"event": [1], "name": "node", "left": true});
        assert_eq!(Fixture::returned(&invoked), expected, "{files:?}");
    }
}

#[tokio::test]
async fn node_errors() {
    for (source, handler, error_type, message) in [
        (
            "exports.handler = async () => { throw new TypeError('bad'); };",
            "index.handler",
            "TypeError",
            "bad",
        ),
        (
            "exports.handler = (event, context, callback) => callback('bad');",
            "index.handler",
            "string",
            "bad",
        ),
        (
            "exports.other = 1;",
            "index.handler",
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        (
            "exports.handler = (",
            "index.handler",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: Unexpected token '}'",
        ),
        (
            "exports.handler = async () => { setTimeout(() => { throw new Error('late'); }, 1); await new Promise(() => {}); };",
            "index.handler",
            "Error",
            "late",
        ),
    ] {
        let (_fixture, invoked) = node(&[("index.js", source)], handler, "{}").await;
        let (kind, said) = error_of(&invoked);
        // How a parser goes on about broken text is its own affair.
        let is_syntax = kind == "Runtime.UserCodeSyntaxError";
        assert_eq!(kind, error_type, "{said}");
        assert!(is_syntax && said.starts_with("SyntaxError: ") || said == message, "{said}");
    }
}

#[tokio::test]
async fn a_node_handler_that_waits_for_nothing_returns_null() {
    let source = "exports.handler = () => new Promise(() => {});";
    let (_fixture, invoked) = node(&[("index.js", source)], "index.handler", "{}").await;
    assert_eq!(Fixture::returned(&invoked), Value::Null);
}

/// An executable that speaks the Runtime API by itself.
const BOOTSTRAP: &str = r"#!/usr/bin/env node
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const base = `http://${host}:${port}/2018-06-01/runtime`;
(async () => {
  for (;;) {
    const next = await fetch(base + '/invocation/next');
    const id = next.headers.get('lambda-runtime-aws-request-id');
    const body = JSON.stringify({ event: await next.json(), handler: process.env._HANDLER });
    await fetch(`${base}/invocation/${id}/response`, { method: 'POST', body });
  }
})();
";

#[tokio::test]
async fn an_executable_of_its_own() {
    let fixture = Fixture::new().await;
    let own = function("own", "provided.al2023", "whatever");
    fixture.runner.create(own, package(&[("bootstrap", BOOTSTRAP)])).await.unwrap();
    for event in 1..=2 {
        let expected = json!({"event": event, "handler": "whatever"});
        assert_eq!(fixture.call("own", &event.to_string()).await, expected);
    }
}

#[tokio::test]
async fn tmp_is_private_and_stays_with_the_process() {
    let fixture = Fixture::new().await;
    let source = "import os, tempfile\ndef handler(event, context):\n    path = os.path.join(tempfile.gettempdir(), 'mark')\n    seen = os.path.exists(path)\n    open(path, 'w').close()\n    return seen\n";
    fixture.python("one", source).await;
    fixture.python("two", source).await;
    assert_eq!(fixture.call("one", "{}").await, json!(false));
    assert_eq!(fixture.call("one", "{}").await, json!(true));
    assert_eq!(fixture.call("two", "{}").await, json!(false));
}
