//! Data Mesh Manager.

mod access;
mod admin;
mod data;
mod faults;
mod feed;
mod legacy;
mod products;
mod provisioning;
mod support;
