//! SQL over the tables of a lake, by an embedded query engine.
