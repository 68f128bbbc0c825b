//! Quality control of streams through the real binary: commands, requests over HTTP, messages of a queue, pages.

use serde_json::{Value, json};
use stepwell_integrations::sqs::{EmbeddedOptions, EmbeddedQueue, Queue};

use crate::serve::{Answer, Server};
use crate::support::{Project, poll, runtime};

const CONFIG: &str = r#"
[pipelines.stream-qc]
streams = "streams"
notify = [{ file = "last-run.json" }]

[triggers.http.qc]
state_machine = "stream-qc"
path = "/qc"

[triggers.queue.qc]
state_machine = "stream-qc"
queue = "qc-requests.fifo"
"#;

fn project() -> Project {
    let project = Project::configured(CONFIG);
    std::fs::create_dir_all(project.path().join("streams/buoys")).unwrap();
    let file = "[data]\nuri = \"7.csv\"\n[process2.gross_range]\nfail = [0, 25]\n";
    project.write("streams/buoys/7-temp.toml", file);
    project.write("7.csv", "time,value\n2026-03-01T00:00:00Z,10\n2026-03-01T00:10:00Z,30\n");
    project
}

fn post(server: &Server, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    server.post("/qc", &headers, &body.to_string())
}

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_stream_is_checked_by_a_command_and_shown_on_a_page() {
    let project = project();
    let input = r#"{"GroupID":"buoys","StreamID":"7-temp"}"#;
    let run = project.json(&["run", "stream-qc", "--input", input]);
    let output = &run["output"];
    assert_eq!((&output["Status"], &output["Rows"]), (&json!("FAILED"), &json!(2)), "{run:#}");
    let told: Value = serde_json::from_str(&project.read("last-run.json").unwrap()).unwrap();
    assert_eq!(told["QCPID"], output["QCPID"]);
    let all = project.json(&["run", "stream-qc-all"]);
    assert_eq!(all["output"]["Failed"], 1, "{all:#}");
    let written = project.json(&["qc", "report", "--group", "buoys", "--out", "pages"]);
    assert_eq!(written["streams"], 1);
    assert!(project.read("pages/index.html").unwrap().contains("0 of 2"));
    let refused = project.fails(3, &["qc", "report", "--group", "none"]);
    assert!(refused.contains("`none`"), "{refused}");
}

#[test]
fn a_wrong_input_of_a_command_is_told_by_its_field() {
    let project = project();
    let told = project.fails(2, &["run", "stream-qc", "--input", r#"{"GroupID":"buoys"}"#]);
    assert!(told.contains("`StreamID`"), "{told}");
}

#[test]
fn a_request_starts_an_execution_and_a_wrong_one_is_refused_by_its_field() {
    let project = project();
    let server = Server::start(&project, &[]);
    let good = json!({"GroupID": "buoys", "StreamID": "7-temp"});
    let answer = post(&server, &[], &good);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let arn = read(&answer)["executionArn"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&arn)["status"], "SUCCEEDED");
    for (body, field) in [
        (json!({"StreamID": "s"}), json!("GroupID")),
        (json!({"GroupID": "g", "StreamID": "s", "Data": {"uri": 1}}), json!("Data.uri")),
        (json!({"GroupID": "g", "StreamID": "s", "Datum": 1}), json!("Datum")),
        (json!([1]), Value::Null),
    ] {
        let answer = post(&server, &[], &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert_eq!(read(&answer)["field"], field, "{}", answer.body);
        assert_eq!(read(&answer)["error"], "ValidationError");
    }
    let no_json = server.post("/qc", &[("content-type", "application/json")], "{");
    assert_eq!(no_json.status, 400);
    let form = server.post("/qc", &[("content-type", "text/plain")], &good.to_string());
    assert_eq!(form.status, 415, "a page of the web cannot ask");
    let large = json!({"GroupID": "x".repeat(300_000)});
    assert_eq!(post(&server, &[], &large).status, 413);
    server.stop();
}

#[test]
fn a_request_that_is_repeated_with_its_key_starts_nothing_new() {
    let project = project();
    let server = Server::start(&project, &[]);
    let body = json!({"GroupID": "buoys", "StreamID": "7-temp"});
    let key = [("idempotency-key", "monday")];
    let first = read(&post(&server, &key, &body))["executionArn"].as_str().unwrap().to_owned();
    server.ended(&first);
    let again = post(&server, &key, &body);
    assert_eq!((again.status, &read(&again)["executionArn"]), (202, &json!(first)));
    let other = post(&server, &key, &json!({"GroupID": "buoys", "StreamID": "8"}));
    assert_eq!(other.status, 409, "{}", other.body);
    server.stop();
}

#[test]
fn a_page_of_the_web_is_not_heard_where_there_is_no_token() {
    let project = project();
    let server = Server::start(&project, &[]);
    let body = json!({"GroupID": "buoys", "StreamID": "7-temp"});
    for header in [("origin", "http://evil.example"), ("host", "evil.example:4566")] {
        let answer = post(&server, &[header], &body);
        assert_eq!(answer.status, 403, "{header:?}: {}", answer.body);
    }
    let blank = post(&server, &[("idempotency-key", " ")], &body);
    assert_eq!((blank.status, &read(&blank)["field"]), (400, &json!("Idempotency-Key")));
    server.stop();
}

#[test]
fn metrics_are_by_function_and_the_log_goes_to_a_file_a_day() {
    let mut config = CONFIG.to_owned();
    config.push_str("\n[logs]\nfolder = \"logs\"\n[alarms.fails]\nmetric = \"errors\"\n");
    let project = project();
    project.write("stepwell.toml", &config);
    let server = Server::start(&project, &[]);
    let answer = post(&server, &[], &json!({"GroupID": "buoys", "StreamID": "7-temp"}));
    let arn = read(&answer)["executionArn"].as_str().unwrap().to_owned();
    assert_eq!(server.ended(&arn)["status"], "SUCCEEDED");
    let metrics = server.get("/metrics").body;
    for line in [
        r#"stepwell_function_invocations_total{function="stepwell-stream-qc-start"} 1"#,
        r#"stepwell_function_errors_total{function="stepwell-stream-qc-start"} 0"#,
        r#"stepwell_function_duration_seconds_count{function="stepwell-stream-qc-end"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    server.stop();
    let files: Vec<_> = std::fs::read_dir(project.path().join("logs")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert!(text.contains("serving"), "{text}");
}

#[test]
fn a_token_is_asked_for_and_fields_are_checked_of_any_state_machine() {
    let mut project = Project::configured(
        r#"
        [state-machines.echo]
        definition = "echo.asl.json"
        [triggers.http.echo]
        state_machine = "echo"
        path = "/echo"
        token = "secret:echo/token"
        fields = { "a.b" = "number", at = "timestamp?" }
        "#,
    );
    project.write("echo.asl.json", r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#);
    project.variable("STEPWELL_SECRET_ECHO_TOKEN", "open-sesame");
    let server = Server::start(&project, &[]);
    let ask = |token: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("authorization", token)];
        server.post("/echo", &headers, body)
    };
    assert_eq!(ask("Bearer wrong", r#"{"a":{"b":1}}"#).status, 401);
    assert_eq!(ask("Bearer open-sesame", r#"{"a":{"b":1}}"#).status, 202);
    for (body, field) in [(r#"{"a":{}}"#, "a.b"), (r#"{"a":{"b":1},"at":"now"}"#, "at")] {
        let answer = ask("Bearer open-sesame", body);
        assert_eq!((answer.status, &read(&answer)["field"]), (400, &json!(field)));
    }
    server.stop();
    assert_eq!(project.files_with("open-sesame"), Vec::<String>::new());
}

#[test]
fn messages_start_executions_once_and_poison_goes_to_the_dead_letters() {
    let project = project();
    let server = Server::start(&project, &[]);
    let sqs = |action: &str, input: Value| {
        let target = format!("AmazonSQS.{action}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", &*target)];
        let answer = server.post("/", &headers, &input.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        read(&answer)
    };
    let url = sqs("GetQueueUrl", json!({"QueueName": "qc-requests.fifo"}))["QueueUrl"].clone();
    let wanted = json!({"GroupID": "buoys", "StreamID": "7-temp"}).to_string();
    let bodies = [&wanted, r#"{"GroupID": "buoys"}"#, "no JSON", &wanted];
    for (number, body) in bodies.into_iter().enumerate() {
        let message = json!({
            "QueueUrl": url, "MessageBody": body,
            "MessageGroupId": "g", "MessageDeduplicationId": number.to_string(),
        });
        sqs("SendMessage", message);
    }
    let clock = std::sync::Arc::new(jiff::Timestamp::now);
    let file = project.path().join(".stepwell/queues.db");
    let options = EmbeddedOptions { max_receive_count: 5 };
    let queue = EmbeddedQueue::open(&file, "qc-requests.fifo", options, clock).unwrap();
    let runtime = runtime();
    poll("the queue is worked off", || {
        let depth = runtime.block_on(queue.depth()).unwrap();
        (depth.waiting + depth.in_flight == 0).then_some(())
    });
    let dead = runtime.block_on(queue.dead_letters()).unwrap();
    let reasons: Vec<_> = dead.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("`StreamID`") && reasons[1].contains("JSON"), "{reasons:?}");
    let started = project.json(&["execution", "list"]);
    let started = started.as_array().unwrap().iter().filter(|it| it["stateMachine"] == "stream-qc");
    assert_eq!(started.count(), 2);
    server.stop();
}

/// A project whose schedules of one stream and of a group were seen, and had fired, long ago.
fn scheduled() -> Project {
    let project = project();
    let schedules = r#"
[pipelines.stream-qc]
streams = "streams"
schedule = "rate(1 hour)"
input = { GroupID = "buoys", StreamID = "7-temp" }
[pipelines.stream-qc.all]
schedule = "rate(1 hour)"
input = { GroupID = "buoys" }
"#;
    project.write("stepwell.toml", schedules);
    let memory = json!({
        "expression": "rate(1 hour)", "since": "2026-01-01T00:00:00Z", "fired": "2026-01-01T00:00:00Z",
    });
    let memory = json!({"format": 1, "schedules": {"stream-qc": memory, "stream-qc-all": memory}});
    std::fs::create_dir_all(project.path().join(".stepwell")).unwrap();
    project.write(".stepwell/schedules.json", &memory.to_string());
    project
}

#[test]
fn schedules_start_one_stream_and_all_streams_with_their_inputs() {
    let project = scheduled();
    let server = Server::start(&project, &[]);
    let one = json!({"GroupID": "buoys", "StreamID": "7-temp"});
    for (machine, input, verdict, expected) in [
        ("stream-qc", one, "/output/Status", json!("FAILED")),
        ("stream-qc-all", json!({"GroupID": "buoys"}), "/output/Results/0/Status", json!("FAILED")),
    ] {
        let list = ["execution", "list", "--state-machine", machine, "--status", "succeeded"];
        let started = poll("an execution by schedule", || {
            project.json(&list).as_array().unwrap().first().cloned()
        });
        let name = started["name"].as_str().unwrap();
        assert!(name.starts_with("schedule-"), "{name}");
        let shown = project.json(&["execution", "show", started["executionArn"].as_str().unwrap()]);
        assert_eq!(shown["input"], input);
        assert_eq!(shown.pointer(verdict), Some(&expected), "{shown:#}");
    }
    server.stop();
    let written = project.json(&["qc", "report", "--out", "pages"]);
    assert_eq!(written["streams"], 1);
    assert!(
        project.read("pages/index.html").unwrap().contains("0 of 2"),
        "both runs have a verdict"
    );
}

#[test]
fn triggers_that_cannot_work_are_refused_with_their_place() {
    for (toml, expected) in [
        ("[triggers.http.a]\nstate_machine = \"none\"\npath = \"/a\"\n", "`none`"),
        ("[triggers.http.a]\nstate_machine = \"x\"\npath = \"a\"\n", "no path"),
        ("[triggers.http.a]\nstate_machine = \"x\"\npath = \"/metrics\"\n", "/metrics"),
        ("[triggers.http.a]\nstate_machine = \"x\"\npth = \"/a\"\n", "`path`"),
        (
            "[triggers.http.a]\nstate_machine = \"x\"\npath = \"/a\"\nfields = { b = \"text\" }\n",
            "`timestamp`",
        ),
        (
            "[triggers.queue.a]\nstate_machine = \"x\"\nqueue = \"q\"\nmax_attempts = 0\n",
            "max_attempts",
        ),
        ("[triggers.webhook.a]\n", "`http`"),
    ] {
        let told = Project::configured(toml).fails(2, &["serve", "--listen", "127.0.0.1:0"]);
        assert!(told.contains(expected) && told.contains("stepwell.toml"), "{toml}: {told}");
    }
}
