//! Quality control of grouped streams of measurements.

pub mod checks;
pub mod config;
pub mod file;
pub mod flag;
pub mod process;
pub mod series;
mod sorted;
