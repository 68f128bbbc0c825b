//! Every check against the reference library, on seeded random series: the flags are equal, and where the library
//! raises an exception, so do we; parameters that a configuration refuses are such that the library refuses.
//!
//! `STEPWELL_QC_SEED` is the seed, `STEPWELL_QC_CASES` the number of series of each check.

mod cases;
mod configured;
mod random;
mod refusals;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;
use stepwell_stream_qc::checks::{CheckError, Flags};

use random::Random;

/// A call of the library, and what we give for the same.
pub(crate) struct Case {
    pub(crate) function: &'static str,
    pub(crate) args: Value,
    /// Nothing if the configuration refuses the parameters.
    pub(crate) ours: Option<Flags>,
}

/// What the library gave.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Flags(Vec<u8>),
    Error(String),
}

const SEED: u64 = 20_260_301;
const CASES: u64 = 420;

#[test]
fn flags_are_those_of_the_library() {
    let Some(python) = find_python() else { return };
    let seed = number("STEPWELL_QC_SEED").unwrap_or(SEED);
    let count = number("STEPWELL_QC_CASES").unwrap_or(CASES);
    tell(&format!(
        "STEPWELL_QC_SEED={seed}, {count} series of each of {} checks",
        cases::ALL.len()
    ));
    let mut cases = Vec::new();
    for (check, (name, make)) in (0..).zip(cases::ALL) {
        let mut random = Random::new(seed.wrapping_add(check << 32));
        cases.extend((0..count).map(|_| (name, make(&mut random))));
    }
    let answers = ask(&python, &cases);
    assert_eq!(answers.len(), cases.len(), "every request is answered");
    let mut different: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((name, case), theirs) in cases.iter().zip(answers) {
        let ours = case.ours.as_ref().map(ours);
        let is_same = match &ours {
            Some(ours) => *ours == theirs,
            None => matches!(theirs, Answer::Error(_)),
        };
        if !is_same {
            let told = format!("  {}\n  ours   {ours:?}\n  theirs {theirs:?}\n", case.args);
            different.entry(name).or_default().push(told);
        }
    }
    let told: Vec<_> = different
        .iter()
        .map(|(name, all)| {
            format!(
                "{name}: {} differ, for instance\n{}",
                all.len(),
                all[..all.len().min(3)].concat()
            )
        })
        .collect();
    assert!(
        different.is_empty(),
        "STEPWELL_QC_SEED={seed}: of {} series\n{}",
        cases.len(),
        told.concat()
    );
}

#[test]
fn what_a_configuration_refuses_the_library_refuses() {
    let cases = refusals::all();
    for (name, case) in &cases {
        assert!(case.ours.is_none(), "{name}: the configuration takes it");
    }
    let Some(python) = find_python() else { return };
    let answers = ask(&python, &cases);
    assert_eq!(answers.len(), cases.len(), "every request is answered");
    for ((name, case), theirs) in cases.iter().zip(answers) {
        assert!(matches!(theirs, Answer::Error(_)), "{name}: {} gives {theirs:?}", case.args);
    }
}

fn ours(flags: &Flags) -> Answer {
    match flags {
        Ok(flags) => Answer::Flags(flags.iter().map(|flag| flag.value()).collect()),
        Err(CheckError::Raises { exception, .. }) => Answer::Error((*exception).to_owned()),
        Err(other) => Answer::Error(other.to_string()),
    }
}

/// Nothing is compared without the library, unless everything must be.
fn find_python() -> Option<PathBuf> {
    let python = std::env::var_os("STEPWELL_IOOS_QC_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(
            std::env::var_os("STEPWELL_TEST_ALL").is_none(),
            "`STEPWELL_IOOS_QC_PYTHON` is not set"
        );
        let told = "SKIPPED: `STEPWELL_IOOS_QC_PYTHON` names no Python with ioos-qc; `cargo xtask test` makes one";
        tell(told);
    }
    python
}

/// Not `eprintln!`, which the test harness keeps to itself.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}\n");
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{variable}` is \"{text}\", and should be a number")),
    )
}

/// One process answers all requests.
fn ask(python: &PathBuf, cases: &[(&str, Case)]) -> Vec<Answer> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/oracle/answer.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for (_, case) in cases {
                let request = serde_json::json!({ "function": case.function, "args": case.args });
                writeln!(stdin, "{request}").expect("the library reads");
            }
        });
        stdout
            .lines()
            .map(|line| {
                serde_json::from_str(&line.expect("the library writes")).expect("an answer")
            })
            .collect()
    });
    assert!(child.wait().expect("it ends").success(), "the library's process failed");
    answers
}
