//! The SQL that the sandbox understands: the statements of a client that keeps schemas and views, and the look-ups it needs for that.
//!
//! A reader of our own, because what a sandbox owes its clients is Trino's verdict on exactly these statements: which quoting is
//! accepted, which word is reserved, where the query of a view begins and what its text is, byte for byte. General SQL parsers accept a
//! union of dialects, know neither `CREATE VIEW ... COMMENT ... SECURITY` nor Trino's error places, and give texts back reformatted.
//! Everything else is refused by name: `SYNTAX_ERROR` for what Trino does not know either, `NOT_SUPPORTED` for what it would.

mod parse;
mod query;
mod reader;
mod select;
mod token;

pub(crate) use parse::{Commented, Name, Statement, parse};
pub(crate) use query::{Output, analyze};
pub(crate) use select::{Condition, Item, Part, Select};
pub(crate) use token::{check_tokens, identifier_text, reformat, substitute};
