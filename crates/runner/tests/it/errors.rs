//! How functions fail, in Lambda's words.

use serde_json::{Value, json};
use stepwell_runner::{Invocation, Target};
use tokio_util::sync::CancellationToken;

use crate::support::{ECHO, Fixture, error_of, function, package};

#[tokio::test]
async fn an_exception_is_told_with_its_trace() {
    let fixture = Fixture::new().await;
    let source = "def handler(event, context):\n    raise ValueError('no ' + event['what'])\n";
    fixture.python("raises", source).await;
    let invoked = fixture.invoke("raises", r#"{"what":"luck"}"#).await;
    let payload: Value = serde_json::from_slice(&invoked.payload).unwrap();
    assert_eq!(payload["requestId"], json!(invoked.request_id));
    assert_eq!(error_of(&invoked), ("ValueError".into(), "no luck".into()));
    let frame = payload["stackTrace"][0].as_str().unwrap();
    let end = "handler.py\", line 2, in handler\n    raise ValueError('no ' + event['what'])\n";
    assert!(frame.starts_with("  File \"") && frame.ends_with(end), "{frame}");
    assert_eq!(payload["stackTrace"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why() {
    let fixture = Fixture::new().await;
    for (name, handler, source, error_type, message) in [
        (
            "no-module",
            "other.handler",
            ECHO,
            "Runtime.ImportModuleError",
            "Unable to import module 'other': No module named 'other'",
        ),
        (
            "no-function",
            "handler.other",
            ECHO,
            "Runtime.HandlerNotFound",
            "Handler 'other' missing on module 'handler'",
        ),
        (
            "no-dot",
            "handler",
            ECHO,
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "no-syntax",
            "handler.handler",
            "def handler(:\n",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'handler': invalid syntax (handler.py, line 1)",
        ),
        ("no-init", "handler.handler", "raise KeyError('x')\n", "KeyError", "'x'"),
    ] {
        fixture.changed(name, source, |function| handler.clone_into(&mut function.handler)).await;
        let invoked = fixture.invoke(name, "{}").await;
        assert_eq!(error_of(&invoked), (error_type.to_owned(), message.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_result_that_is_no_json_is_an_error() {
    let fixture = Fixture::new().await;
    fixture.python("object", "def handler(event, context):\n    return object()\n").await;
    let message = "Unable to marshal response: Object of type object is not JSON serializable";
    let invoked = fixture.invoke("object", "{}").await;
    assert_eq!(error_of(&invoked), ("Runtime.MarshalError".to_owned(), message.to_owned()));
}

#[tokio::test]
async fn a_process_that_exits_is_told_with_its_status() {
    let fixture = Fixture::new().await;
    let source = "import os\ndef handler(event, context):\n    os._exit(event)\n";
    fixture.python("exits", source).await;
    for (event, message) in [
        ("3", "RequestId: ID Error: Runtime exited with error: exit status 3"),
        ("0", "RequestId: ID Error: Runtime exited without providing a reason"),
    ] {
        let invoked = fixture.invoke("exits", event).await;
        assert_eq!(error_of(&invoked), ("Runtime.ExitError".to_owned(), message.to_owned()));
    }
}

#[tokio::test]
async fn a_process_that_dies_of_a_signal_is_told_with_its_name() {
    let fixture = Fixture::new().await;
    let source =
        "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), event)\n";
    fixture.python("dies", source).await;
    for (signal, name) in [("9", "killed"), ("11", "segmentation fault")] {
        let invoked = fixture.invoke("dies", signal).await;
        let message = format!("RequestId: ID Error: Runtime exited with error: signal: {name}");
        assert_eq!(error_of(&invoked), ("Runtime.ExitError".to_owned(), message));
    }
    assert_eq!(fixture.invoke("dies", "0").await.error_type, None);
}

#[tokio::test]
async fn a_function_that_hangs_times_out() {
    let fixture = Fixture::new().await;
    let source = "import time\ndef handler(event, context):\n    print('waiting')\n    time.sleep(event)\n    return 'woke'\n";
    fixture.changed("hangs", source, |function| function.timeout_seconds = 1).await;
    let invoked = fixture.invoke("hangs", "600").await;
    let message = "RequestId: ID Error: Task timed out after 1.00 seconds";
    assert_eq!(error_of(&invoked), ("Sandbox.Timedout".to_owned(), message.to_owned()));
    let log = fixture.log("hangs");
    assert!(log.contains("waiting\n"), "{log}");
    assert!(log.contains(&format!("Z {} Task timed out after 1.00 seconds\n", invoked.request_id)));
    assert_eq!(fixture.call("hangs", "0").await, json!("woke"));
}

#[tokio::test]
async fn a_response_has_a_size() {
    let fixture = Fixture::new().await;
    fixture.python("large", "def handler(event, context):\n    return 'x' * event\n").await;
    let invoked = fixture.invoke("large", "7000000").await;
    let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(
        error_of(&invoked),
        ("Function.ResponseSizeTooLarge".to_owned(), message.to_owned())
    );
    let fits = fixture.call("large", "6000000").await;
    assert_eq!(fits.as_str().unwrap().len(), 6_000_000);
}

#[tokio::test]
async fn a_reservation_is_held_to() {
    let fixture = Fixture::new().await;
    fixture
        .changed(
            "one",
            "import time\ndef handler(event, context):\n    print('here')\n    time.sleep(600)\n",
            |function| {
                function.concurrency = Some(1);
            },
        )
        .await;
    let (target, event) = (Target::parse("one").unwrap(), Invocation::of("{}"));
    let stop = CancellationToken::new();
    let first = fixture.runner.invoke(&target, &event, &stop);
    let second = async {
        let refusal = loop {
            tokio::task::yield_now().await;
            if fixture.log("one").contains("here") {
                break fixture.runner.invoke(&target, &event, &stop).await.unwrap_err();
            }
        };
        stop.cancel();
        refusal
    };
    let (first, refusal) = tokio::join!(first, second);
    assert_eq!((refusal.code, refusal.status), ("TooManyRequestsException", 429));
    assert_eq!(first.unwrap().error_type.as_deref(), Some("Runtime.ExitError"));
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let fixture = Fixture::new().await;
    fixture.python("echo", ECHO).await;
    let refused = async |name: &str, event: &str| {
        let target = Target::parse(name).unwrap();
        let invocation = Invocation::of(event.to_owned());
        fixture.runner.invoke(&target, &invocation, &CancellationToken::new()).await.unwrap_err()
    };
    let refusal = refused("none", "{}").await;
    assert_eq!(refusal.code, "ResourceNotFoundException");
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:none";
    assert_eq!(refusal.message, format!("Function not found: {arn}"));
    assert_eq!(
        refused("none:$LATEST", "{}").await.message,
        format!("Function not found: {arn}:$LATEST")
    );
    assert_eq!(
        refused("echo:live", "{}").await.message,
        "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:echo:live"
    );
    assert_eq!(refused("echo", "{").await.code, "InvalidRequestContentException");
    let large = format!("\"{}\"", "x".repeat(6_291_556));
    assert_eq!(refused("echo", &large).await.code, "RequestTooLargeException");
}

#[tokio::test]
async fn nothing_of_a_refused_function_remains() {
    let fixture = Fixture::new().await;
    let good = package(&[("handler.py", ECHO)]);
    let mut cases = vec![
        (function("f", "java21", "h.h"), good.clone(), "InvalidParameterValueException"),
        (function("f", "provided.al2023", "h"), good.clone(), "InvalidParameterValueException"),
        (function("f", "python3.12", "h.h"), b"no zip".to_vec(), "InvalidParameterValueException"),
        (function("../f", "python3.12", "h.h"), good.clone(), "ValidationException"),
    ];
    let mut slow = function("f", "python3.12", "h.h");
    slow.timeout_seconds = 901;
    cases.push((slow, good.clone(), "ValidationException"));
    let mut reserved = function("f", "python3.12", "h.h");
    reserved.environment.insert("AWS_REGION".into(), "x".into());
    cases.push((reserved, good.clone(), "InvalidParameterValueException"));
    for (function, package, code) in cases {
        let refusal = fixture.runner.create(function, package).await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
    }
    assert!(fixture.runner.functions().is_empty());
    let fixture = fixture.restarted().await;
    assert!(fixture.runner.functions().is_empty());
}
