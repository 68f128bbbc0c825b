//! Progress on long work, told by functions and shown by whoever runs them.

use std::time::Duration;

/// How far one piece of work has come.
///
/// ```json
/// {"subject":"canvas.users","done":120000,"total":500000,"unit":"rows"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Update {
    /// What is worked on, for instance `canvas.users`.
    pub subject: String,
    /// What is happening to it, for instance `loading`.
    pub phase: &'static str,
    /// How much is done.
    pub done: u64,
    /// How much there is, where it is known.
    pub total: Option<u64>,
    /// What is counted, for instance `rows`.
    pub unit: &'static str,
    /// True for the last update about this subject.
    pub finished: bool,
}

/// Where progress is told. Must not block.
pub trait Progress: Send + Sync {
    /// Tells one update.
    fn update(&self, update: Update);

    /// Tells how far a reader is behind the end of its stream: the age of the oldest record that it has not read,
    /// what Lambda calls `IteratorAge`.
    fn iterator_age(&self, stream: &str, age: Duration);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _update: Update) {}

    fn iterator_age(&self, _stream: &str, _age: Duration) {}
}
