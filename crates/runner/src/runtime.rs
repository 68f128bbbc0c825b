//! Runtimes: which program runs a function.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::error::Refusal;

const PYTHON_BOOTSTRAP: &str = include_str!("bootstrap/bootstrap.py");
const NODE_BOOTSTRAP: &str = include_str!("bootstrap/bootstrap.js");

/// What a function is written for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.x`; holds the full name.
    Python(String),
    /// `nodejsNN.x`; holds the full name.
    Node(String),
    /// `provided.*`: the executable `bootstrap` in the folder of the code.
    Provided,
}

impl Runtime {
    /// The runtime with one of AWS's names.
    ///
    /// # Errors
    /// `InvalidParameterValueException` for every other name.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let is_number = |text: &str| {
            (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let node = name.strip_prefix("nodejs").and_then(|version| version.strip_suffix(".x"));
        if name.strip_prefix("python3.").is_some_and(is_number) {
            return Ok(Self::Python(name.to_owned()));
        }
        if node.is_some_and(is_number) {
            return Ok(Self::Node(name.to_owned()));
        }
        if matches!(name, "provided" | "provided.al2" | "provided.al2023") {
            return Ok(Self::Provided);
        }
        Err(Refusal::invalid_parameter(format!(
            "Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs*.x, python3.*, provided, provided.al2, provided.al2023] or be a valid ARN"
        )))
    }

    /// The arguments that make an interpreter run a function.
    pub(crate) fn command(&self, interpreter: Option<&Path>, memory_mb: u32) -> Vec<OsString> {
        let program = interpreter.unwrap_or(Path::new("./bootstrap"));
        let heap = format!("--max-old-space-size={memory_mb}");
        let arguments: &[&str] = match self {
            Self::Python(_) => &["-u", "-c", PYTHON_BOOTSTRAP],
            Self::Node(_) => &[&heap, "--input-type=commonjs", "-e", NODE_BOOTSTRAP],
            Self::Provided => &[],
        };
        [program.as_os_str()]
            .into_iter()
            .chain(arguments.iter().map(OsStr::new))
            .map(OsString::from)
            .collect()
    }

    /// Whether there is a program that may be the interpreter. It is not asked: that takes long where a version manager
    /// stands in front of it, and a start waits for this.
    ///
    /// # Errors
    /// `InvalidParameterValueException` with the name of the program that is missing.
    pub(crate) fn check(&self, search: &[PathBuf]) -> Result<(), Refusal> {
        let Some((runtime, programs, _)) = self.programs() else { return Ok(()) };
        let is_there = programs.iter().any(|program| find(search, program).is_some());
        is_there.then_some(()).ok_or_else(|| missing(runtime, &programs))
    }

    /// The name of the runtime, the programs that may run it, and how to ask one for its own path.
    fn programs(&self) -> Option<(&str, Vec<&str>, [&'static str; 2])> {
        match self {
            Self::Python(name) => {
                let question = ["-c", "import sys; print(sys.executable)"];
                Some((name, vec![name, "python3"], question))
            }
            Self::Node(name) => Some((name, vec!["node"], ["-p", "process.execPath"])),
            Self::Provided => None,
        }
    }

    /// Finds the interpreter in the folders of `search`; there is none for an executable.
    ///
    /// Python of another minor version serves where the named one is missing, as any Node.js does. What is found is
    /// asked for its own path: version managers put scripts in its place, which need an environment of theirs.
    ///
    /// # Errors
    /// `InvalidParameterValueException` with the name of the program that is missing, or does not run, and why.
    pub(crate) async fn interpreter(&self, search: &[PathBuf]) -> Result<Option<PathBuf>, Refusal> {
        let Some((runtime, programs, question)) = self.programs() else { return Ok(None) };
        let mut unable = None;
        for file in programs.iter().filter_map(|program| find(search, program)) {
            match own_path(&file, question).await {
                Ok(own) => return Ok(Some(own)),
                Err(problem) => unable = unable.or(Some((file, problem))),
            }
        }
        let unable = unable.map(|(file, problem)| does_not_run(runtime, &file, &problem));
        Err(unable.unwrap_or_else(|| missing(runtime, &programs)))
    }
}

/// Version managers may do much before a program answers, but not that much.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What a program says its own path is, or why it cannot run a function.
async fn own_path(program: &Path, question: [&str; 2]) -> Result<PathBuf, String> {
    let mut command = tokio::process::Command::new(program);
    let asked = command.args(question).stdin(Stdio::null()).kill_on_drop(true).output();
    let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
    let silent = |_| format!("it gave no answer within {} s", ANSWER_MAX.as_secs());
    let output = answered.map_err(silent)?.map_err(|error| error.to_string())?;
    let told = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if !output.status.success() {
        let told = told(&output.stderr);
        let last = told.lines().last().unwrap_or_default();
        return Err(format!("{}: {last}", output.status));
    }
    let path = PathBuf::from(told(&output.stdout));
    if is_executable(&path) { Ok(path) } else { Err("it does not tell where it is".to_owned()) }
}

fn does_not_run(runtime: &str, program: &Path, problem: &str) -> Refusal {
    let program = program.display();
    Refusal::invalid_parameter(format!(
        "The runtime {runtime} needs the program `{program}`, which does not run: {problem}"
    ))
}

fn missing(runtime: &str, programs: &[&str]) -> Refusal {
    let program = programs.last().expect("each runtime has a program");
    Refusal::invalid_parameter(format!(
        "The runtime {runtime} needs the program `{program}`, which is in no folder of PATH"
    ))
}

/// The file of a program.
fn find(search: &[PathBuf], program: &str) -> Option<PathBuf> {
    search.iter().map(|folder| folder.join(program)).find(|file| is_executable(file))
}

/// Whether a file can be run.
pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_aws() {
        assert_eq!(Runtime::parse("python3.12"), Ok(Runtime::Python("python3.12".into())));
        assert_eq!(Runtime::parse("nodejs20.x"), Ok(Runtime::Node("nodejs20.x".into())));
        assert_eq!(Runtime::parse("provided.al2023"), Ok(Runtime::Provided));
        for name in ["java21", "python", "python2.7", "python3.", "nodejs", "nodejs20", "../x"] {
            let refusal = Runtime::parse(name).unwrap_err();
            assert_eq!(refusal.code, "InvalidParameterValueException", "{name}");
        }
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let search = [empty.path().to_owned()];
        for (runtime, program) in [("python3.12", "`python3`"), ("nodejs20.x", "`node`")] {
            let runtime = Runtime::parse(runtime).unwrap();
            let refusal = runtime.interpreter(&search).await.unwrap_err();
            assert!(refusal.message.contains(program), "{refusal}");
            assert_eq!(runtime.check(&search), Err(refusal));
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_run_is_told_from_one_that_is_missing() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("node");
        std::fs::write(&program, "#!/bin/sh\necho 'no version is set' >&2\nexit 3\n").unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let search = [folder.path().to_owned()];
        let runtime = Runtime::parse("nodejs20.x").unwrap();
        let refusal = runtime.interpreter(&search).await.unwrap_err();
        let why = "which does not run: exit status: 3: no version is set";
        assert!(refusal.message.ends_with(why), "{refusal}");
    }
}
