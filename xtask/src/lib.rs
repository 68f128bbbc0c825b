//! The tasks of the repository as a library, so that the benchmarks start the same server through the same client.
//!
//! Exit codes of every command: 0 all is well, 1 the work was done and found something wrong, 2 the work could not
//! be done.

#![expect(
    clippy::disallowed_methods,
    reason = "it watches processes from outside, where the clock is the only one there is"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "command-line tools: what they print is their work"
)]

pub mod bench;
pub mod cargo;
pub mod clients;
pub mod conformance;
pub mod debian;
pub mod fuzz;
pub mod moto;
pub mod npm;
pub mod postgres;
pub mod python;
pub mod repository;
pub mod server;
pub mod sfn;
pub mod test;
pub mod tidy;

pub mod torture;
pub mod ui;
