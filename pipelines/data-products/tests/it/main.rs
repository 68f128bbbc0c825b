//! The integration tests of the data-products pipeline, in one binary.

mod changes;
mod crash;
mod definition;
mod deletions;
mod faults;
mod lesser_servers;
mod machine;
mod ownership;
mod plan;
mod secrets;
mod standard;
mod support;
