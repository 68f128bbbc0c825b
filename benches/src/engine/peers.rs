//! What the peers did in the same run.

use std::time::Duration;

use super::Args;
use super::localstack::{self, LocalStack};
use super::restate::{self, Restate};
use crate::table::number;

/// The peers that could be installed.
#[derive(Default)]
pub(crate) struct Peers {
    restate: Option<Restate>,
    localstack: Option<LocalStack>,
}

/// A rate of a peer.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) per_second: f64,
}

impl Peers {
    pub(super) fn measure(args: &Args) -> Self {
        if args.no_peer {
            return Self::default();
        }
        let duration = Duration::from_secs(args.seconds);
        Self {
            restate: restate::measure(&args.peers, args.seconds),
            localstack: localstack::measure(args.localstack.as_deref(), duration),
        }
    }

    pub(super) fn five_tasks(&self, clients: usize) -> Option<Peer> {
        self.restate.as_ref()?.five(clients).map(Peer::restate)
    }

    pub(super) fn durable_steps(&self) -> Option<Peer> {
        self.restate.as_ref().map(|it| Peer::restate(it.steps_per_second))
    }

    pub(super) fn five_passes(&self, clients: usize) -> Option<Peer> {
        self.localstack.as_ref()?.five(clients).map(Peer::localstack)
    }

    pub(super) fn transitions(&self) -> Option<Peer> {
        self.localstack.as_ref().map(|it| Peer::localstack(it.transitions_per_second))
    }

    pub(super) fn items(&self) -> Option<Peer> {
        self.localstack.as_ref().map(|it| Peer::localstack(it.items_per_second))
    }

    pub(super) fn start(&self) -> String {
        self.localstack.as_ref().map(|it| format!("LocalStack {}", it.start)).unwrap_or_default()
    }

    pub(super) fn idle_memory(&self) -> String {
        let restate = self.restate.as_ref().map(|it| format!("Restate {:.0} MiB", it.rss_mib));
        let localstack =
            self.localstack.as_ref().map(|it| format!("LocalStack {:.0} MiB", it.idle_mib));
        restate.into_iter().chain(localstack).collect::<Vec<_>>().join(", ")
    }

    /// What is said below the table.
    pub(super) fn versions(&self) -> String {
        let restate = self
            .restate
            .as_ref()
            .map(|it| format!("Restate {} with {:.0} MiB after the run.", it.version, it.rss_mib));
        let localstack = self.localstack.as_ref().map(|it| {
            format!("LocalStack {}, in memory, asked through HTTP for every row.", it.version)
        });
        restate.into_iter().chain(localstack).collect::<Vec<_>>().join("\n")
    }
}

impl Peer {
    fn restate(per_second: f64) -> Self {
        Self { name: "Restate", per_second }
    }

    fn localstack(per_second: f64) -> Self {
        Self { name: "LocalStack", per_second }
    }

    /// The cell of the table, beside what we did.
    pub(super) fn cell(&self, ours: f64) -> String {
        let Self { name, per_second } = self;
        format!("{name} {}/s: {:.1} x", number(*per_second), ours / per_second)
    }
}
