//! What users of Rust have, run unmodified: a program with the AWS SDK, and a function with `lambda_runtime`. Both are in `clients/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::{Project, provided};

/// A program of `clients/`, which `cargo xtask test` builds.
fn program(name: &str) -> Option<PathBuf> {
    Some(Path::new(&provided("STEPWELL_RUST_CLIENTS")?).join(name))
}

#[test]
fn the_sdk_for_rust_is_understood() {
    let Some(program) = program("sdk") else { return };
    let project = Project::new();
    let server = Server::start(&project, &[]);
    let output = Command::new(program).arg(format!("http://{}", server.address)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop();
}

#[test]
fn a_function_with_lambda_runtime_runs() {
    let Some(program) = program("provided") else { return };
    let project = Project::configured(
        "[functions.sums]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = \"sums\"\n",
    );
    std::fs::create_dir(project.path().join("sums")).unwrap();
    std::fs::copy(program, project.path().join("sums/bootstrap")).unwrap();
    let state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "sums", "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": true,
    });
    project.write("sum.asl.json", &json!({"StartAt": "A", "States": {"A": state}}).to_string());
    let run = |input: &Value| {
        let given = input.to_string();
        let ended = project.run(&["run", "sum.asl.json", "--input", &given, "--json"]);
        serde_json::from_str::<Value>(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
    };
    let ended = run(&json!({"items": [1, 2, 3]}));
    assert_eq!(ended["output"], json!({"sum": 6, "function": "sums"}), "{ended}");
    let failed = run(&json!({}));
    let cause: Value = serde_json::from_str(failed["cause"].as_str().unwrap()).unwrap();
    assert_eq!(cause["errorMessage"], "there are no items", "{failed}");
}
