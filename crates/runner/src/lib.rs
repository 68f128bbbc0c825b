//! Functions as processes: the Lambda Runtime API on the inside, the Lambda API on the outside, supervision between.
//!
//! Responsible for: the processes of functions, their limits, their logs, their code on disk, and the error names
//! and texts of AWS Lambda. Left to others: what calls functions and when ([`stepwell_task`] is the port), the
//! listening socket of the Lambda API, where secrets come from ([`Secrets`]).
#![expect(
    clippy::disallowed_methods,
    reason = "an edge: deadlines are told to processes by the clock of the machine"
)]

mod api;
mod arn;
mod care;
mod code;
mod cold_start;
mod environment;
mod error;
mod events;
mod function;
mod invocation;
mod launch;
mod logs;
mod options;
mod output;
mod places;
mod pool;
mod process;
mod runner;
mod runtime;
mod runtime_api;
mod shared;
mod store;
mod task;
mod usage;

pub use arn::Target;
pub use error::Refusal;
pub use function::{Function, LIMITS, Limits};
pub use invocation::{Invocation, Invoked};
pub use options::{Options, Secrets};
pub use runner::{Runner, created, log_files};
pub use runtime::Runtime;
pub use task::Functions;
