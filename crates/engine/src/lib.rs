//! The durable engine: runs state machines so that nothing acknowledged is ever lost.
//!
//! ```text
//!  callers                                                      task handlers
//!     │ requests            ▲ answers                            │        ▲
//!     ▼                     │                            outcome │        │ TaskRequest
//!  ┌────────┐               │                                    ▼        │
//!  │ Handle │               │                             ┌──────────────────┐
//!  └──┬──┬──┘               │                             │    dispatcher    │ tokio
//!     │  │ Event            │                             └──────────────────┘
//!     │  │      ┌───────────┼─────────── Event ──────────────────┘        ▲
//!     │  ▼      ▼           │                                             │
//!     │ ┌─────────────┐  Write: records, then actions  ┌───────────┐      │ Action
//!     │ │ engine loop │ ─────────────────────────────▶ │ committer │ ─────┴──▶ answers,
//!     │ │   Kernel    │ ◀───────────────────────────── │   Store   │           subscribers
//!     │ └─────────────┘        Event::Committed        └─────┬─────┘
//!     │   thread   │                                  thread │ one commit for all that wait
//!     │            │ Archive                                 ▼
//!     │            └──────────────────────────────▶ ┌─────────────────┐
//!     └── Reader ─────────────────────────────────▶ │ SQLite, WAL     │
//!                                                   └─────────────────┘
//! ```
//!
//! - [`Handle`] is the door: checks requests, hides the channels, reads what is only shown.
//! - [`kernel`] decides. It holds every running execution and never does or says anything itself: what
//!   follows from a decision leaves it as a [`kernel::Write`], records first.
//! - The committer appends what waits in **one commit, one fsync**, and only then performs the actions:
//!   **append, commit, perform**. A failed commit stops the engine; nothing of it was acknowledged.
//! - The dispatcher hands tasks to [`stepwell_task::TaskHandler`]s, at least once, always with the same key.
//! - [`store`] is SQLite with one writer. After a crash the kernel is built from it alone
//!   (`docs/internals/recovery.md`).
//!
//! Time and randomness come through [`Clock`] and [`Entropy`]; `crates/sim` drives the same kernel and store
//! from a seed. Left to others: what follows from an input (`stepwell-machine`), the language
//! (`stepwell-asl`), what tasks do (`stepwell-task` and its implementers), HTTP and the command line.

mod administration;
pub mod arn;
mod callbacks;
mod clock;
mod configuration;
mod driver;
mod error;
mod execution_log;
mod handle;
pub mod kernel;
pub mod limits;
mod meters;
mod options;
mod reader;
mod record;
mod redrive;
mod results;
mod served;
mod service;
pub mod store;
mod test_state;

pub use arn::{Arns, Qualified, Qualifier};
pub use callbacks::{ACTIVITY_PATIENCE, ActivityTask, TaskReport};
pub use clock::{Clock, Entropy, ManualClock, ManualEntropy, SystemClock, SystemEntropy};
pub use configuration::{
    Configuration, LogLevel, Logging, Publish, Route, Settings, SettingsChange, Tag,
};
pub use error::{Error, Halted, StoreError};
pub use execution_log::{LogOrder, leave_out_data};
pub use handle::{CreateStateMachine, ExecutionFilter, Handle, StartExecution, UpdateStateMachine};
pub use options::Options;
pub use reader::Reader;
pub use record::{
    ActivityRecord, AliasRecord, ExecutionRecord, ExecutionSummary, MapRunRecord, MapRunSummary,
    Page, Paged, Started, StateMachineRecord, StateMachineSummary, Stats, Status, StatusChange,
    SyncExecution, UnknownStatus, VersionRecord,
};
pub use redrive::{NotRedrivable, RedriveExecution};
pub use results::collect;
pub use served::unserved;
pub use service::Service;
pub use stepwell_machine::{Payload, TaskResult, test_state as testing};
