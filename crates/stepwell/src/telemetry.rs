//! Logs to stderr and metrics to whoever asks.

use std::io;
use std::sync::Mutex;

use clap::ValueEnum;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};

use crate::failure::{Exit, Failure, Outcome};
use crate::logs::Daily;
use crate::meters::{DURATION, DURATION_SECONDS};

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

/// Starts logging, to stderr and to `files` if there are any. `filter` is in the syntax of `EnvFilter`.
pub(crate) fn log(filter: Option<&str>, format: Format, files: Option<Daily>) -> Outcome {
    let default = if format == Format::Quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_new(filter.unwrap_or(default)).map_err(|error| {
        Failure::message(Exit::Usage, format!("the log filter cannot be read: {error}"))
            .hint("write for instance `--log info` or `--log stepwell_engine=debug,warn`")
    })?;
    let is_coloured = crate::output::is_watched() && files.is_none();
    let writer = match files {
        Some(files) => BoxMakeWriter::new(io::stderr.and(Mutex::new(files))),
        None => BoxMakeWriter::new(io::stderr),
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        Format::Json => logs.json().flatten_event(true).init(),
        Format::Text | Format::Quiet => logs.with_ansi(is_coloured).init(),
    }
    Ok(())
}

/// Starts counting.
pub(crate) fn metrics() -> PrometheusHandle {
    let duration = Matcher::Full(DURATION.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(duration, &DURATION_SECONDS)
        .expect("there are buckets")
        .install_recorder()
        .expect("nothing else installs a recorder")
}
