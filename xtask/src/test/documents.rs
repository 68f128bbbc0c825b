//! The commands of the documents, run as a reader would run them.
//!
//! A block that opens with three backticks and `sh run` is run. The blocks of one document make one script, so that a
//! guide may build on its own steps: a fresh temporary folder, the built `stepwell` and the AWS CLI first on the PATH, an empty home,
//! the first failing command ends it. What it starts in the background is stopped with it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::Tally;
use crate::python::Python;
use crate::repository::{Repository, SourceFile};
use crate::ui;

/// Longer than any guide may take.
const SECONDS_MAX: &str = "300";

/// Runs the commands of every document that has some. A document counts as one test.
pub(super) fn run(repository: &Repository, python: &Python) -> Result<Tally> {
    let programs = [binary(repository)?, python.programs()];
    let mut tally = Tally::default();
    for document in repository.files()?.iter().filter(|file| is_document(file)) {
        let Some(script) = script(document) else { continue };
        ui::step(format!("running the commands of {}", document.path));
        let succeeded = run_script(&script, &programs)?;
        println!("test {} ... {}", document.path, if succeeded { "ok" } else { "FAILED" });
        tally += Tally { passed: u64::from(succeeded), failed: u64::from(!succeeded) };
    }
    Ok(tally)
}

/// The folder of the binary that `cargo test` built for the tests of its own crate.
fn binary(repository: &Repository) -> Result<PathBuf> {
    let folder = repository.target.join("debug");
    ensure!(
        folder.join("stepwell").is_file(),
        "`cargo test` built no stepwell binary in {}",
        folder.display()
    );
    Ok(folder)
}

fn is_document(file: &SourceFile) -> bool {
    file.path == "README.md" || file.path.starts_with("docs/guides/") && file.is("md")
}

/// The script of a document, or nothing if no block of it is to be run. Each block first says where it is.
fn script(document: &SourceFile) -> Option<String> {
    let mut script = String::from("set -eu\n");
    let mut blocks = 0;
    let mut in_block = false;
    for (index, line) in document.text.lines().enumerate() {
        match line.trim_end() {
            "```sh run" => {
                in_block = true;
                blocks += 1;
                let _ = writeln!(script, "echo '--- {}:{}' >&2", document.path, index + 1);
            }
            "```" => in_block = false,
            _ if in_block => {
                let _ = writeln!(script, "{line}");
            }
            _ => {}
        }
    }
    (blocks > 0).then_some(script)
}

/// Runs a script with these folders first on the PATH.
fn run_script(script: &str, programs: &[PathBuf]) -> Result<bool> {
    let folder = tempfile::Builder::new().prefix("stepwell-document-").tempdir()?;
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = programs.iter().cloned().chain(std::env::split_paths(&inherited));
    // `timeout` makes a process group of its own, which all that the script starts belongs to.
    let mut child = Command::new("timeout")
        .args([SECONDS_MAX, "sh", "-c", script])
        .current_dir(&folder)
        .env("HOME", folder.path())
        .env("PATH", std::env::join_paths(path)?)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .spawn()?;
    let succeeded = child.wait()?.success();
    let group = format!("kill -KILL -{} 2>/dev/null", child.id());
    // Fails if nothing was left running.
    let _ = Command::new("sh").args(["-c", &group]).status();
    Ok(succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> SourceFile {
        SourceFile { path: "README.md".into(), text: text.into() }
    }

    #[test]
    fn only_marked_blocks_are_run_in_order() {
        let text = "```sh\ncargo run\n```\n```sh run\nx=1\n```\ntext\n```sh run\necho $x\n```\n";
        let script = script(&document(text)).unwrap();
        let commands: Vec<_> = script.lines().skip(1).collect();
        assert_eq!(
            commands,
            ["echo '--- README.md:4' >&2", "x=1", "echo '--- README.md:8' >&2", "echo $x"]
        );
    }

    #[test]
    fn a_document_without_commands_is_no_test() {
        assert_eq!(script(&document("```sh\nrm -rf x\n```\n")), None);
    }

    #[test]
    fn the_first_failing_command_fails_the_document() {
        let runs = |text| run_script(&script(&document(text)).unwrap(), &[]).unwrap();
        assert!(runs("```sh run\ntrue\n```"));
        assert!(!runs("```sh run\nfalse\ntrue\n```"));
    }

    #[test]
    fn what_a_document_leaves_running_is_stopped() {
        let alive = tempfile::NamedTempFile::new().unwrap();
        let text = format!("```sh run\nsleep 60 & echo $! > {}\n```", alive.path().display());
        assert!(run_script(&script(&document(&text)).unwrap(), &[]).unwrap());
        let process = std::fs::read_to_string(alive.path()).unwrap();
        let stat = format!("/proc/{}/stat", process.trim());
        // Gone, or dead and not yet collected.
        wait_until(|| {
            std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "))
                || !std::path::Path::new(&stat).exists()
        });
    }

    #[track_caller]
    fn wait_until(condition: impl Fn() -> bool) {
        for _ in 0..1_000 {
            if condition() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("it does not become true");
    }
}
