//! The integration tests of the canvas pipeline, in one binary.

mod target;
