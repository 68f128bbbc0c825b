//! The durable engine.

pub mod arn;
mod clock;
mod driver;
mod error;
mod handle;
pub mod kernel;
pub mod limits;
mod meters;
mod options;
mod reader;
mod record;
mod service;
pub mod store;

pub use arn::Arns;
pub use clock::{Clock, Entropy, ManualClock, ManualEntropy, SystemClock, SystemEntropy};
pub use error::{Error, Halted, StoreError};
pub use handle::{CreateStateMachine, ExecutionFilter, Handle, StartExecution, UpdateStateMachine};
pub use options::Options;
pub use reader::Reader;
pub use record::{
    ExecutionRecord, ExecutionSummary, Page, Paged, Started, StateMachineRecord,
    StateMachineSummary, Stats, Status, StatusChange, UnknownStatus,
};
pub use service::Service;
