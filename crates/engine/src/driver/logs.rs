//! Writes what executions log, on tokio: best effort, and nobody waits for it.
//!
//! Left to others: what is logged ([`crate::execution_log`]), the log groups.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_task::{ExecutionLogs, LogLine};
use tokio::sync::{mpsc, oneshot};

use crate::execution_log::LogOrder;
use crate::limits::{LOG_ORDERS_GATHERED, LOG_ORDERS_WAITING};
use crate::meters::Meters;

/// Cheap to clone. Without log groups everything is dropped.
#[derive(Clone)]
pub(crate) struct LogDriver {
    letters: Option<mpsc::Sender<Letter>>,
    meters: Arc<Meters>,
}

enum Letter {
    Write(LogOrder),
    /// Told when all that came before is written.
    Flush(oneshot::Sender<()>),
}

impl LogDriver {
    /// Must be called within a tokio runtime, where the writing is done.
    pub(crate) fn new(
        logs: Option<Arc<dyn ExecutionLogs>>,
        now: Timestamp,
        meters: Arc<Meters>,
    ) -> Self {
        let letters = logs.map(|logs| {
            let (letters, inbox) = mpsc::channel(LOG_ORDERS_WAITING);
            tokio::spawn(Writer { logs, suffix: suffix(now), inbox }.run());
            letters
        });
        Self { letters, meters }
    }

    /// Hands over what is to be logged; if too much waits already it is lost, and counted.
    pub(crate) fn write(&self, order: LogOrder) {
        let Some(letters) = &self.letters else { return };
        let lost = order.entries.len();
        if letters.try_send(Letter::Write(order)).is_err() {
            self.meters.log_lines_lost(lost);
        }
    }

    /// Waits until what was handed over is written, but no longer than `grace`.
    pub(crate) async fn flush(&self, grace: Duration) {
        let Some(letters) = &self.letters else { return };
        let (told, written) = oneshot::channel();
        let flush = async {
            if letters.send(Letter::Flush(told)).await.is_ok() {
                // An error means that the writer has gone.
                let _ = written.await;
            }
        };
        if tokio::time::timeout(grace, flush).await.is_err() {
            tracing::warn!("the last lines of execution logs were not written in time");
        }
    }
}

/// `2026-03-01-09-00/5b1f0c2e`: every process writes streams of its own.
fn suffix(now: Timestamp) -> String {
    format!("{}/{:08x}", now.strftime("%Y-%m-%d-%H-%M"), now.as_millisecond() as u32)
}

struct Writer {
    logs: Arc<dyn ExecutionLogs>,
    suffix: String,
    inbox: mpsc::Receiver<Letter>,
}

/// Lines by the ARN of their group and the name of their stream.
type Gathered = BTreeMap<(String, String), Vec<LogLine>>;

impl Writer {
    /// Runs until nobody can hand over anything any more.
    async fn run(mut self) {
        let mut letters = Vec::new();
        while self.inbox.recv_many(&mut letters, LOG_ORDERS_GATHERED).await > 0 {
            let (mut gathered, mut waiting) = (Gathered::new(), Vec::new());
            for letter in letters.drain(..) {
                match letter {
                    Letter::Write(order) => self.gather(&mut gathered, order),
                    Letter::Flush(told) => waiting.push(told),
                }
            }
            self.append(gathered).await;
            for told in waiting {
                // Whoever waited may have gone.
                let _ = told.send(());
            }
        }
    }

    fn gather(&self, gathered: &mut Gathered, order: LogOrder) {
        let stream = format!("states/{}/{}", order.state_machine(), self.suffix);
        let lines: Vec<LogLine> = order.lines().collect();
        gathered.entry((order.group_arn, stream)).or_default().extend(lines);
    }

    async fn append(&self, gathered: Gathered) {
        for ((group, stream), lines) in gathered {
            let count = lines.len();
            if let Err(error) = self.logs.append(&group, &stream, lines).await {
                tracing::warn!(group, count, %error, "lines of execution logs are lost");
            }
        }
    }
}
