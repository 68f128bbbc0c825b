//! Starts processes with their limits and with an environment that holds nothing else of ours.
//!
//! Where the system allows user namespaces, a process sees its code at `/var/task`, a `/tmp` of its own whose size is
//! limited, no process but its own, and nothing of the project's state. Elsewhere it gets a `TMPDIR`, and what it
//! starts is found by its process group.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::environment::FUNCTION_PATH;
use crate::function::Function;

const SCRIPT: &str = include_str!("launch.sh");
/// Open files of a function on Lambda.
const OPEN_FILES_MAX: u32 = 1024;
/// Lower than everything else on the machine: a function that computes does not hold up the engine.
const NICENESS: &str = "5";
const NAMESPACES: [&str; 7] =
    ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--"];

/// How processes are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// By namespaces of users, mounts and processes.
    Namespaces,
    /// By process groups and folders.
    Groups,
}

impl Isolation {
    /// What this system allows: a program is started as functions are.
    pub(crate) async fn probe(temporary: &Path) -> Self {
        match starts_in_namespaces(temporary).await {
            Ok(true) => Self::Namespaces,
            problem => {
                tracing::warn!(
                    ?problem,
                    "this system allows no user namespaces: functions see the files and processes of who runs stepwell"
                );
                Self::Groups
            }
        }
    }

    /// Where a process finds its code.
    fn task_root(self, function: &Function) -> PathBuf {
        match self {
            Self::Namespaces => PathBuf::from("/var/task"),
            Self::Groups => function.folder.clone(),
        }
    }
}

async fn starts_in_namespaces(temporary: &Path) -> std::io::Result<bool> {
    let code = tempfile::tempdir_in(temporary)?;
    let launch = Launch {
        isolation: Isolation::Namespaces,
        function: &Function::new("probe", "provided.al2023", "none", code.path().to_owned()),
        command: vec!["true".into()],
        state: code.path(),
        temporary,
        variables: Vec::new(),
    };
    let (mut child, _) = launch.start()?;
    // It lives as long as this does.
    let _stdin = child.stdin.take();
    Ok(child.wait().await?.success())
}

/// What is started.
pub(crate) struct Launch<'a> {
    pub(crate) isolation: Isolation,
    pub(crate) function: &'a Function,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// What stepwell keeps, which the process must not see.
    pub(crate) state: &'a Path,
    /// Where folders for processes without a `/tmp` of their own are made.
    pub(crate) temporary: &'a Path,
    /// The variables of the environment.
    pub(crate) variables: Vec<(String, String)>,
}

impl Launch<'_> {
    /// Starts it, with its standard streams as pipes. The folder is its `TMPDIR`, where it has no `/tmp` of its own.
    pub(crate) fn start(mut self) -> std::io::Result<(Child, Option<TempDir>)> {
        let isolation = self.covered().unwrap_or(self.isolation);
        let private = match isolation {
            Isolation::Namespaces => None,
            Isolation::Groups => Some(tempfile::tempdir_in(self.temporary)?),
        };
        let root = isolation.task_root(self.function).display().to_string();
        self.variables.push(("LAMBDA_TASK_ROOT".to_owned(), root));
        let folder = private.as_ref().map(|it| it.path().display().to_string());
        self.variables.extend(folder.map(|it| ("TMPDIR".to_owned(), it)));
        let mut command = self.launcher(isolation);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let mut command = Command::from(command);
        Ok((command.kill_on_drop(true).spawn()?, private))
    }

    /// Programs are looked for in the `PATH` that is set here; see the script for the function's own.
    fn launcher(&self, isolation: Isolation) -> std::process::Command {
        let mut command = std::process::Command::new("nice");
        command.args(["-n", NICENESS]);
        if isolation == Isolation::Namespaces {
            command.arg("unshare").args(NAMESPACES);
        }
        command.args(["sh", "-c", SCRIPT, "launch"]).args(self.arguments(isolation));
        let renamed = self.variables.iter().map(|(name, value)| (format!("_FN_{name}"), value));
        command.env_clear().env("PATH", FUNCTION_PATH).envs(renamed);
        command
    }

    fn arguments(&self, isolation: Isolation) -> Vec<OsString> {
        let private = if isolation == Isolation::Namespaces { "mounts" } else { "plain" };
        let disk_mb = self.function.ephemeral_mb;
        // `ulimit` counts in blocks of 512 bytes.
        let blocks = u64::from(disk_mb) * 2048;
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        let mut arguments = vec![
            self.function.folder.clone().into_os_string(),
            private.into(),
            self.state.to_owned().into_os_string(),
            OPEN_FILES_MAX.to_string().into(),
            blocks.to_string().into(),
            disk_mb.to_string().into(),
            names.join(" ").into(),
        ];
        arguments.extend(self.command.iter().cloned());
        arguments
    }

    /// An interpreter in a folder that namespaces cover could not be started in them.
    fn covered(&self) -> Option<Isolation> {
        let program = Path::new(self.command.first()?);
        let is_covered = ["/tmp", "/var"].iter().any(|folder| program.starts_with(folder));
        is_covered.then_some(Isolation::Groups)
    }
}
