//! The data: which tables there are, what their rows hold, and how they change.

pub(crate) mod advance;
pub(crate) mod awkward;
pub(crate) mod calendar;
pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod dictionary;
pub(crate) mod evolution;
mod generate;
mod recipe;
pub(crate) mod rows;
pub(crate) mod schema_json;
pub(crate) mod source;
pub(crate) mod table;
mod words;
