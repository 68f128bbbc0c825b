//! What the commands say: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// Says what is being done now.
pub fn step(text: impl AsRef<str>) {
    eprintln!("==> {}", text.as_ref());
}

/// Prints an error with its causes, once, at the edge.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Shows how far long work is: one line that is rewritten on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    started: Instant,
    shown: Option<Instant>,
    on_terminal: bool,
}

impl Progress {
    /// Progress towards `total` of `what`.
    pub fn new(what: &'static str, total: u64) -> Self {
        Self {
            what,
            total,
            started: Instant::now(),
            shown: None,
            on_terminal: stderr().is_terminal(),
        }
    }

    /// Says that `done` are done; `note` is shown beside it.
    pub fn set(&mut self, done: u64, note: &str) {
        let pause = Duration::from_millis(if self.on_terminal { 100 } else { 10_000 });
        if done < self.total && self.shown.is_some_and(|shown| shown.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs();
        let line = format!("{}: {done} of {} in {seconds} s, {note}", self.what, self.total);
        if self.on_terminal {
            eprint!("\r\x1b[2K{line}");
            let _ = stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    /// Ends the line.
    pub fn finish(self) {
        if self.on_terminal && self.shown.is_some() {
            eprintln!();
        }
    }
}
