//! The thread that drives the kernel: takes in what happened, lets executions take their turns, passes the
//! writes on to the committer. It sleeps when there is nothing to do.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Job;
use crate::clock::Clock;
use crate::error::Halted;
use crate::kernel::{Event, Kernel};
use crate::meters::Meters;

/// The longest sleep. The clock may be set while we sleep; then a wake-up is late by this much at most.
const SLEEP_MAX: Duration = Duration::from_mins(1);

pub(crate) struct EngineLoop {
    pub(crate) kernel: Kernel,
    pub(crate) events: Receiver<Event>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Arc<Meters>,
    /// Why the engine halted, for those whose requests it never answers.
    pub(crate) halted: Arc<OnceLock<Halted>>,
}

impl EngineLoop {
    /// Runs until the kernel is closed or halted.
    pub(crate) fn run(mut self) -> Result<(), Halted> {
        let result = self.drive();
        if let Err(halted) = &result {
            // The committer may have said the same already.
            let _ = self.halted.set(halted.clone());
        }
        result
    }

    fn drive(&mut self) -> Result<(), Halted> {
        loop {
            self.pass_on()?;
            if self.kernel.is_closed() {
                return Ok(());
            }
            let Some(event) = self.wait() else { return Ok(()) };
            self.take_in(event)?;
            self.kernel.tick(self.clock.now());
            if self.kernel.has_work() {
                self.kernel.step(self.clock.now())?;
            }
        }
    }

    /// The next event, or [`Event::Nudge`] if there is something to do without one. Nothing if all senders
    /// are gone.
    fn wait(&self) -> Option<Event> {
        if self.kernel.has_work() {
            return match self.events.try_recv() {
                Ok(event) => Some(event),
                Err(TryRecvError::Empty) => Some(Event::Nudge),
                Err(TryRecvError::Disconnected) => None,
            };
        }
        match self.events.recv_timeout(self.sleep()) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => Some(Event::Nudge),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Takes in an event and all that have gathered behind it.
    fn take_in(&mut self, first: Event) -> Result<(), Halted> {
        let mut next = Some(first);
        while let Some(event) = next {
            self.kernel.handle(event, self.clock.now())?;
            next = self.events.try_recv().ok();
        }
        Ok(())
    }

    fn sleep(&self) -> Duration {
        let Some(wakeup) = self.kernel.next_wakeup() else { return SLEEP_MAX };
        let left = wakeup.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or_default().min(SLEEP_MAX)
    }

    fn pass_on(&mut self) -> Result<(), Halted> {
        self.meters.running_executions(self.kernel.running());
        for write in self.kernel.take_writes() {
            let gone = |_| Halted { reason: "the thread that writes the store ended".to_owned() };
            self.jobs.send(Job::Write(write)).map_err(gone)?;
        }
        Ok(())
    }
}
