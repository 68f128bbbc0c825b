//! The kit that pipelines are written with: typed functions, their errors, slices, progress, secrets and proof.
//!
//! An author sees one async function with a typed input, a typed output and a [`Context`]. Engine types
//! never appear in a pipeline's signature.

use std::sync::Arc;

pub mod context;
pub mod error;
pub mod function;
pub mod http;
pub mod invoke;
pub mod limiter;
pub mod notify;
pub mod progress;
pub mod secret;
pub mod testing;

pub use context::{Context, NotNow};
pub use error::HandlerError;
pub use function::{AnyFunction, Function};
pub use stepwell_asl::suggest;

/// A pipeline: a state machine, its functions, and what it runs with.
pub struct Pipeline {
    /// The name on the command line and in `stepwell.toml`, for instance `canvas`.
    pub name: &'static str,
    /// The ASL definition. Its Task states name functions through `arn:aws:states:::lambda:invoke` with a
    /// `FunctionName`, so that the same text runs on AWS.
    pub definition: &'static str,
    /// The functions that the definition names.
    pub functions: Vec<Arc<dyn AnyFunction>>,
    /// The input of an execution that gives none.
    pub default_input: serde_json::Value,
    /// How long one invocation of a function may work before it saves its checkpoint. A shorter time-out of
    /// the calling state shortens it.
    pub slice: std::time::Duration,
}
