//! Registers: places that hold one number each and are written again and again while the server is killed.
//!
//! A writer for each counts up; the next number is written once the last one was acknowledged. Whatever is read must be
//! the number that was acknowledged last, or the one on its way. After the last restart it must be the last one.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use Request::{Json, Object, Path};

use super::project::DESCRIBED;
use super::queue::NUMBERED;
use super::stores;
use crate::sfn::{Client, Error};

/// The server is busy enough with executions.
const PACE: Duration = Duration::from_millis(100);

/// A write that is open for longer is stuck.
const ANSWER_MAX: Duration = Duration::from_mins(2);

/// Smaller numbers are no size of a message.
const FIRST: u64 = 1_024;

/// A request to a service.
enum Request {
    /// Target, operation, members.
    Json(&'static str, &'static str, Value),
    /// Method, path, members.
    Path(&'static str, String, Value),
    /// Method, path, body.
    Object(&'static str, String, String),
}

/// A place that holds a number.
struct Register {
    name: &'static str,
    create: fn(u64) -> Request,
    write: fn(u64) -> Request,
    read: fn() -> Request,
    /// Where the number stands in the answer, as a JSON pointer.
    at: &'static str,
}

const REGISTERS: [Register; 8] = [
    Register {
        name: "a parameter",
        create: put_parameter,
        write: put_parameter,
        read: || Json("AmazonSSM", "GetParameter", json!({"Name": "register"})),
        at: "/Parameter/Value",
    },
    Register {
        name: "a secret",
        create: |number| {
            let secret = json!({"Name": "register", "SecretString": number.to_string()});
            Json("secretsmanager", "CreateSecret", secret)
        },
        write: |number| {
            let secret = json!({"SecretId": "register", "SecretString": number.to_string()});
            Json("secretsmanager", "PutSecretValue", secret)
        },
        read: || Json("secretsmanager", "GetSecretValue", json!({"SecretId": "register"})),
        at: "/SecretString",
    },
    Register {
        name: "a rule",
        create: put_rule,
        write: put_rule,
        read: || Json("AWSEvents", "DescribeRule", json!({"Name": "register"})),
        at: "/Description",
    },
    Register {
        name: "an attribute of a queue",
        create: set_attribute,
        write: set_attribute,
        read: || {
            let wanted =
                json!({"QueueUrl": NUMBERED.url(), "AttributeNames": ["MaximumMessageSize"]});
            Json("AmazonSQS", "GetQueueAttributes", wanted)
        },
        at: "/Attributes/MaximumMessageSize",
    },
    Register {
        name: "a state machine",
        create: |number| {
            let machine = json!({
                "name": "register",
                "definition": definition(number),
                "roleArn": "arn:aws:iam::000000000000:role/torture",
            });
            Json("AWSStepFunctions", "CreateStateMachine", machine)
        },
        write: |number| {
            let change = json!({"stateMachineArn": MACHINE_ARN, "definition": definition(number)});
            Json("AWSStepFunctions", "UpdateStateMachine", change)
        },
        read: || {
            let machine = json!({"stateMachineArn": MACHINE_ARN});
            Json("AWSStepFunctions", "DescribeStateMachine", machine)
        },
        at: "/definition",
    },
    Register {
        name: "a function",
        create: describe_function,
        write: describe_function,
        read: || Path("GET", configuration(), Value::Null),
        at: "/Description",
    },
    Register {
        name: "an object",
        create: put_object,
        write: put_object,
        read: || Object("GET", object(), String::new()),
        at: "",
    },
    Register {
        name: "an item",
        create: put_item,
        write: put_item,
        read: || {
            let wanted =
                json!({"TableName": stores::REGISTERS, "Key": key(), "ConsistentRead": true});
            Json(stores::DYNAMODB, "GetItem", wanted)
        },
        at: "/Item/number/S",
    },
];

const MACHINE_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:register";

fn put_parameter(number: u64) -> Request {
    let parameter = json!({
        "Name": "register", "Value": number.to_string(), "Type": "String", "Overwrite": true,
    });
    Json("AmazonSSM", "PutParameter", parameter)
}

fn put_rule(number: u64) -> Request {
    let rule = json!({
        "Name": "register", "EventPattern": r#"{"source":["nobody"]}"#, "Description": number.to_string(),
    });
    Json("AWSEvents", "PutRule", rule)
}

fn set_attribute(number: u64) -> Request {
    let attributes = json!({"MaximumMessageSize": number.to_string()});
    Json(
        "AmazonSQS",
        "SetQueueAttributes",
        json!({"QueueUrl": NUMBERED.url(), "Attributes": attributes}),
    )
}

fn describe_function(number: u64) -> Request {
    Path("PUT", configuration(), json!({"Description": number.to_string()}))
}

fn put_object(number: u64) -> Request {
    Object("PUT", object(), number.to_string())
}

fn object() -> String {
    format!("/{}/register", stores::REGISTERS)
}

fn put_item(number: u64) -> Request {
    let mut item = key();
    item["number"] = json!({"S": number.to_string()});
    Json(stores::DYNAMODB, "PutItem", json!({"TableName": stores::REGISTERS, "Item": item}))
}

fn key() -> Value {
    json!({"id": {"S": "register"}})
}

fn configuration() -> String {
    format!("/2015-03-31/functions/{DESCRIBED}/configuration")
}

fn definition(number: u64) -> String {
    let state = json!({"Type": "Pass", "Result": number, "End": true});
    json!({"StartAt": "A", "States": {"A": state}}).to_string()
}

impl Register {
    fn read(&self, client: &mut Client) -> Result<u64, Error> {
        let answer = call(client, &(self.read)())?;
        let value = answer.pointer(self.at).and_then(Value::as_str).unwrap_or_default();
        // Of a definition, the number that its state gives.
        let in_definition = || {
            let definition: Value = serde_json::from_str(value).ok()?;
            definition.pointer("/States/A/Result").and_then(Value::as_u64)
        };
        Ok(value.parse().ok().or_else(in_definition).unwrap_or_default())
    }
}

fn call(client: &mut Client, request: &Request) -> Result<Value, Error> {
    match request {
        Json(service, operation, members) => client.call_service(service, operation, members),
        Path(method, path, members) => client.call_path(method, path, members),
        Object(method, path, body) => client.call_object(method, path, body).map(Value::String),
    }
}

/// Makes the places.
pub(super) fn create(client: &mut Client) -> Result<(), Error> {
    REGISTERS.iter().try_for_each(|register| call(client, &(register.create)(FIRST)).map(drop))
}

/// What was acknowledged of each register at last, and what was found wrong.
#[derive(Debug, Default)]
pub(super) struct Written {
    last: [u64; REGISTERS.len()],
    pub(super) findings: Vec<String>,
}

impl Written {
    /// How many writes were acknowledged.
    pub(super) fn count(&self) -> u64 {
        self.last.iter().map(|last| last - FIRST).sum()
    }

    /// What the registers do not hold after a last restart.
    pub(super) fn lost(&self, client: &mut Client) -> Result<Vec<String>, Error> {
        let mut lost = Vec::new();
        for (register, last) in REGISTERS.iter().zip(&self.last) {
            let found = register.read(client)?;
            if found != *last {
                lost.push(format!("{} holds {found} at last, not {last}", register.name));
            }
        }
        Ok(lost)
    }
}

/// Writes all registers until it is enough.
pub(super) fn run(server: SocketAddr, enough: &AtomicBool) -> Written {
    let written = Mutex::new(Written::default());
    thread::scope(|scope| {
        for (index, register) in REGISTERS.iter().enumerate() {
            let written = &written;
            scope.spawn(move || {
                let mut writer = Writer::new(register, server);
                writer.count_up(enough);
                let mut written = written.lock().expect("no writer panics");
                written.last[index] = writer.last;
                written.findings.extend(writer.findings);
            });
        }
    });
    written.into_inner().expect("no writer panics")
}

/// Who writes one register.
struct Writer<'r> {
    register: &'r Register,
    client: Client,
    /// What was acknowledged last.
    last: u64,
    /// Since when the next number is on its way.
    pending: Option<Instant>,
    findings: Vec<String>,
}

impl<'r> Writer<'r> {
    fn new(register: &'r Register, server: SocketAddr) -> Self {
        let client = Client::new(server);
        Self { register, client, last: FIRST, pending: None, findings: Vec::new() }
    }

    /// Counts up until it is enough, or something is wrong. What is on its way then is seen through.
    fn count_up(&mut self, enough: &AtomicBool) {
        while self.findings.is_empty()
            && (self.pending.is_some() || !enough.load(Ordering::Relaxed))
        {
            self.read();
            self.write();
            sleep(PACE);
        }
    }

    fn read(&mut self) {
        let next = self.last + 1;
        match self.register.read(&mut self.client) {
            Ok(found) if found == self.last => {}
            // Its acknowledgement was lost. What was read once must stay.
            Ok(found) if self.pending.is_some() && found == next => self.acknowledge(),
            Ok(found) => self.find(&format!("holds {found}, not {}", self.last)),
            Err(Error::NoAnswer(_)) => {}
            Err(refused) => self.find(&format!("was not read: {refused}")),
        }
    }

    fn write(&mut self) {
        let since = *self.pending.get_or_insert_with(Instant::now);
        match call(&mut self.client, &(self.register.write)(self.last + 1)) {
            Ok(_) => self.acknowledge(),
            Err(Error::NoAnswer(_)) if since.elapsed() < ANSWER_MAX => {}
            Err(error) => self.find(&format!("was not written: {error}")),
        }
    }

    fn acknowledge(&mut self) {
        self.last += 1;
        self.pending = None;
    }

    fn find(&mut self, what: &str) {
        self.findings.push(format!("{} {what}", self.register.name));
    }
}
