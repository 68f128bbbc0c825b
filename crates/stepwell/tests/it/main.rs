//! Tests of the real binary: what people type, what they see, and what survives.

mod canvas;
mod commands;
mod configuration;
mod hand_over;
mod resume;
mod secrets;
mod serve;
mod support;
mod validate;
