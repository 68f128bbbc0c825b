//! The conformance corpus: what AWS answered to executions, against what the interpreter does with them.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the corpus; without it the test says that it was skipped. Only cases
//! that need nothing but the interpreter and Lambda functions run here; time is virtual. `cargo xtask conformance` runs them all.

use std::path::{Path, PathBuf};

use serde_json::ser::Formatter;
use serde_json::{Value, json};
use stepwell_machine::{Limits, Phase};

use crate::lambda;
use crate::matcher::Matcher;
use crate::world::{REGION, World};

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn executions_go_as_aws_recorded_them() {
    let Ok(folder) = std::env::var("STEPWELL_CONFORMANCE_DIR") else {
        eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        return;
    };
    let folder = Path::new(&folder);
    let broken = std::fs::read_to_string(folder.join("broken.txt")).unwrap_or_default();
    let cases = cases(folder);
    let failed = cases.iter().filter_map(|case| {
        let why = failure(case, &broken)?;
        Some(format!("{}: {why}", id(case)))
    });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// What is known to differ, with the reasons.
const KNOWN: &str = include_str!("../../../../xtask/src/conformance/known.txt");

/// What differs only where time is not real.
const DIFFERENT: [(&str, &str); 1] = [(
    "timeouts/test_timeouts/test_service_lambda_map_timeout",
    "four timers fire in the same instant, and AWS recorded them in another order",
)];

/// Why a case that is run did not go as it was to.
fn failure(case: &Value, broken: &str) -> Option<String> {
    if is_skipped(case, broken) {
        return None;
    }
    let outcome = std::panic::catch_unwind(|| compare(case));
    let outcome = outcome.unwrap_or_else(|panic| Err(panic_text(&*panic)));
    let is_different = DIFFERENT.iter().any(|(known, _)| *known == id(case));
    let is_known = is_different || KNOWN.lines().any(|known| known == id(case));
    match outcome {
        Ok(()) if is_known => Some("a known difference is gone: take it off the list".to_owned()),
        Err(why) if !is_known => Some(why),
        Ok(()) | Err(_) => None,
    }
}

/// Whether a case needs more than the interpreter and functions, or is described incompletely.
fn is_skipped(case: &Value, broken: &str) -> bool {
    let needs = case["needs"].as_array().into_iter().flatten();
    broken.lines().any(|line| line == id(case))
        || case.get("definition").is_none()
        || needs.into_iter().any(|need| *need != "lambda")
        || uses_unsupported(case)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap_or(&"panicked").to_string())
}

/// Whether it is an Express execution, or uses a Distributed Map, which needs an engine.
fn uses_unsupported(case: &Value) -> bool {
    if case["type"] != "STANDARD" {
        return true;
    }
    let definition = case["definition"].to_string();
    ["\"DISTRIBUTED\"", "\"ItemBatcher\"", "\"ItemReader\""]
        .iter()
        .any(|word| definition.contains(word))
}

fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap_or_default()
}

fn cases(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).expect("the corpus is a folder");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let read = |file: &PathBuf| std::fs::read_to_string(file).expect("readable");
    let texts: Vec<String> = files.iter().map(read).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

/// Runs a case and compares everything that is recorded of it.
fn compare(case: &Value) -> Result<(), String> {
    let functions: Value = filled(&case["functions"]);
    let mut world = World::new(&filled_text(&case["definition"]), &filled_text(&case["input"]));
    world.limits = Limits::Aws;
    let mut calls = 0;
    world.run_to_end(|task| {
        calls += 1;
        lambda::call(&functions, task, calls)
    });
    let expected = &case["expected"];
    let mut matcher = Matcher::new(&case["wildcards"]);
    if let Some(recorded) = expected["history"].as_array() {
        compare_history(&mut matcher, recorded, &history(case, &world))?;
    }
    compare_end(&mut matcher, expected, &world)
}

fn history(case: &Value, world: &World) -> Vec<Value> {
    let history = world.history();
    let normalised = case["normalised"].as_array().into_iter().flatten();
    if normalised.into_iter().any(|how| how == "parallel-events-sorted") {
        return sort_parallel_events(history);
    }
    history
}

fn compare_history(
    matcher: &mut Matcher,
    recorded: &[Value],
    actual: &[Value],
) -> Result<(), String> {
    if recorded.len() != actual.len() {
        let types =
            |events: &[Value]| events.iter().map(|e| e["type"].to_string()).collect::<Vec<_>>();
        let (recorded, actual) = (types(recorded).join(" "), types(actual).join(" "));
        return Err(format!("history\n  recorded {recorded}\n  actual   {actual}"));
    }
    let mut at = 0;
    while at < recorded.len() {
        let block = recorded[at..].iter().take_while(|event| is_sorted(event)).count();
        let (recorded, actual) = (&recorded[at..], &actual[at..]);
        if block > 0 {
            if !match_in_any_order(matcher, &recorded[..block], &actual[..block]) {
                return Err(format!("history from {at}: another block of parallel events"));
            }
        } else if !matcher.matches(&recorded[0], &actual[0]) {
            return Err(format!("history\n  recorded {}\n  actual   {}", recorded[0], actual[0]));
        }
        at += block.max(1);
    }
    Ok(())
}

/// Whether the values match one to one in some order.
fn match_in_any_order(matcher: &mut Matcher, recorded: &[Value], actual: &[Value]) -> bool {
    let [first, rest @ ..] = recorded else { return actual.is_empty() };
    let before = matcher.clone();
    for (i, candidate) in actual.iter().enumerate() {
        let others = [&actual[..i], &actual[i + 1..]].concat();
        if matcher.matches(first, candidate) && match_in_any_order(matcher, rest, &others) {
            return true;
        }
        matcher.clone_from(&before);
    }
    false
}

fn is_sorted(event: &Value) -> bool {
    event["id"] == json!([0])
}

/// The normalisation that recordings with Parallel states went through.
fn sort_parallel_events(mut events: Vec<Value>) -> Vec<Value> {
    let (mut is_inside, mut start, mut block) = (false, None, Vec::<Value>::new());
    let mut i = 0;
    while i < events.len() {
        match events[i]["type"].as_str().unwrap_or_default() {
            "ParallelStateSucceeded"
            | "ParallelStateAborted"
            | "ParallelStateExited"
            | "ParallelStateFailed" => {
                if let Some(start) = start {
                    events.splice(start..i, block.iter().cloned());
                }
                is_inside = false;
            }
            "ParallelStateStarted" => {
                is_inside = true;
                block.clear();
                start = Some(i + 1);
            }
            _ if is_inside => {
                events[i]["id"] = json!([0]);
                events[i]["previousEventId"] = json!(0);
                block.push(events[i].clone());
            }
            _ => {}
        }
        i += 1;
    }
    events
}

fn compare_end(matcher: &mut Matcher, expected: &Value, world: &World) -> Result<(), String> {
    let (status, output, error, cause) = match world.run.phase() {
        Phase::Running => ("RUNNING", None, None, None),
        Phase::Succeeded { output } => ("SUCCEEDED", Some((**output).clone()), None, None),
        Phase::Failed { error, cause } => ("FAILED", None, error.clone(), cause.clone()),
        Phase::TimedOut { error, cause } => ("TIMED_OUT", None, error.clone(), cause.clone()),
        Phase::Aborted { error, cause } => ("ABORTED", None, error.clone(), cause.clone()),
    };
    let actual = [
        ("status", Some(json!(status))),
        ("output", output),
        ("error", error.map(Value::String)),
        ("cause", cause.map(Value::String)),
    ];
    for (field, actual) in actual {
        let recorded = expected.get(field);
        let is_match = match (recorded, &actual) {
            (Some(recorded), Some(actual)) => matcher.matches(recorded, actual),
            (None, None) => true,
            _ => false,
        };
        if !is_match {
            return Err(format!("{field}\n  recorded {recorded:?}\n  actual   {actual:?}"));
        }
    }
    Ok(())
}

/// Replaces the tokens of the corpus.
fn filled(value: &Value) -> Value {
    serde_json::from_str(&filled_text(value)).expect("tokens leave JSON intact")
}

fn filled_text(value: &Value) -> String {
    let mut text = spaced(value)
        .replace("[[partition]]", "aws")
        .replace("[[region]]", REGION)
        .replace("[[role]]", "machine-role")
        .replace("[[secondary-account]]", "222222222222")
        .replace("[[now]]", "2024-07-15T12:00:00");
    for uid in 0..10 {
        // Eight characters, as in the recordings: `Content-Length` headers count them.
        text = text.replace(&format!("[[uid:{uid}]]"), &format!("abcdef{uid:02}"));
    }
    text
}

/// JSON with a blank after `,` and `:`, as it was sent.
pub(crate) fn spaced(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    serde::Serialize::serialize(value, &mut serializer).expect("JSON serialises");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}
