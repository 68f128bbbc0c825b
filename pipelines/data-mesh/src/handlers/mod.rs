//! The functions that the state machines call.
//!
//! ```text
//! poll_feed      the feed into the queue, up to its end; or says that everything has to be surveyed first
//! survey         everything: all accesses, the ledger, the policies on the roles
//! receive        the next accesses to examine
//!   fetch_access   what an access should lead to, and whether that is so
//!   grant, revoke, report
//!                  make it so; they share apply, which writes roles
//!   write_back     tells the owner
//! settle         deletes the messages, counts attempts, gives up what fails again and again
//! verify         reads what was written back from the target
//! summarise      one summary of all results
//! ```
//!
//! Every call may be repeated: what is done is seen in the ledger and on the role, and not done again.

use serde::{Deserialize, Serialize};
use stepwell_pipeline::HandlerError;

use crate::event::Cause;

mod apply;
mod fetch_access;
mod grant;
mod poll_feed;
mod receive;
mod report;
mod revoke;
mod settle;
mod summarise;
mod survey;
mod verify;
mod write_back;

pub use fetch_access::{Decision, FetchAccess, Fetched};
pub use grant::Grant;
pub use poll_feed::{Counts, Poll, PollFeed, Polled};
pub use receive::{Receive, Received, ToExamine, Wanted};
pub use report::Report;
pub use revoke::Revoke;
pub use settle::{Settle, Settled, WorkedOn};
pub use summarise::{Ended, Summarise};
pub use survey::{Survey, Surveyed};
pub use verify::{Proof, ToVerify, Verify};
pub use write_back::{WriteBack, Written};

use crate::dmm;
use crate::ledger::ItemResult;

/// The input of an execution.
///
/// ```json
/// {"plan":true,"redrive":false,"allow_deletes":false}
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// Changes nothing and says what would change.
    pub plan: bool,
    /// Puts the dead letters back into the queue first.
    pub redrive: bool,
    /// A survey may revoke more than `max_revoked_percent`.
    pub allow_deletes: bool,
}

/// What every function of a run is told.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    /// The ARN of the execution.
    pub run: String,
    /// Its input.
    pub input: Input,
}

/// One access on its way through the Map state.
#[derive(Debug, Clone, Deserialize)]
pub struct Examined {
    run: String,
    plan: bool,
    batch: String,
    /// The batch has so many accesses that roles are better read all at once.
    many: bool,
    access: String,
    #[serde(flatten)]
    cause: Cause,
    /// What `fetch_access` gave.
    #[serde(default)]
    fetched: Option<Fetched>,
    /// What `grant`, `revoke` or `report` gave.
    #[serde(default)]
    work: Option<Done>,
}

/// What was done about an access.
///
/// ```json
/// {"status":"DONE","result":{"access":"acc-17","outcome":"granted"},"report":{"transition":"provisioning-succeeded"}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    status: Status,
    result: Option<ItemResult>,
    report: Option<dmm::Report>,
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It was.
    Done,
    /// The reading is too old to act on: it has to be read again.
    Stale,
}

impl Done {
    fn with(result: ItemResult, report: Option<dmm::Report>) -> Self {
        Self { status: Status::Done, result: Some(result), report }
    }

    fn stale() -> Self {
        Self { status: Status::Stale, result: None, report: None }
    }
}

impl Examined {
    fn fetched(&self) -> Result<&Fetched, HandlerError> {
        let missing = || HandlerError::Config("the state has no `fetched`".to_owned());
        self.fetched.as_ref().ok_or_else(missing)
    }
}
