//! Requests that must not be answered as they wish.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Target, body, ended, of_states};

/// How often each is tried.
const ROUNDS: usize = 20;

/// A body that is longer than any may be.
const OVERSIZE: usize = 100 << 20;

/// Path, headers and body of a request, and the error that it gets.
struct Case {
    path: &'static str,
    headers: String,
    body: String,
    status: u16,
    error: &'static str,
}

fn states(operation: &str, body: &Value, error: &'static str) -> Case {
    text(operation, &body.to_string(), error)
}

fn text(operation: &str, body: &str, error: &'static str) -> Case {
    Case { path: "/", headers: of_states(operation), body: body.to_owned(), status: 400, error }
}

fn service(prefix: &str, version: &str, body: &str, error: &'static str) -> Case {
    let headers =
        format!("content-type: application/x-amz-json-{version}\r\nx-amz-target: {prefix}\r\n");
    Case { path: "/", headers, body: body.to_owned(), status: 400, error }
}

/// Malformed and mistyped bodies, unknown targets, bad tokens, at every service.
pub(super) fn requests(target: &Target) {
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:load";
    let deep = "[".repeat(100_000);
    let cases = [
        text("StartExecution", "{", "SerializationException"),
        text("StartExecution", "\u{0}", "SerializationException"),
        text("StartExecution", &deep, "SerializationException"),
        states("StartExecution", &json!({"stateMachineArn": [1]}), "SerializationException"),
        states("StartExecution", &json!([]), "SerializationException"),
        states("StartExecution", &json!({"stateMachineArn": "x"}), "InvalidArn"),
        states(
            "StartExecution",
            &json!({"stateMachineArn": arn, "input": deep}),
            "InvalidExecutionInput",
        ),
        states("Frobnicate", &json!({}), "UnknownOperationException"),
        states("", &json!({}), "UnknownOperationException"),
        states("SendTaskSuccess", &json!({"taskToken": "x", "output": "1"}), "InvalidToken"),
        states("SendTaskFailure", &json!({"taskToken": "x".repeat(2048)}), "InvalidToken"),
        states("SendTaskHeartbeat", &json!({"taskToken": "AAAA"}), "InvalidToken"),
        states(
            "ListExecutions",
            &json!({"stateMachineArn": arn, "nextToken": "x"}),
            "InvalidToken",
        ),
        states(
            "CreateStateMachine",
            &json!({"name": "big", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": "x".repeat(2 << 20)}),
            "InvalidDefinition",
        ),
        service("DynamoDB_20120810.GetItem", "1.0", "{", "SerializationException"),
        service("AmazonSQS.SendMessage", "1.0", "[]", "SerializationException"),
        service("AmazonSQS.Frobnicate", "1.0", "{}", "UnsupportedOperation"),
        service(
            "secretsmanager.GetSecretValue",
            "1.1",
            r#"{"SecretId": "none"}"#,
            "ResourceNotFoundException",
        ),
        service("Nobody.Knows", "1.0", "{}", "UnknownOperationException"),
        Case {
            path: "/2015-03-31/functions/none/invocations",
            headers: String::new(),
            body: "{".to_owned(),
            status: 404,
            error: "ResourceNotFoundException",
        },
    ];
    for _ in 0..ROUNDS {
        for case in &cases {
            let (status, answer) = target
                .post(case.path, &case.headers, &case.body)
                .unwrap_or_else(|| panic!("{}: closed without a word", case.headers));
            assert!(
                status == case.status && answer.contains(case.error),
                "{}: {answer}",
                case.headers
            );
        }
    }
}

/// Requests without a signature, with a broken one, with one of a key that nobody has, and with a wrong one.
pub(super) fn signatures(target: &Target) {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/us-east-1/states/aws4_request", &now[..8]);
    let signed = |key: &str, rest: &str| {
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential={key}/{scope}, {rest}\r\nx-amz-date: {now}\r\n"
        )
    };
    let whole = format!("SignedHeaders=host;x-amz-date;x-amz-target, Signature={}", "0".repeat(64));
    let cases = [
        (String::new(), "MissingAuthenticationTokenException"),
        ("authorization: AWS4-HMAC-SHA256 nonsense\r\n".to_owned(), "IncompleteSignatureException"),
        ("authorization: Bearer guessed\r\n".to_owned(), ""),
        (signed("nobody", &whole), "UnrecognizedClientException"),
        (signed("mine", &whole), "InvalidSignatureException"),
        (signed("mine", "SignedHeaders=, Signature="), ""),
    ];
    for _ in 0..ROUNDS {
        for (headers, error) in &cases {
            let request = format!(
                "POST / HTTP/1.1\r\nhost: {}\r\n{}{headers}content-length: 2\r\nconnection: close\r\n\r\n{{}}",
                target.address,
                of_states("ListStateMachines"),
            );
            let (status, answer) = target.send(request.as_bytes()).expect("an answer");
            let told: Value = serde_json::from_str(body(&answer)).unwrap();
            assert!((400..=403).contains(&status) && told["__type"].is_string(), "{answer}");
            assert!(answer.contains(error) && !answer.contains("stateMachines"), "{answer}");
        }
    }
}

/// What is no HTTP, or not quite.
pub(super) fn bytes(target: &Target) {
    let (host, token) = (&target.address, &target.token);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{}",
        of_states("ListStateMachines")
    );
    let requests = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n nonsense \r\n\r\n".to_vec(),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
        format!("{head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{{}}").into_bytes(),
        format!("{head}transfer-encoding: chunked, identity\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n")
            .into_bytes(),
        format!("{head}content-length: -1\r\n\r\n{{}}").into_bytes(),
        format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}").into_bytes(),
        format!("{head}x: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes(),
        format!("{head}{}\r\n\r\n", "x: y\r\n".repeat(5_000)).into_bytes(),
    ];
    for _ in 0..ROUNDS {
        for request in &requests {
            let refused =
                target.send(request).is_none_or(|(status, _)| (400..=505).contains(&status));
            assert!(refused, "{}", String::from_utf8_lossy(&request[..200.min(request.len())]));
        }
    }
    oversize(target, &head);
    let announced = format!("{head}content-length: {OVERSIZE}\r\n\r\n{{");
    let status = target.send(announced.as_bytes()).map(|(status, _)| status);
    assert_eq!(status, Some(413), "a body that is too long is refused before it comes");
}

/// A body without an end: it is cut off long before.
fn oversize(target: &Target, head: &str) {
    let mut stream = target.connect();
    write!(stream, "{head}transfer-encoding: chunked\r\n\r\n").unwrap();
    let piece = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let is_cut = (0..OVERSIZE >> 20).any(|_| stream.write_all(piece.as_bytes()).is_err());
    let answer = ended(&mut stream);
    assert!(is_cut || answer.as_ref().is_some_and(|(status, _)| *status == 413), "{answer:?}");
}

/// Requests that end before they are whole, and answers that nobody reads to the end.
pub(super) fn broken_off(target: &Target, machine: &Value) {
    let request = json!({ "stateMachineArn": machine }).to_string();
    let whole = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{}content-length: {}\r\n\r\n{request}",
        target.address,
        target.token,
        of_states("ListExecutions"),
        request.len()
    );
    for round in 0..ROUNDS * 10 {
        let mut stream = target.connect();
        let sent = 1 + round * 7 % (whole.len() - 1);
        stream.write_all(&whole.as_bytes()[..sent]).unwrap();
        if round % 2 == 0 {
            stream.shutdown(Shutdown::Write).unwrap();
            let refused = ended(&mut stream).is_none_or(|(status, _)| status >= 400);
            assert!(refused, "half a request was served: {sent} bytes");
        }
    }
    for _ in 0..ROUNDS * 10 {
        let mut stream = target.connect();
        stream.write_all(whole.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
}
