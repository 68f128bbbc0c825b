//! The interpreter: what follows from one input to one execution. Pure: no clock, no randomness, no I/O.
//!
//! [`decide()`] runs an execution as far as it can go without the world and returns journal [`Entry`]s plus
//! [`Command`]s; the engine appends the entries, commits them, and only then performs the commands.
//! [`apply()`] folds one entry into a [`Run`] and is the only function that changes it, so that folding the
//! journal of an execution after a crash gives exactly the `Run` that was lost.
//!
//! ```text
//!            Input            Entry (append, commit)          Entry
//!  world ───────────▶ decide ───────────────────────▶ journal ───────▶ apply ──▶ Run
//!    ▲                   │  ▲                                                     │
//!    └──── Command ◀─────┘  └─────────────────────────────────────────────────────┘
//! ```
//!
//! Where to look: [`states`] holds one file per state type, `frame` says how a run stands between two
//! entries, [`event`] what a journal holds, [`history`] what `GetExecutionHistory` shows of it, `failure`
//! what happens when a state fails.
//!
//! Left to others: the language itself (`stepwell-asl`), time, storage and tasks (`stepwell-engine`).

mod abort;
mod apply;
mod catch;
mod context_object;
mod data_flow;
mod decide;
pub mod decision;
pub mod event;
mod failure;
mod frame;
pub mod history;
pub mod limits;
mod random;
mod redrive;
mod retry;
mod run;
mod stand_in;
pub mod start;
pub mod states;
pub mod test_state;
mod token;
mod variables;

pub use apply::{IllegalEntry, apply};
pub use decide::{ENTRIES_PER_DECISION, decide};
pub use decision::{
    Activities, Command, DecideContext, Decision, Input, ScheduledTask, StartMapRun, TaskResult,
};
pub use event::{
    Entry, Event, EventId, InvalidPayload, MapRunBatch, MapRunData, MapRunPlan, Payload, Reason,
    RedriveFrom, Report,
};
pub use frame::FrameId;
pub use limits::Limits;
pub use redrive::{is_full_history, outer_state};
pub use run::{Phase, Run};
pub use stand_in::{Kept, stand_in};
pub use start::{ExecutionContext, Start};
pub use states::distributed_map::child_item;
pub use token::TaskToken;
