//! Galaxy's cluster: it may have to start first, and it may be disabled.

use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Micros, micros};

/// What the cluster is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// It takes statements.
    #[default]
    Running,
    /// It was idle; the first statement starts it.
    Stopped,
    /// Statements fail until it is enabled over the API; it has to start then.
    Disabled,
}

/// How a start goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterStart {
    /// So many statements, pages or looks at the cluster meet it starting.
    pub answers: u32,
    /// It takes so long at least, by the sandbox's clock.
    pub time: Duration,
    /// What clients see meanwhile.
    pub by: StartBy,
}

impl Default for ClusterStart {
    /// Three answers of 503.
    fn default() -> Self {
        Self { answers: 3, time: Duration::ZERO, by: StartBy::default() }
    }
}

/// What clients of a cluster that starts see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartBy {
    /// Statements are answered with 503.
    #[default]
    Unavailable,
    /// Statements are taken, and wait for resources page by page.
    Waiting,
}

/// Whether a statement can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    NotYet,
    Disabled,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    state: Mutex<State>,
    pub(crate) start: ClusterStart,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Running,
    Stopped,
    Starting { since: Micros, left: u32 },
    Disabled,
}

impl Cluster {
    pub(crate) fn new(state: ClusterState, start: ClusterStart) -> Self {
        let cluster = Self { state: Mutex::new(State::Running), start };
        cluster.set(state);
        cluster
    }

    pub(crate) fn set(&self, state: ClusterState) {
        *self.state.lock().expect("setting does not panic") = match state {
            ClusterState::Running => State::Running,
            ClusterState::Stopped => State::Stopped,
            ClusterState::Disabled => State::Disabled,
        };
    }

    /// A statement wants to run: that starts a stopped cluster.
    pub(crate) fn ask(&self, now: Micros) -> Readiness {
        let mut state = self.state.lock().expect("asking does not panic");
        if matches!(*state, State::Stopped) {
            *state = self.starting(now);
        }
        self.go_on(&mut state, now);
        match *state {
            State::Running => Readiness::Ready,
            State::Stopped | State::Starting { .. } => Readiness::NotYet,
            State::Disabled => Readiness::Disabled,
        }
    }

    fn starting(&self, now: Micros) -> State {
        State::Starting { since: now, left: self.start.answers }
    }

    fn go_on(&self, state: &mut State, now: Micros) {
        let State::Starting { since, left } = *state else { return };
        if left > 0 {
            *state = State::Starting { since, left: left - 1 };
        } else if now >= since + micros(self.start.time) {
            *state = State::Running;
        }
    }

    /// `PATCH {"enabled": ...}`
    pub(crate) fn enable(&self, is_enabled: bool, now: Micros) {
        let mut state = self.state.lock().expect("setting does not panic");
        *state = match *state {
            _ if !is_enabled => State::Disabled,
            State::Disabled | State::Stopped => self.starting(now),
            State::Running | State::Starting { .. } => *state,
        };
    }

    /// `clusterState` and `enabled`, as the API has them.
    pub(crate) fn look(&self, now: Micros) -> (&'static str, bool) {
        let mut state = self.state.lock().expect("looking does not panic");
        self.go_on(&mut state, now);
        match *state {
            State::Running => ("RUNNING", true),
            State::Stopped => ("STOPPED", true),
            State::Starting { .. } => ("STARTING", true),
            State::Disabled => ("STOPPED", false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_starts_a_stopped_cluster_and_none_a_disabled_one() {
        let start =
            ClusterStart { answers: 1, time: Duration::from_secs(90), by: StartBy::Waiting };
        let cluster = Cluster::new(ClusterState::Stopped, start);
        assert_eq!(cluster.look(0), ("STOPPED", true));
        assert_eq!(cluster.ask(0), Readiness::NotYet);
        assert_eq!(cluster.look(0).0, "STARTING");
        assert_eq!(cluster.ask(90_000_000), Readiness::Ready);

        cluster.set(ClusterState::Disabled);
        assert_eq!(cluster.ask(0), Readiness::Disabled);
        cluster.enable(true, 0);
        assert_eq!(cluster.ask(0), Readiness::NotYet);
    }
}
