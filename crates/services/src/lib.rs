//! Opens the services that `[services]` names for a pipeline: the kit says who serves, the integrations know how.
//!
//! Left to others: what a pipeline does with them.

#![expect(clippy::disallowed_methods, reason = "embedded services go by the clock of the machine")]

mod errors;
mod opener;
mod topics;

pub use errors::ToHandlerError;
pub use opener::Opener;
