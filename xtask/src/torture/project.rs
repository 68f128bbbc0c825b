//! The project folder that is tortured: its configuration, its function, and what clients create in it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::queue::{EFFECTS, QUEUES};
use super::{effects, registers, stores, workload};
use crate::server::{self, Launch};
use crate::sfn::Client;

/// The function of `stepwell.toml`.
pub(super) const CONFIGURED: &str = "tortured";
/// The same one, created through the Lambda API.
pub(super) const CREATED: &str = "tortured-created";
/// A third one, which nobody calls: its description is a register.
pub(super) const DESCRIBED: &str = "tortured-described";

pub(super) const ACTIVITY_ARN: &str = "arn:aws:states:us-east-1:000000000000:activity:torture";
pub(super) const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:000000000000:torture";

const CONFIGURATION: &str = r#"
[functions.tortured]
runtime = "python3.12"
handler = "app.handler"
code = "tortured"
timeout_seconds = 120
"#;

/// Leaves its effect as a message, as an ordinary function would, with nothing but the standard library. It may be asked
/// to send a message on, too.
const CODE: &str = r#"
import json
import os
import time
import urllib.request


class Unlucky(Exception):
    pass


def handler(event, context):
    send("torture-effects", event["effect"])
    if "message" in event:
        send("torture-callbacks", json.dumps(event["message"]))
    time.sleep(event["millis"] / 1000)
    if event["attempt"] < event["failures"]:
        raise Unlucky("failed on demand")
    return {"value": event["value"]}


def send(queue, body):
    message = {"QueueUrl": "http://localhost/000000000000/" + queue, "MessageBody": body}
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        json.load(answer)
"#;

/// A new project folder, and how its server is started.
pub(super) fn create(binary: &Path) -> Result<(TempDir, Launch)> {
    let folder = tempfile::Builder::new().prefix("stepwell-torture-").tempdir()?;
    std::fs::write(folder.path().join("stepwell.toml"), CONFIGURATION)?;
    let code = folder.path().join(CONFIGURED);
    std::fs::create_dir(&code)?;
    std::fs::write(code.join("app.py"), CODE)?;
    let launch = launch(binary, folder.path())?;
    Ok((folder, launch))
}

/// How the server of a project folder is started.
pub(super) fn launch(binary: &Path, folder: &Path) -> Result<Launch> {
    let effects = folder.join(effects::FILE).display().to_string();
    Ok(Launch {
        binary: binary.to_owned(),
        folder: folder.to_owned(),
        address: server::free_address()?,
        arguments: vec!["--test-functions".to_owned(), effects],
    })
}

/// Creates what the cases need: queues, a topic and a rule that lead to one of them, buckets and tables, an activity, state
/// machines.
pub(super) fn furnish(client: &mut Client) -> Result<()> {
    for queue in QUEUES {
        queue.create(client).with_context(|| format!("queue `{}`", queue.name))?;
    }
    subscribe(client).context("topic")?;
    follow_bus(client).context("rule")?;
    create_functions(client).context("functions")?;
    stores::create(client).context("buckets and tables")?;
    registers::create(client).context("registers")?;
    client.call("CreateActivity", &json!({"name": "torture"}))?;
    workload::create_state_machines(client)
}

fn create_functions(client: &mut Client) -> Result<()> {
    let zip = zip()?;
    for name in [CREATED, DESCRIBED] {
        let function = json!({
            "FunctionName": name,
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/torture",
            "Timeout": 120,
            "Code": {"ZipFile": zip},
        });
        client.call_path("POST", "/2015-03-31/functions", &function)?;
    }
    Ok(())
}

/// The code as a `.zip` in base64, made by the Python that the functions need anyway.
fn zip() -> Result<String> {
    const SCRIPT: &str = "\
import base64, io, sys, zipfile
file = io.BytesIO()
with zipfile.ZipFile(file, 'w') as archive:
    archive.writestr('app.py', sys.argv[1])
print(base64.b64encode(file.getvalue()).decode())";
    let made = Command::new("python3").args(["-c", SCRIPT, CODE]).output().context("python3")?;
    ensure!(made.status.success(), "python3: {}", String::from_utf8_lossy(&made.stderr));
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

fn subscribe(client: &mut Client) -> Result<()> {
    client.call_form("sns", "Action=CreateTopic&Version=2010-03-31&Name=torture")?;
    let subscription = format!(
        "Action=Subscribe&Version=2010-03-31&TopicArn={TOPIC_ARN}&Protocol=sqs&Endpoint={}\
         &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true",
        EFFECTS.arn()
    );
    Ok(client.call_form("sns", &subscription)?)
}

fn follow_bus(client: &mut Client) -> Result<()> {
    let mut call = |operation: &str, request: Value| {
        client.call_service("AWSEvents", operation, &request).map(drop)
    };
    call("PutRule", json!({"Name": "torture", "EventPattern": r#"{"source":["torture"]}"#}))?;
    let target = json!({"Id": "effects", "Arn": EFFECTS.arn()});
    Ok(call("PutTargets", json!({"Rule": "torture", "Targets": [target]}))?)
}
