//! Logs to stderr and metrics to whoever asks.

use std::io;

use clap::ValueEnum;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure, Outcome};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object on a line.
    Json,
    /// For commands that are no server: warnings only, in text.
    #[value(skip)]
    Quiet,
}

/// Starts logging. `filter` is in the syntax of `EnvFilter`.
pub(crate) fn log(filter: Option<&str>, format: Format) -> Outcome {
    let default = if format == Format::Quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).map_err(|error| {
        Failure::message(Exit::Usage, format!("the log filter cannot be read: {error}"))
            .hint("write for instance `--log info` or `--log stepwell_engine=debug,warn`")
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        Format::Json => logs.json().flatten_event(true).init(),
        Format::Text | Format::Quiet => logs.with_ansi(crate::output::is_watched()).init(),
    }
    Ok(())
}

/// Starts counting.
pub(crate) fn metrics() -> PrometheusHandle {
    PrometheusBuilder::new().install_recorder().expect("nothing else installs a recorder")
}
