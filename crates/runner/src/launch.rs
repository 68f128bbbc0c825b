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
    /// What this system allows.
    pub(crate) async fn probe() -> Self {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs tmpfs /tmp && setpriv --bounding-set=-all --inh-caps=-all --no-new-privs true";
        command.args(NAMESPACES).args(["sh", "-c", script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status().await {
            Ok(status) if status.success() => Self::Namespaces,
            _ => Self::Groups,
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

/// What is started.
pub(crate) struct Launch<'a> {
    pub(crate) isolation: Isolation,
    pub(crate) function: &'a Function,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// What stepwell keeps, which the process must not see.
    pub(crate) state: &'a Path,
    /// The variables of the environment.
    pub(crate) variables: Vec<(String, String)>,
}

impl Launch<'_> {
    /// Starts it, with its standard streams as pipes. The folder is its `TMPDIR`, where it has no `/tmp` of its own.
    pub(crate) fn start(self) -> std::io::Result<(Child, Option<TempDir>)> {
        let isolation = self.covered().unwrap_or(self.isolation);
        let private = match isolation {
            Isolation::Namespaces => None,
            Isolation::Groups => Some(tempfile::Builder::new().prefix("function-").tempdir()?),
        };
        let mut command = std::process::Command::new("nice");
        command.args(["-n", NICENESS]);
        if isolation == Isolation::Namespaces {
            command.arg("unshare").args(NAMESPACES);
        }
        command.args(["sh", "-c", SCRIPT, "launch"]).args(self.arguments(isolation));
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("LAMBDA_TASK_ROOT", isolation.task_root(self.function));
        if let Some(folder) = &private {
            command.env("TMPDIR", folder.path());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let mut command = Command::from(command);
        Ok((command.kill_on_drop(true).spawn()?, private))
    }

    fn arguments(&self, isolation: Isolation) -> Vec<OsString> {
        let private = if isolation == Isolation::Namespaces { "mounts" } else { "plain" };
        let disk_mb = self.function.ephemeral_mb;
        // `ulimit` counts in blocks of 512 bytes.
        let blocks = u64::from(disk_mb) * 2048;
        let mut arguments = vec![
            self.function.folder.clone().into_os_string(),
            private.into(),
            self.state.to_owned().into_os_string(),
            OPEN_FILES_MAX.to_string().into(),
            blocks.to_string().into(),
            disk_mb.to_string().into(),
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
