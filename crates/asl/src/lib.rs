//! The Amazon States Language: from JSON text to a checked [`StateMachine`], and the pure functions that
//! evaluate its paths, templates, intrinsic functions and Choice rules.
//!
//! Responsible for: syntax, validation with [`Diagnostic`]s, data flow over JSON values.
//! Left to others: running anything. This crate knows no I/O, no clock and no randomness; what is not a
//! function of its input arrives through [`eval::Scope`].

pub mod choice;
pub mod dataflow;
pub mod diagnostic;
pub mod error_name;
pub mod eval;
pub mod intrinsic;
pub mod json;
pub mod jsonata;
pub mod jsonpath;
pub mod model;
mod number;
pub mod query;
pub mod retry;
pub mod suggest;
pub mod syntax;
pub mod template;
pub mod timestamp;
pub mod variable;

pub use diagnostic::{Diagnostic, Severity, Span};
pub use model::{StateMachine, WorkflowType};
pub(crate) use syntax::Reading;
pub use syntax::{parse, parse_as, parse_kept};

/// A JSON value shared between events, frames and requests without copying.
pub type Data = std::sync::Arc<serde_json::Value>;
