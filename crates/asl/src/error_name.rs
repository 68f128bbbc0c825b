//! Error names and how `ErrorEquals` matches them.

/// The `ErrorEquals` of a Retrier or Catcher.
#[derive(Debug, Clone)]
pub struct ErrorMatcher {}

impl ErrorMatcher {
    /// Whether an error with this name is matched. `States.ALL` and `States.TaskFailed` do not match
    /// everything: see the tests.
    pub fn matches(&self, error: &str) -> bool {
        let _ = error;
        todo!()
    }
}
