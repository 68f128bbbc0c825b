//! One run of a load: the clients, the process that may die, its disk, its clock.
//!
//! A run is a sequence of moves drawn by a seeded scheduler. Each move does one thing that production does
//! between two instants: a client sends a request, the kernel lets an execution take its turn, the committer
//! commits some of the writes that wait, performs one action of those committed, a handler returns. So every
//! interleaving of these is possible, and the process may die between any two.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use stepwell_engine::kernel::{Action, Event, TaskOrder};
use stepwell_engine::{Clock, Halted, ManualClock, Reader};

use crate::Faults;
use crate::client::Clients;
use crate::disk::{Disk, Journal};
use crate::ending::Ending;
use crate::functions::Effects;
use crate::load::Load;
use crate::mutant::Mutant;
use crate::process::{Process, arns};

/// Moves after which a run counts as stuck. The longest runs take a tenth of it.
const MOVES_MAX: usize = 200_000;

/// Restarts after which the faults end, so that a run does.
const RESTARTS_MAX: usize = 12;

/// No timer of a load is further away, however often the clock jumped back: one that is was lost.
const SLEEP_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A run under way.
pub(crate) struct Simulation<'a> {
    load: &'a Load,
    random: ChaCha8Rng,
    stormy: bool,
    mutant: Option<Mutant>,
    clock: ManualClock,
    disk: Disk,
    process: Process,
    clients: Clients<'a>,
    effects: Effects,
    faults: Faults,
    trace: String,
    violations: Vec<String>,
}

/// What a run left.
pub(crate) struct Outcome {
    pub(crate) endings: Vec<Ending>,
    pub(crate) effects: Effects,
    pub(crate) faults: Faults,
    pub(crate) trace: String,
    pub(crate) violations: Vec<String>,
}

impl<'a> Simulation<'a> {
    /// A run without faults.
    pub(crate) fn calm(load: &'a Load, seed: u64) -> Self {
        Self::new(load, seed, false, None)
    }

    /// A run with faults, and with a mistake if there is one.
    pub(crate) fn stormy(load: &'a Load, seed: u64, mutant: Option<Mutant>) -> Self {
        Self::new(load, seed, true, mutant)
    }

    fn new(load: &'a Load, seed: u64, stormy: bool, mutant: Option<Mutant>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(if stormy { 2 } else { 1 });
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("it is a timestamp");
        let (clock, disk) = (ManualClock::new(start), Disk::new());
        let process =
            Process::open(&disk.store(), random.random(), mutant).expect("an empty store opens");
        Self {
            load,
            random,
            stormy,
            mutant,
            clock,
            disk,
            process,
            clients: Clients::new(load),
            effects: Effects::default(),
            faults: Faults::default(),
            trace: String::new(),
            violations: Vec::new(),
        }
    }

    /// Runs until every execution has ended, and reads what is on disk.
    pub(crate) fn run(mut self) -> Outcome {
        let mut moves = 0;
        while !self.is_done() && self.violations.is_empty() {
            moves += 1;
            self.go();
            if moves == MOVES_MAX {
                self.violations.push(format!("not done after {moves} moves"));
            }
        }
        let endings = self.endings();
        let trace = self.finish_trace(&endings);
        let Self { effects, faults, violations, .. } = self;
        Outcome { endings, effects, faults, trace, violations }
    }

    fn is_done(&self) -> bool {
        self.clients.are_content() && self.process.is_idle() && self.process.kernel.running() == 0
    }

    /// Makes one move.
    fn go(&mut self) {
        if self.stormy && self.faults.restarts() < RESTARTS_MAX && self.random.random_ratio(1, 60) {
            return self.fault();
        }
        let moved = match self.random.random_range(0..10) {
            0 => self.send_request(),
            1..4 => self.step(),
            4..6 => self.commit(),
            6..8 => self.perform(),
            8 => self.acknowledge(),
            _ => self.finish_task(),
        };
        if !moved && self.is_waiting() {
            self.wait();
        }
        self.violations.extend(self.clients.hear(&self.process.witness));
    }

    /// Whether nothing can happen before time goes on.
    fn is_waiting(&self) -> bool {
        self.process.is_idle() && !self.clients.has_request() && !self.has_returning_task()
    }

    fn send_request(&mut self) -> bool {
        let Some(event) = self.clients.next_request() else { return false };
        self.note("request");
        self.tell(event);
        true
    }

    fn step(&mut self) -> bool {
        let now = self.clock.now();
        self.process.kernel.tick(now);
        if !self.process.kernel.has_work() {
            return false;
        }
        let told = self.process.kernel.step(now);
        self.go_on(told);
        true
    }

    /// Commits some of the writes that wait, as one group.
    fn commit(&mut self) -> bool {
        let waiting = self.process.waiting.len();
        if waiting == 0 {
            return false;
        }
        let count = self.random.random_range(1..=waiting);
        self.note(&format!("commit {count} of {waiting}"));
        self.process.commit(count).expect("there is room on the disk");
        if self.random.random_ratio(1, 20) {
            self.process.store.checkpoint().expect("there is room on the disk");
        }
        true
    }

    /// Performs one action of what is committed.
    fn perform(&mut self) -> bool {
        let Some(action) = self.process.committed.pop_front() else { return false };
        match action {
            Action::Dispatch(order) => {
                self.note(&format!("dispatch {} #{}", order.execution_arn, order.task.scheduled));
                self.process.running.push(order);
            }
            Action::Cancel { execution, scheduled } => {
                let is_it = |order: &TaskOrder| {
                    (order.execution, order.task.scheduled) == (execution, scheduled)
                };
                self.process.running.retain(|order| !is_it(order));
            }
            Action::ReadItems(_) | Action::CloseItems(_) | Action::WriteResults(_) => {
                unreachable!("no load here has a Map run")
            }
            Action::Log(_) => unreachable!("no load here logs"),
            Action::RunExpress(_) => unreachable!("no load here has an Express state machine"),
            Action::Announce(change) => {
                self.violations.extend(self.process.witness.announcement(&change));
                self.note(&format!("{} {}", change.execution_arn, change.status));
            }
            Action::Answer(answer) => answer.send(),
            // No activities are simulated.
            Action::Deliver(delivery) => delivery.deliver(drop),
        }
        true
    }

    /// Tells the kernel what is on disk.
    fn acknowledge(&mut self) -> bool {
        let Some(through) = self.process.unacknowledged.take() else { return false };
        self.tell(Event::Committed { through });
        true
    }

    /// Lets a handler do its work and return, or only do its work, or say that it started.
    fn finish_task(&mut self) -> bool {
        let count = self.process.running.len();
        if count == 0 {
            return false;
        }
        let index = self.random.random_range(0..count);
        let (execution, scheduled) = {
            let order = &self.process.running[index];
            (order.execution, order.task.scheduled)
        };
        let at = self.clock.now();
        if self.random.random_ratio(1, 8) {
            self.tell(Event::TaskStarted { execution, scheduled, at });
            return true;
        }
        let order = &self.process.running[index];
        let Some(outcome) = self.effects.call(order) else { return false };
        self.violations.extend(self.process.witness.call(order));
        // At least once: now and then the work is done and nobody hears of it until it is done again.
        if self.stormy && self.random.random_ratio(1, 20) {
            return true;
        }
        let finished = || Event::TaskFinished {
            execution,
            scheduled,
            started_at: at,
            outcome: outcome.clone(),
        };
        self.note(&format!("outcome of {} #{scheduled}", execution.0));
        self.tell(finished());
        if self.stormy && self.random.random_ratio(1, 10) {
            self.faults.duplicates += 1;
            self.tell(finished());
        }
        // A second outcome may come much later too: then the task stays where it is.
        if !(self.stormy && self.random.random_ratio(1, 20)) {
            self.process.running.remove(index);
        }
        true
    }

    fn has_returning_task(&self) -> bool {
        let mut nobody = Effects::default();
        self.process.running.iter().any(|order| nobody.call(order).is_some())
    }

    /// Time goes on to the next wake-up.
    fn wait(&mut self) {
        let now = self.clock.now();
        let Some(wakeup) = self.process.kernel.next_wakeup() else {
            return self.violations.push("stuck: nothing is left that could happen".to_owned());
        };
        if wakeup.duration_since(now) > SLEEP_MAX {
            return self.violations.push(format!("a timer was lost: the next is due at {wakeup}"));
        }
        if wakeup > now {
            self.clock.set(wakeup);
        }
    }

    fn tell(&mut self, event: Event) {
        let told = self.process.kernel.handle(event, self.clock.now());
        self.go_on(told);
    }

    fn go_on(&mut self, told: Result<(), Halted>) {
        self.process.collect();
        self.violations.extend(told.err().map(|halted| halted.to_string()));
    }

    /// Something goes wrong.
    fn fault(&mut self) {
        match self.random.random_range(0..4) {
            0 => self.crash(),
            1 => self.torn_write(),
            2 => self.full_disk(),
            _ => self.clock_jump(),
        }
    }

    /// The process dies between two writes.
    fn crash(&mut self) {
        self.note("crash");
        self.faults.crashes += 1;
        let before = self.disk.journal();
        self.restart(self.disk.after_crash(), &before);
    }

    /// The process dies in the middle of a commit.
    fn torn_write(&mut self) {
        let Some(safe_pages) = self.process.safe_pages else { return };
        if self.process.waiting.is_empty() {
            return;
        }
        self.note("torn write");
        self.faults.torn_writes += 1;
        let before = self.disk.journal();
        let count = self.random.random_range(1..=self.process.waiting.len());
        let writes = self.process.commit(count).expect("there is room on the disk");
        let disk = self.disk.after_crash();
        // After a checkpoint the log may have begun anew: then all of it is the last write.
        let grew = self.process.store.wal_pages() > safe_pages;
        if writes {
            disk.tear(if grew { safe_pages } else { 0 }, &mut self.random);
        }
        self.restart(disk, &before);
    }

    /// A commit fails because the disk is full; the engine halts and is started again once there is room.
    fn full_disk(&mut self) {
        if self.process.waiting.is_empty() {
            return;
        }
        self.process.store.fill_disk(true).expect("a limit can be set");
        let before = self.disk.journal();
        let count = self.process.waiting.len();
        let Err(error) = self.process.commit(count) else {
            // It fitted into what the database had left.
            return self.process.store.fill_disk(false).expect("a limit can be set");
        };
        self.note("full disk");
        self.faults.full_disks += 1;
        let halted = Event::CommitFailed { reason: error.to_string() };
        let told = self.process.kernel.handle(halted, self.clock.now());
        assert!(told.is_err(), "a failed commit halts the kernel");
        self.restart(self.disk.after_crash(), &before);
    }

    fn clock_jump(&mut self) {
        self.faults.clock_jumps += 1;
        let (now, by) = (self.clock.now(), Duration::from_secs(self.random.random_range(0..600)));
        let to = if self.random.random() { now + by } else { now - by };
        self.note(&format!("clock jumps to {to}"));
        self.clock.set(to);
    }

    /// Another process takes up what is on `disk`. What was there `before` must still be.
    fn restart(&mut self, disk: Disk, before: &Journal) {
        self.disk = disk;
        let seed = self.random.random();
        match Process::open(&self.disk.store(), seed, self.mutant) {
            Ok(process) => self.process = process,
            Err(error) => return self.violations.push(format!("no restart: {error}")),
        }
        self.clients.lose_connection(&self.process.witness);
        let after = self.disk.journal();
        let changed = before.iter().find(|(id, entries)| after.get(id) != Some(entries));
        if let Some((id, _)) = changed {
            self.violations.push(format!("a restart lost or changed batch {id} of the journal"));
        }
    }

    /// What is on disk of each execution.
    fn endings(&mut self) -> Vec<Ending> {
        let reader = Reader::open(&self.disk.store(), arns()).expect("the store can be read");
        let read = |start| Ending::read(&reader, &self.clients.arn(start));
        let endings: Vec<_> = self.load.starts.iter().map(read).collect();
        let lost = self.load.starts.iter().zip(&endings).filter(|(_, ending)| ending.is_none());
        self.violations.extend(lost.map(|(start, _)| format!("{} is lost", start.name)));
        endings.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn note(&mut self, what: &str) {
        writeln!(self.trace, "{} {what}", self.clock.now()).expect("a text takes all");
    }

    fn finish_trace(&mut self, endings: &[Ending]) -> String {
        let mut trace = std::mem::take(&mut self.trace);
        for event in endings.iter().flat_map(|ending| &ending.events) {
            writeln!(trace, "{event}").expect("a text takes all");
        }
        trace
    }
}
