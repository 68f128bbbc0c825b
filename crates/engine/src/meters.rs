//! What is counted, for `/metrics` and for [`Stats`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::record::{Stats, Status};

/// The numbers, in memory and in whatever recorder the program installed before the engine was opened.
pub(crate) struct Meters {
    stats: AtomicStats,
    executions_running: Gauge,
    express_running: Gauge,
    tasks_in_flight: Gauge,
    tasks_waiting: Gauge,
    tasks_throttled: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    entries: Counter,
    log_lines_lost: Counter,
    executions: [Counter; Status::ALL.len()],
}

#[derive(Default)]
struct AtomicStats {
    running_executions: AtomicU64,
    express_executions: AtomicU64,
    tasks_in_flight: AtomicU64,
    tasks_waiting: AtomicU64,
    throttled_tasks: AtomicU64,
    commits: AtomicU64,
    entries: AtomicU64,
    ended_executions: AtomicU64,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            stats: AtomicStats::default(),
            executions_running: gauge!("stepwell_executions_running"),
            express_running: gauge!("stepwell_express_executions_running"),
            tasks_in_flight: gauge!("stepwell_tasks_in_flight"),
            tasks_waiting: gauge!("stepwell_tasks_waiting"),
            tasks_throttled: counter!("stepwell_tasks_throttled_total"),
            commits: counter!("stepwell_commits_total"),
            commit_seconds: histogram!("stepwell_commit_seconds"),
            entries: counter!("stepwell_journal_entries_total"),
            log_lines_lost: counter!("stepwell_execution_log_lines_lost_total"),
            executions: Status::ALL
                .map(|status| counter!("stepwell_executions_total", "status" => status.as_str())),
        }
    }

    pub(crate) fn running_executions(&self, count: usize) {
        set(&self.stats.running_executions, &self.executions_running, count);
    }

    pub(crate) fn express_executions(&self, count: usize) {
        set(&self.stats.express_executions, &self.express_running, count);
    }

    pub(crate) fn tasks(&self, in_flight: usize, waiting: usize) {
        set(&self.stats.tasks_in_flight, &self.tasks_in_flight, in_flight);
        set(&self.stats.tasks_waiting, &self.tasks_waiting, waiting);
    }

    /// A task found no free place.
    pub(crate) fn throttled(&self) {
        self.stats.throttled_tasks.fetch_add(1, Ordering::Relaxed);
        self.tasks_throttled.increment(1);
    }

    /// So many lines of execution logs found no place to wait.
    pub(crate) fn log_lines_lost(&self, count: usize) {
        self.log_lines_lost.increment(count as u64);
    }

    pub(crate) fn committed(&self, entries: usize, took: Duration) {
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        self.stats.entries.fetch_add(entries as u64, Ordering::Relaxed);
        self.commits.increment(1);
        self.entries.increment(entries as u64);
        self.commit_seconds.record(took);
    }

    /// An execution started (`RUNNING`) or ended.
    pub(crate) fn announced(&self, status: Status) {
        if !status.is_running() {
            self.stats.ended_executions.fetch_add(1, Ordering::Relaxed);
        }
        self.executions[status as usize].increment(1);
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Stats {
            running_executions: read(&self.stats.running_executions),
            express_executions: read(&self.stats.express_executions),
            tasks_in_flight: read(&self.stats.tasks_in_flight),
            tasks_waiting: read(&self.stats.tasks_waiting),
            throttled_tasks: read(&self.stats.throttled_tasks),
            commits: read(&self.stats.commits),
            entries: read(&self.stats.entries),
            ended_executions: read(&self.stats.ended_executions),
        }
    }
}

fn set(number: &AtomicU64, gauge: &Gauge, value: usize) {
    if number.swap(value as u64, Ordering::Relaxed) != value as u64 {
        gauge.set(value as f64);
    }
}
