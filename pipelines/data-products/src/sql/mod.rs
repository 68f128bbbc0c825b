//! SQL as Trino reads it: quoting, the few statements of the synchronisation, and view texts.
//!
//! Responsible for: every name and every text that gets into a statement ([`quote`]), the statements themselves
//! ([`statements`]), which tables a view reads and under which name ([`names`]), whether two texts say the same
//! ([`fingerprint`]). Left to others: running them.

pub(crate) mod fingerprint;
pub(crate) mod names;
pub(crate) mod quote;
pub(crate) mod statements;
mod tokens;
