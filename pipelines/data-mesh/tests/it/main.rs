//! The integration tests of the data-mesh pipeline, in one binary.

#![expect(clippy::disallowed_methods, reason = "the environment says where the double of AWS is")]

mod crash;
mod desired;
mod drift;
mod driver;
mod faults;
mod feed;
mod on_aws;
mod plan;
mod poison;
mod roles;
mod standard;
mod support;
mod write_back;
