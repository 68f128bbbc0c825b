//! The kit that pipelines are written with: typed functions, their errors, slices, progress, secrets and proof.
//!
//! An author sees one async function with a typed input, a typed output and a [`Context`]. Engine types
//! never appear in a pipeline's signature.

pub mod caught;
pub mod context;
pub mod error;
pub mod function;
pub mod http;
pub mod invoke;
pub mod limiter;
pub mod notify;
mod pipeline;
pub mod postgres;
pub mod progress;
pub mod secret;
pub mod settings;
pub mod surroundings;
pub mod testing;

pub use caught::Caught;
pub use context::{Context, NotNow};
pub use error::HandlerError;
pub use function::{AnyFunction, Function};
pub use pipeline::{Machine, Pipeline, Switch};
pub use settings::Settings;
pub use stepwell_asl::suggest;
pub use surroundings::Surroundings;
