//! Tests of the real binary: what people type, what they see, and what survives.

#![expect(
    clippy::disallowed_methods,
    reason = "what is tested is a process, which runs in real time"
)]

mod bootstrap;
mod canvas;
mod commands;
mod configuration;
mod data_mesh;
mod data_products;
mod demo;
mod hand_over;
mod hostile;
mod lambdas;
mod moto;
mod qc;
mod resume;
mod rust_clients;
mod secrets;
mod serve;
mod services_at_aws;
mod stream_qc;
mod support;
mod validate;
mod watch;
