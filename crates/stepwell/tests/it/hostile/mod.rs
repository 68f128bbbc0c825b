//! Clients that mean harm or know no better, all at once, while executions go on: each gets an error of AWS or a clean close, and
//! nothing is lost, leaked or held up.

mod attacks;
mod connections;
mod load;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::{Project, poll};

/// Longer than any answer takes: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the server may hold in memory once all is over. It is a debug build, and has seen ten thousand connections.
const MEMORY_KIB_MAX: u64 = 1 << 20;

/// Descriptors that come and go with the store's readers and with the runtime.
const DESCRIPTORS_SLACK: usize = 32;

/// Where to ask, and what lets somebody in who does not sign.
pub(super) struct Target {
    address: String,
    token: String,
    pid: u32,
    /// Executions that were checked to the end.
    checked: AtomicU64,
    is_over: AtomicBool,
}

/// What came back: the status and all of the text; nothing where the connection was closed without a word.
pub(super) type Answer = Option<(u16, String)>;

impl Target {
    pub(super) fn of(server: &Server, project: &Project) -> Self {
        let file: Value =
            serde_json::from_str(&project.read(".stepwell/server.json").unwrap()).unwrap();
        Self {
            address: server.address.clone(),
            token: file["token"].as_str().unwrap().to_owned(),
            pid: server.child.id(),
            checked: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes and reads until the server closes.
    pub(super) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has heard enough closes while there is more.
        let _ = stream.write_all(bytes);
        ended(&mut stream)
    }

    /// A request of somebody who is let in, for an operation of Step Functions unless the headers say otherwise.
    pub(super) fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let (host, token, length) = (&self.address, &self.token, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{headers}\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        self.send(request.as_bytes())
    }

    #[track_caller]
    pub(super) fn ok(&self, operation: &str, request: &Value) -> Value {
        let answer = self.post("/", &of_states(operation), &request.to_string());
        let (status, text) = answer.unwrap_or_else(|| panic!("{operation}: closed"));
        assert_eq!(status, 200, "{operation}: {text}");
        serde_json::from_str(body(&text)).unwrap()
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
    }

    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Until one more execution was checked, or all is over.
    pub(super) fn one_more(&self) {
        let before = self.checked.load(Ordering::Relaxed);
        poll("one more execution", || {
            let is_more = self.checked.load(Ordering::Relaxed) > before;
            (is_more || self.is_over.load(Ordering::Relaxed)).then_some(())
        });
    }
}

/// The headers of a request to Step Functions.
pub(super) fn of_states(operation: &str) -> String {
    format!(
        "content-type: application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n"
    )
}

/// What a connection tells until it is closed, however that is done. It must be closed.
pub(super) fn ended(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let is_closed = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(is_closed, "neither answered nor closed: {error}");
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (!text.is_empty()).then(|| (text[9..12].parse().unwrap(), text))
}

pub(super) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn hostile_clients_harm_nobody() {
    let mut project = Project::configured("[access-keys]\nmine = \"secret:clients/mine\"\n");
    project.variable("STEPWELL_SECRET_CLIENTS_MINE", "hunter2-hunter2");
    let idle = connections::possible();
    let most = idle.to_string();
    let arguments =
        ["--require-auth", "--test-functions", "effects.db", "--connections", most.as_str()];
    let server = Server::start(&project, &arguments);
    let target = Target::of(&server, &project);
    let machine = load::create(&target);
    load::run(&target, &machine, 20);
    let before = target.descriptors();
    std::thread::scope(|scope| {
        let going_on = scope.spawn(|| load::go_on(&target, &machine));
        let attacks = [
            scope.spawn(|| attacks::requests(&target)),
            scope.spawn(|| attacks::signatures(&target)),
            scope.spawn(|| attacks::bytes(&target)),
            scope.spawn(|| attacks::broken_off(&target, &machine)),
            scope.spawn(|| connections::slow(&target)),
            scope.spawn(|| connections::idle(&target, idle)),
        ];
        let results = attacks.map(std::thread::ScopedJoinHandle::join);
        target.is_over.store(true, Ordering::Relaxed);
        going_on.join().unwrap();
        for result in results {
            result.unwrap();
        }
    });
    let after = poll("as few descriptors as before", || {
        let now = target.descriptors();
        (now <= before + DESCRIPTORS_SLACK).then_some(now)
    });
    let (memory, checked) = (target.memory_kib(), target.checked.load(Ordering::Relaxed));
    assert!(memory < MEMORY_KIB_MAX, "{memory} KiB");
    load::run(&target, &machine, 20);
    let _ = writeln!(
        std::io::stderr(),
        "{checked} executions checked beside {idle} idle connections; descriptors {before} -> {after}; {memory} KiB"
    );
    assert_eq!(load::effects(&project), checked + 20);
    server.stop();
    assert_eq!(project.files_with("hunter2-hunter2"), [""; 0]);
}

#[test]
fn a_new_connection_takes_the_place_of_the_one_that_waited_longest_and_of_none_that_is_served() {
    let project = Project::new();
    let server = Server::start(&project, &["--connections", "8"]);
    let target = Target::of(&server, &project);
    let activity = target.ok("CreateActivity", &json!({"name": "a"}))["activityArn"].clone();
    let task = json!({"Type": "Task", "Resource": activity, "End": true});
    let definition = json!({"StartAt": "A", "States": {"A": task}}).to_string();
    let ask = json!({"name": "m", "definition": definition, "input": "[7]"}).to_string();
    // One is served: a command that follows an execution, which has begun.
    let mut command = BufReader::new(target.connect());
    let (host, token, length) = (&target.address, &target.token, ask.len());
    write!(
        command.get_mut(),
        "POST /_stepwell/run HTTP/1.0\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n{ask}"
    )
    .unwrap();
    let mut told = String::new();
    while !told.contains("begun") {
        assert_ne!(command.read_line(&mut told).unwrap(), 0, "{told}");
    }
    let mut idle: Vec<_> = (0..40).map(|_| target.connect()).collect();
    // The first ones make room, though they did nothing.
    for stream in &mut idle[..30] {
        assert_eq!(ended(stream), None);
    }
    let task = target.ok("GetActivityTask", &json!({ "activityArn": activity }));
    assert_eq!(task["input"], "[7]");
    target.ok("SendTaskSuccess", &json!({"taskToken": task["taskToken"], "output": "\"done\""}));
    command.read_to_string(&mut told).unwrap();
    assert!(told.contains("\"event\":\"ended\"") && told.contains("done"), "{told}");
    server.stop();
}
