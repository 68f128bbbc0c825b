//! `stepwell serve`: the API, schedules, signals.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::{Project, poll, provided};

const ECHO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

/// A running server; killed if it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    /// Starts a server on a free port and waits until it answers. Its log goes to `serve.log`.
    #[track_caller]
    pub(crate) fn start(project: &Project, arguments: &[&str]) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(project.path().join("serve.log"))
            .unwrap();
        let _ = std::fs::remove_file(project.path().join(".stepwell/server.json"));
        let mut child = project
            .command(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = poll("the server's address", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {:?}", project.read("serve.log"));
            let file: Value = serde_json::from_str(&project.read(".stepwell/server.json")?).ok()?;
            file["address"].as_str().map(str::to_owned)
        });
        Self { child, address }
    }

    /// One request on a connection of its own.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let given = lines.concat();
        let host = if given.contains("host:") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}{given}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.request("POST", path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    /// Calls an operation of the API.
    fn call(&self, operation: &str, request: &Value) -> Answer {
        let target = format!("AWSStepFunctions.{operation}");
        let headers =
            [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        self.post("/", &headers, &request.to_string())
    }

    #[track_caller]
    fn ok(&self, operation: &str, request: &Value) -> Value {
        let answer = self.call(operation, request);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    #[track_caller]
    fn refused(&self, operation: &str, request: &Value) -> String {
        let answer = self.call(operation, request);
        assert_eq!(answer.status, 400, "{operation}: {}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(body["message"].is_string());
        body["__type"].as_str().unwrap().to_owned()
    }

    pub(crate) fn start_execution(&self, machine: &str, input: &str) -> String {
        let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}");
        let started = self.ok("StartExecution", &json!({"stateMachineArn": arn, "input": input}));
        started["executionArn"].as_str().unwrap().to_owned()
    }

    /// Waits until an execution ended.
    pub(crate) fn ended(&self, arn: &str) -> Value {
        poll("the end of an execution", || {
            let shown = self.ok("DescribeExecution", &json!({ "executionArn": arn }));
            (shown["status"] != "RUNNING").then_some(shown)
        })
    }

    /// Asks it to stop, and checks that it did so in order.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn create(server: &Server, name: &str, definition: &str) -> Value {
    let role = "arn:aws:iam::000000000000:role/any";
    server
        .ok("CreateStateMachine", &json!({"name": name, "definition": definition, "roleArn": role}))
}

#[test]
fn the_api_creates_runs_and_shows() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let created = create(&server, "echo", ECHO);
    let arn = created["stateMachineArn"].as_str().unwrap();
    assert!(created["creationDate"].is_f64());
    let execution = server.start_execution("echo", "{\"a\":1}");
    let ended = server.ended(&execution);
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!("{\"a\":1}")));
    let history =
        server.ok("GetExecutionHistory", &json!({"executionArn": execution, "reverseOrder": true}));
    assert_eq!(history["events"][0]["type"], "ExecutionSucceeded");
    let listed =
        server.ok("ListExecutions", &json!({"stateMachineArn": arn, "statusFilter": "SUCCEEDED"}));
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1));
    let updated = server.ok(
        "UpdateStateMachine",
        &json!({"stateMachineArn": arn, "definition": ECHO.replace("\"A\"", "\"B\"")}),
    );
    assert!(updated["revisionId"].is_string());
    let then = server.ok("DescribeStateMachineForExecution", &json!({ "executionArn": execution }));
    assert_eq!(then["definition"], ECHO);
    assert_eq!(server.ok("ListStateMachines", &json!({}))["stateMachines"][0]["name"], "echo");
    server.ok("DeleteStateMachine", &json!({ "stateMachineArn": arn }));
    assert_eq!(
        server.refused("StartExecution", &json!({ "stateMachineArn": arn })),
        "StateMachineDoesNotExist"
    );
    server.stop();
}

#[test]
fn the_api_refuses_with_the_names_of_aws() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let arn = create(&server, "echo", ECHO)["stateMachineArn"].clone();
    for (operation, request, name) in [
        (
            "CreateStateMachine",
            json!({"name": "x", "definition": "{}", "roleArn": "r"}),
            "InvalidDefinition",
        ),
        (
            "CreateStateMachine",
            json!({"name": "a b", "definition": ECHO, "roleArn": "r"}),
            "InvalidName",
        ),
        ("CreateStateMachine", json!({"name": "x", "definition": ECHO}), "ValidationException"),
        (
            "CreateStateMachine",
            json!({"name": "x", "definition": ECHO, "roleArn": "r", "type": "FAST"}),
            "ValidationException",
        ),
        (
            "CreateStateMachine",
            json!({"name": "x", "definition": ECHO, "roleArn": "r", "versionDescription": "v"}),
            "ValidationException",
        ),
        ("UpdateStateMachine", json!({ "stateMachineArn": arn }), "MissingRequiredParameter"),
        ("DescribeStateMachine", json!({"stateMachineArn": "nonsense"}), "InvalidArn"),
        (
            "StartExecution",
            json!({"stateMachineArn": arn, "input": "not json"}),
            "InvalidExecutionInput",
        ),
        (
            "ListExecutions",
            json!({"stateMachineArn": arn, "maxResults": 1001}),
            "ValidationException",
        ),
        ("ListExecutions", json!({"stateMachineArn": arn, "nextToken": "forged"}), "InvalidToken"),
        ("Frobnicate", json!({}), "UnknownOperationException"),
        ("StartExecution", json!({"stateMachineArn": 5}), "SerializationException"),
    ] {
        assert_eq!(server.refused(operation, &request), name, "{operation} {request}");
    }
    server.stop();
}

#[test]
fn a_web_page_cannot_call_the_api() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let json = ("content-type", "application/x-amz-json-1.0");
    let target = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
    assert_eq!(server.post("/", &[json, target], "{}").status, 200);
    assert_eq!(
        server.post("/", &[json, target, ("origin", "http://evil.example")], "{}").status,
        403
    );
    assert_eq!(server.post("/", &[json, target, ("host", "evil.example")], "{}").status, 403);
    assert_eq!(server.post("/", &[("content-type", "text/plain"), target], "{}").status, 400);
    assert_eq!(server.post("/", &[json], "{}").status, 400);
    server.stop();
}

/// A page could have an address that somebody signed for it, and would need no answer.
#[test]
fn a_web_page_cannot_use_the_buckets() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let scope = "AWS4-HMAC-SHA256 Credential=x/20260301/us-east-1/s3/aws4_request";
    let signed = ("authorization", scope);
    assert_eq!(server.request("PUT", "/raw", &[signed], "").status, 200);
    let by_browser = ["cross-site", "same-site", "none"].map(|site| ("sec-fetch-site", site));
    let of_page = [("origin", "http://evil.example"), ("host", "evil.example")];
    for from in by_browser.into_iter().chain(of_page) {
        for (method, path) in [("PUT", "/raw/a"), ("GET", "/raw"), ("DELETE", "/raw")] {
            let answer = server.request(method, path, &[signed, from], "x");
            assert_eq!(answer.status, 403, "{method} {from:?}");
            assert!(answer.body.contains("<Code>AccessDenied</Code>"), "{}", answer.body);
            assert!(answer.head.contains("x-content-type-options: nosniff"), "{}", answer.head);
        }
    }
    let listed = server.request("GET", "/raw", &[signed], "");
    assert_eq!(listed.status, 200, "it is there still");
    assert!(!listed.body.contains("<Contents>"), "{}", listed.body);
    server.stop();
}

#[test]
fn health_metrics_and_request_ids_are_there() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let health: Value = serde_json::from_str(&server.get("/healthz").body).unwrap();
    assert_eq!(health, json!({"status": "ok", "running": 0}));
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("stepwell_executions_running 0"), "{metrics}");
    assert!(server.call("ListStateMachines", &json!({})).head.contains("x-amzn-requestid: "));
    server.stop();
    let log = project.read("serve.log").unwrap();
    assert!(log.contains("serving") && log.contains("stopped"), "{log}");
}

#[test]
fn logs_are_json_where_asked() {
    let project = Project::new();
    Server::start(&project, &["--log-format", "json"]).stop();
    let log = project.read("serve.log").unwrap();
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines.iter().any(|line| line["message"] == "serving" && line["level"] == "INFO"),
        "{log}"
    );
}

#[test]
fn what_ran_goes_on_after_a_stop_and_after_a_kill() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let wait = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3,"End":true}}}"#;
    create(&server, "waiting", wait);
    let execution = server.start_execution("waiting", "1");
    server.stop();
    Server::start(&project, &[]).kill();
    let server = Server::start(&project, &[]);
    assert_eq!(server.ended(&execution)["output"], "1");
    server.stop();
}

#[test]
fn a_client_that_never_finishes_its_request_does_not_hold_up_the_stop() {
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let mut unfinished = TcpStream::connect(&server.address).unwrap();
    unfinished.write_all(b"GET /healthz HTTP/1.1\r\nHost").unwrap();
    assert_eq!(server.get("/healthz").status, 200);
    server.stop();
}

fn scheduled(schedule: &str) -> Project {
    let project = Project::configured(&format!(
        "[state-machines.tick]\ndefinition = \"tick.asl.json\"\nschedule = \"{schedule}\"\ninput = {{ by = \"schedule\" }}\n"
    ));
    project.write("tick.asl.json", ECHO);
    project
}

fn ticks(project: &Project) -> Vec<Value> {
    project.json(&["execution", "list"]).as_array().unwrap().clone()
}

/// As if the schedule had been seen and had fired long ago.
fn remember(project: &Project, expression: &str, fired: &str) {
    std::fs::create_dir_all(project.path().join(".stepwell")).unwrap();
    let memory = json!({"expression": expression, "since": "2026-01-01T00:00:00Z", "fired": fired});
    project.write(
        ".stepwell/schedules.json",
        &json!({"format": 1, "schedules": {"tick": memory}}).to_string(),
    );
}

#[test]
fn a_schedule_starts_an_execution_with_its_input() {
    let due = Timestamp::now() + 2.seconds();
    let expression = due.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string();
    let project = scheduled(&expression);
    // Seen before it is due, however long the server takes to start.
    remember(&project, &expression, "2026-01-01T00:00:00Z");
    let server = Server::start(&project, &[]);
    let tick = poll("an execution by schedule", || ticks(&project).pop());
    assert_eq!(tick["name"], due.strftime("schedule-%Y-%m-%dT%H-%M-%SZ").to_string());
    assert_eq!(
        project.json(&["execution", "show", tick["name"].as_str().unwrap()])["input"],
        json!({"by": "schedule"})
    );
    server.stop();
}

#[test]
fn what_was_missed_is_caught_up_once() {
    let project = scheduled("rate(1 hour)");
    remember(&project, "rate(1 hour)", "2026-01-01T00:00:00Z");
    let server = Server::start(&project, &[]);
    poll("the catch-up", || ticks(&project).pop());
    server.stop();
    // And not again after the next start: the next is due within the hour.
    let server = Server::start(&project, &[]);
    server.get("/healthz");
    server.stop();
    assert_eq!(ticks(&project).len(), 1);
}

#[test]
fn a_scheduled_execution_does_not_overlap_one_that_runs() {
    let project = scheduled("rate(1 hour)");
    project.write(
        "tick.asl.json",
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}"#,
    );
    remember(&project, "rate(1 hour)", "2026-01-01T00:00:00Z");
    let server = Server::start(&project, &[]);
    poll("the catch-up", || ticks(&project).pop());
    server.stop();
    remember(&project, "rate(1 hour)", "2026-01-01T00:00:00Z");
    let server = Server::start(&project, &[]);
    poll("the skip", || {
        project.read("serve.log").filter(|log| log.contains("the last execution still runs"))
    });
    server.stop();
    assert_eq!(ticks(&project).len(), 1);
}

/// Runs a script with boto3; it ends well or tells what it met. Gives what it prints.
#[track_caller]
pub(crate) fn script(server: &Server, python: &str, name: &str, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name);
    let output = Command::new(python)
        .arg(script)
        .arg(format!("http://{}", server.address))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn boto3_is_understood() {
    let Some(python) = provided("STEPWELL_PYTHON") else { return };
    let mut project = Project::new();
    project.variable("PATH", &path_with(&python));
    let server = Server::start(&project, &[]);
    script(&server, &python, "boto3_client.py", &[]);
    script(&server, &python, "boto3_pages.py", &[]);
    server.stop();
}

#[test]
fn who_signs_is_let_in_and_nobody_else() {
    let Some(python) = provided("STEPWELL_PYTHON") else { return };
    let mut project = Project::configured("[access-keys]\nany = \"secret:clients/any\"\n");
    project.variable("STEPWELL_SECRET_CLIENTS_ANY", "any");
    project.variable("PATH", &path_with(&python));
    let server = Server::start(&project, &["--require-auth"]);
    let refused = server.call("ListStateMachines", &json!({}));
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("MissingAuthenticationTokenException"), "{}", refused.body);
    assert_eq!((server.get("/metrics").status, server.get("/healthz").status), (403, 200));
    // Commands of the project have its token.
    let machine = "arn:aws:states:us-east-1:000000000000:execution:none:one";
    let says = project.fails(3, &["execution", "stop", machine]);
    assert!(says.contains("does not exist"), "{says}");
    // Functions sign with a key of their own.
    script(&server, &python, "boto3_client.py", &[]);
    script(&server, &python, "services_client.py", &["before"]);
    server.stop();
    project.variable("STEPWELL_SECRET_CLIENTS_ANY", "another");
    let server = Server::start(&project, &["--require-auth"]);
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boto3_client.py");
    let address = format!("http://{}", server.address);
    let output = Command::new(python).arg(client).arg(address).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("(InvalidSignatureException)"));
}

#[test]
fn beyond_loopback_there_must_be_access_keys() {
    let project = Project::new();
    let says = project.fails(2, &["serve", "--listen", "0.0.0.0:0"]);
    assert!(says.contains("must be signed"), "{says}");
    project.write(
        "stepwell.toml",
        "[access-keys]\nme = \"hunter2\"\n[triggers.http.hook]\nstate_machine = \"m\"\npath = \"/m\"\n",
    );
    let says = project.fails(2, &["serve", "--require-auth"]);
    assert!(says.contains("the trigger `hook` has no `token`"), "{says}");
    assert!(says.contains("`stepwell secret set access-keys/me`"), "{says}");
    assert!(!says.contains("hunter2"), "{says}");
}

/// The Python that functions run with has boto3, as AWS's has.
pub(crate) fn path_with(python: &str) -> String {
    let folder = Path::new(python).parent().unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn services_are_for_clients_functions_and_tasks_and_survive_a_kill() {
    let Some(python) = provided("STEPWELL_PYTHON") else { return };
    let mut project = Project::new();
    project.variable("PATH", &path_with(&python));
    let server = Server::start(&project, &[]);
    script(&server, &python, "services_client.py", &["before"]);
    server.kill();
    let server = Server::start(&project, &[]);
    script(&server, &python, "services_client.py", &["after"]);
    server.stop();
    assert_eq!(project.files_with("hunter2-hunter2"), [""; 0]);
    assert_eq!(project.read(".stepwell/secrets.json"), None, "not a secret of the project");
}
