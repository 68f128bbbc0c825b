//! The life of a process from its start to its end, and what ends it.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::environment::FUNCTION_PATH;
use crate::usage;

/// Between two looks at the memory of a process that works.
const BUSY_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at the memory of a process that waits: it may have left a thread or a child at work.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// What is taken care of.
pub(crate) struct Care {
    pub(crate) child: Child,
    /// It ends when it has more memory.
    pub(crate) bytes_max: u64,
    /// Its `TMPDIR`, which goes with it.
    pub(crate) private: Option<TempDir>,
}

/// A process as others see it. It ends, with all that it started, when this is dropped.
pub(crate) struct Life {
    pid: u32,
    exited: watch::Receiver<Option<ExitStatus>>,
    is_busy: watch::Sender<bool>,
    /// Cancelled when it must end.
    ended: CancellationToken,
}

impl Life {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, once it has.
    pub(crate) fn exited(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.exited.clone()
    }

    /// Whether it neither ended nor was told to.
    pub(crate) fn goes_on(&self) -> bool {
        !self.ended.is_cancelled() && self.exited.borrow().is_none()
    }

    /// It works as long as what this gives is there.
    pub(crate) fn busy(&self) -> Busy {
        self.is_busy.send_replace(true);
        Busy(self.is_busy.clone())
    }

    /// Ends it, with all that it started.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process at work.
pub(crate) struct Busy(watch::Sender<bool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Care {
    /// Takes care of it until it has ended.
    pub(crate) fn begin(self) -> Life {
        let pid = self.child.id().unwrap_or_default();
        let (tell, exited) = watch::channel(None);
        let (is_busy, busy) = watch::channel(false);
        let ended = CancellationToken::new();
        tokio::spawn(self.until_the_end(busy, ended.clone(), tell));
        Life { pid, exited, is_busy, ended }
    }

    async fn until_the_end(
        mut self,
        busy: watch::Receiver<bool>,
        ended: CancellationToken,
        tell: watch::Sender<Option<ExitStatus>>,
    ) {
        // Whatever it started ends when this pipe does.
        let stdin = self.child.stdin.take();
        let pid = self.child.id().unwrap_or_default();
        let status = tokio::select! {
            status = self.child.wait() => Some(status),
            () = ended.cancelled() => None,
            () = exhausted(pid, self.bytes_max, busy) => None,
        };
        drop(stdin);
        let status = if let Some(status) = status {
            status
        } else {
            kill_group(pid).await;
            let _ = self.child.start_kill();
            self.child.wait().await
        };
        ended.cancel();
        let _ = tell.send(Some(status.unwrap_or_default()));
        drop(self.private);
    }
}

/// Returns once the processes have more memory than they may.
async fn exhausted(pid: u32, bytes_max: u64, mut busy: watch::Receiver<bool>) {
    while usage::resident_bytes(pid) <= bytes_max {
        let every = if *busy.borrow_and_update() { BUSY_EVERY } else { IDLE_EVERY };
        let _ = timeout(every, busy.changed()).await;
    }
}

/// Kills a process with its group, also where the function has killed the watcher of the pipe. The process must not
/// have been waited for yet: its group is certain to be its own.
async fn kill_group(pid: u32) {
    let mut command = Command::new("kill");
    command.args(["-KILL", "--", &format!("-{pid}")]).env_clear().env("PATH", FUNCTION_PATH);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.status().await {
        tracing::warn!(pid, %error, "a process group cannot be killed");
    }
}

/// As Go says it, in which Lambda's own supervisor is written. The launcher gives a signal as its number and 128.
pub(crate) fn how(status: ExitStatus) -> Option<String> {
    let signal = status
        .signal()
        .or_else(|| status.code().filter(|code| (129..=159).contains(code)).map(|code| code - 128));
    let Some(signal) = signal else {
        return status.code().filter(|code| *code != 0).map(|code| format!("exit status {code}"));
    };
    Some(match signal {
        4 => "signal: illegal instruction".to_owned(),
        6 => "signal: aborted".to_owned(),
        9 => "signal: killed".to_owned(),
        11 => "signal: segmentation fault".to_owned(),
        15 => "signal: terminated".to_owned(),
        other => format!("signal: {other}"),
    })
}
