//! `run` of small definitions, and the commands that look at what happened.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Project;

const ECHO: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const FAIL: &str =
    r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"NoLuck","Cause":"not today"}}}"#;

#[test]
fn the_output_is_the_data_and_the_exit_code_says_how_it_ended() {
    let project = Project::new();
    project.write("echo.asl.json", ECHO);
    let ended = project.run(&["run", "echo.asl.json", "--input", r#"{"day":"2026-11-20"}"#]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"day\":\"2026-11-20\"}\n"));
    project.write("input.json", "[1,2]");
    let whole = project.json(&["run", "echo.asl.json", "--input", "@input.json"]);
    assert_eq!(
        (&whole["status"], &whole["output"], &whole["stateMachine"]),
        (&json!("SUCCEEDED"), &json!([1, 2]), &json!("echo"))
    );

    project.write("fail.asl.json", FAIL);
    let says = project.fails(1, &["run", "fail.asl.json"]);
    assert!(
        says.contains("NoLuck: not today") && says.contains("hint: `stepwell execution history"),
        "{says}"
    );
    for (error, code) in [("Config", 2), ("Retryable", 5), ("Data", 1), ("Fatal", 1)] {
        project.write("fail.asl.json", &FAIL.replace("NoLuck", error));
        assert!(project.fails(code, &["run", "fail.asl.json"]).contains("not today"), "{error}");
    }
}

#[test]
fn a_file_never_takes_the_place_of_a_state_machine_of_the_project() {
    let project =
        Project::configured("[state-machines.nightly]\ndefinition = \"jobs/it.asl.json\"\n");
    std::fs::create_dir(project.path().join("jobs")).unwrap();
    project.write("jobs/it.asl.json", ECHO);
    project.ok(&["run", "nightly"]);
    for (file, whose) in [("nightly.asl.json", "a state machine"), ("canvas.json", "a pipeline")] {
        project.write(file, FAIL);
        let says = project.fails(3, &["run", file]);
        assert!(says.contains(&format!("{whose} of the project")), "{says}");
        assert!(says.contains("hint: give the file another name"), "{says}");
    }
    // Its own file is that state machine, by whatever path.
    let own = project.json(&["run", "./jobs/../jobs/it.asl.json"]);
    assert_eq!((&own["stateMachine"], &own["status"]), (&json!("nightly"), &json!("SUCCEEDED")));
    assert_eq!(project.json(&["execution", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn what_cannot_run_is_refused_before_anything_happens() {
    let mut project =
        Project::configured("[state-machines.nightly]\ndefinition = \"nightly.asl.json\"\n");
    project.write("nightly.asl.json", ECHO);
    let says = project.fails(3, &["run", "nightly", "--input", "{day: 1}"]);
    assert!(says.contains("the input is not JSON"), "{says}");
    let says = project.fails(3, &["run", "nigthly"]);
    assert!(says.contains("hint: did you mean `nightly`?"), "{says}");
    let says = project.fails(2, &["run", "nightly", "--plan"]);
    assert!(says.contains("`nightly` does not know `--plan`"), "{says}");
    let says = project.fails(2, &["run", "nightly", "--allow-deletes"]);
    assert!(says.contains("`nightly` does not know `--allow-deletes`"), "{says}");
    for switch in ["--plan", "--allow-deletes"] {
        project.variable("DAP_CLIENT_ID", "me");
        project.variable("DAP_CLIENT_SECRET", "hush");
        let says = project.fails(2, &["run", "canvas", switch]);
        assert!(says.contains(&format!("`canvas` does not know `{switch}`")), "{says}");
    }
    project.write("nightly.asl.json", "{");
    let says = project.fails(3, &["run", "nightly"]);
    assert!(says.contains("error[SW0100]") && says.contains("nightly.asl.json:1:"), "{says}");
    assert!(!project.path().join(".stepwell").exists());
}

#[test]
fn executions_are_listed_shown_and_told_event_by_event() {
    let project = Project::new();
    project.write("echo.asl.json", ECHO);
    project.write("fail.asl.json", FAIL);
    let first = project.json(&["run", "echo.asl.json", "--input", "7"]);
    project.run(&["run", "fail.asl.json"]);

    let list = project.json(&["execution", "list"]);
    assert_eq!((&list[0]["status"], &list[1]["status"]), (&json!("FAILED"), &json!("SUCCEEDED")));
    let failed = project.json(&["execution", "list", "--status", "failed"]);
    assert_eq!(failed.as_array().unwrap().len(), 1);
    let of_echo = project.json(&["execution", "list", "--state-machine", "echo"]);
    assert_eq!(of_echo[0]["name"], first["name"]);

    let name = first["name"].as_str().unwrap();
    assert_eq!(project.json(&["execution", "show", name]), first);
    let shown = project.ok(&["execution", "show", first["executionArn"].as_str().unwrap()]);
    assert!(shown.contains("output         7"), "{shown}");
    let history = project.json(&["execution", "history", name]);
    let kinds: Vec<_> =
        history.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
    assert!(
        project.ok(&["execution", "history", name]).contains("PassStateEntered              A\n")
    );

    assert!(
        project
            .fails(3, &["execution", "show", "nobody"])
            .contains("there is no execution `nobody`")
    );
    assert!(project.fails(3, &["execution", "stop", name]).contains("has ended already"));
    assert!(
        project
            .fails(3, &["execution", "list", "--state-machine", "nobody"])
            .contains("does not exist")
    );
}

/// Fails unless its input says that it is mended.
const FRAIL: &str = r#"{"StartAt":"Check","States":{
    "Check":{"Type":"Choice","Default":"Bad","Choices":[
        {"And":[{"Variable":"$.mended","IsPresent":true},{"Variable":"$.mended","BooleanEquals":true}],"Next":"Good"}]},
    "Good":{"Type":"Succeed"},
    "Bad":{"Type":"Fail","Error":"NotYet"}}}"#;

#[test]
fn an_execution_that_failed_goes_on_from_another_state_with_another_input() {
    let project = Project::new();
    project.write("frail.asl.json", FRAIL);
    project.fails(1, &["run", "frail.asl.json"]);
    let list = project.json(&["execution", "list"]);
    let name = list[0]["name"].as_str().unwrap();
    let redrive = |more: &[&'static str]| [&["execution", "redrive", name], more].concat();
    let says = project.fails(3, &redrive(&["--from", "Nowhere"]));
    assert!(says.contains("The execution has no state 'Nowhere'"), "{says}");
    let says = project.fails(3, &redrive(&["--from", "Good"]));
    assert!(says.contains("was never entered: give its input"), "{says}");
    assert!(project.fails(3, &redrive(&["--input", "{"])).contains("the input is not JSON"));

    // Where it failed, it fails again.
    project.ok(&redrive(&[]));
    assert_eq!(project.json(&["execution", "show", name])["status"], "FAILED");
    project.write("mended.json", r#"{"mended":true}"#);
    let redriven =
        project.json(&redrive(&["--from", "Check", "--input", "@mended.json", "--any-age"]));
    assert_eq!(
        (&redriven["status"], &redriven["output"]),
        (&json!("SUCCEEDED"), &json!({"mended": true}))
    );
    let history = project.json(&["execution", "history", name]);
    let kinds: Vec<_> =
        history.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[4..7], ["ExecutionFailed", "ExecutionRedriven", "FailStateEntered"]);
    assert_eq!(kinds.last(), Some(&"ExecutionSucceeded"));
    let says = project.fails(3, &redrive(&["--any-age"]));
    assert!(says.contains("is SUCCEEDED") && says.contains("hint: only what failed"), "{says}");
}

#[test]
fn nothing_to_look_at_is_said_so() {
    let project = Project::new();
    assert_eq!(project.json(&["execution", "list"]), json!([]));
    let says = project.fails(3, &["execution", "show", "x"]);
    assert!(
        says.contains("there is no execution in the store")
            && says.contains("hint: nothing has run in this project yet"),
        "{says}"
    );
}

/// Each names the path, the cause and the next step.
#[test]
fn a_store_that_cannot_be_used_is_named() {
    let mut project = Project::new();
    project.write("a.asl.json", ECHO);
    project.write("text.db", "this is no database, however long it is: not a page of it is one");
    std::fs::create_dir(project.path().join("folder")).unwrap();
    let foreign = rusqlite::Connection::open(project.path().join("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(foreign);
    for (path, cause, step) in [
        ("folder", "is a folder", "name a file with `path`"),
        ("no/where.db", "No such file", "the folder must exist and be writable"),
        ("a.asl.json/x.db", "Not a directory", "the folder must exist and be writable"),
        ("text.db", "is not a database", "name another file with `path`"),
        ("foreign.db", "not of stepwell", "name another path"),
    ] {
        project.variable("STEPWELL_STORE_PATH", path);
        let says = project.fails(5, &["run", "a.asl.json"]);
        assert!(says.contains(path) && says.contains(cause) && says.contains(step), "{says}");
    }
    project.write("empty.db", "");
    project.variable("STEPWELL_STORE_PATH", "empty.db");
    assert_eq!(project.json(&["execution", "list"]), json!([]));
    assert!(project.fails(3, &["execution", "show", "x"]).contains("empty.db"));
    project.ok(&["run", "a.asl.json"]);
}

/// Nobody can make a folder in `/proc`, whatever their rights.
#[test]
fn a_project_that_cannot_be_written_is_named() {
    let project = Project::new();
    project.write("a.asl.json", ECHO);
    for command in [&["run", "a.asl.json"][..], &["pipeline", "init", "canvas"]] {
        let says = project.fails(5, &[&["-C", "/proc"], command].concat());
        assert!(says.contains("/proc/") && says.contains("hint: make the project's"), "{says}");
    }
    let set = project.run_with("x", &["-C", "/proc", "secret", "set", "a"]);
    assert_eq!(set.code, Some(5));
    assert!(set.stderr.contains("hint: make the project's folder writable"), "{}", set.stderr);
    let says = project.fails(5, &["demo", "--keep", "/proc/demo"]);
    assert!(says.contains("`/proc/demo`") && says.contains("hint: "), "{says}");
    let says = project.fails(2, &["-C", "nowhere", "execution", "list"]);
    assert!(says.contains("nowhere` is no folder") && says.contains("`--project`"), "{says}");
}

#[test]
fn a_definition_that_is_not_there_is_named_where_it_is_configured() {
    let project = Project::configured(
        "[state-machines.a]\ndefinition = \"a.json\"\n[state-machines.b]\ndefinition = \"b.json\"\n",
    );
    let says = project.fails(2, &["pipeline", "list"]);
    for (file, place) in [("a.json", "2:14"), ("b.json", "4:14")] {
        assert!(says.contains(file) && says.contains(&format!("stepwell.toml:{place}")), "{says}");
    }
    assert!(Project::new().fails(3, &["run", "c.json"]).contains("hint: name a file"));
}

#[test]
fn a_store_is_backed_up_and_the_copy_can_be_read() {
    let project = Project::new();
    project.write("echo.asl.json", ECHO);
    project.ok(&["run", "echo.asl.json"]);
    project.ok(&["store", "backup", "copy.db"]);
    for file in [".stepwell/stepwell.db", ".stepwell/stepwell.db.lock", "copy.db"] {
        let mode = std::fs::metadata(project.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file} is for its owner alone");
    }
    assert!(project.fails(3, &["store", "backup", "copy.db"]).contains("exists already"));
    let mut project = project;
    project.variable("STEPWELL_STORE_PATH", "copy.db");
    assert_eq!(project.json(&["execution", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn codes_are_explained() {
    let project = Project::new();
    assert!(project.ok(&["explain", "sw0104"]).starts_with("# SW0104: "));
    assert!(project.ok(&["explain"]).contains("SW0104  "));
    let list = project.json(&["explain"]);
    let entry = list.as_array().unwrap().iter().find(|entry| entry["code"] == "SW0104").unwrap();
    let page = project.json(&["explain", "SW0104"]);
    assert_eq!((&page["code"], &page["title"]), (&entry["code"], &entry["title"]));
    assert!(page["page"].as_str().unwrap().starts_with("# SW0104: "));
    assert!(project.fails(3, &["explain", "SW014"]).contains("hint: did you mean `SW0"));
}

#[test]
fn every_command_explains_itself_and_shells_can_complete() {
    let project = Project::new();
    assert!(project.ok(&["completions", "bash"]).contains("_stepwell()"));
    for command in ["run", "serve", "validate", "execution", "pipeline", "secret", "store", "demo"]
    {
        assert!(project.ok(&[command, "--help"]).contains("Usage: stepwell"), "{command}");
    }
    project.fails(2, &["walk"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let project = Project::new();
    let mut child = project
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_lambda_that_is_not_there_fails_by_its_aws_name() {
    let project = Project::new();
    let task = json!({
        "StartAt": "T",
        "States": {"T": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "nobody"},
            "Catch": [{"ErrorEquals": ["Lambda.ResourceNotFoundException"], "Next": "Caught"}],
            "End": true
        }, "Caught": {"Type": "Pass", "End": true}}
    });
    project.write("task.asl.json", &task.to_string());
    let output: Value = serde_json::from_str(&project.ok(&["run", "task.asl.json"])).unwrap();
    assert!(
        output["Cause"].as_str().unwrap().starts_with(
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"
        ),
        "{output}"
    );
}

/// `docs/reference/cli.md` is what the binary says of itself. Run with `UPDATE_DOCS=1` after a change.
#[test]
fn the_reference_of_commands_is_what_the_binary_says() {
    let project = Project::new();
    let mut page = String::from(
        "# Commands\n\nWhat `stepwell help` says, for every command.\n\
         Every command takes the flags of the first section.\n",
    );
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = commands.pop() {
        let arguments = [&command[..], &["--help".to_owned()]].concat();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let help = project.ok(&arguments);
        let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let title = [&["stepwell".to_owned()], &command[..]].concat().join(" ");
        page = format!("{page}\n## {title}\n\n```text\n{}\n```\n", help.trim_end());
        for name in subcommands(&help).into_iter().rev() {
            commands.push([&command[..], &[name]].concat());
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page);
}

/// The names below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let list = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let name = |line: &str| {
        line.strip_prefix("  ")?
            .split(' ')
            .next()
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
    };
    list.filter_map(name).filter(|name| name != "help").collect()
}
