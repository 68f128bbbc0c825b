//! The errors of functions, sorted by what should happen next.

pub use stepwell_task::in_one_line;

/// Why a function failed. The variant says what happens next; it becomes the error name that `Retry` and
/// `Catch` match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The configuration, the credentials or the input are wrong: somebody must change them. Error name `Config`.
    #[error("{0}")]
    Config(String),
    /// The same call may work later. Error name `Retryable`.
    #[error("{0}")]
    Retryable(String),
    /// The data cannot be processed as they are. Error name `Data`.
    #[error("{0}")]
    Data(String),
    /// Nothing that a repeat or a change of configuration would mend. Error name `Fatal`.
    #[error("{0}")]
    Fatal(String),
}

impl HandlerError {
    /// The error name of [`HandlerError::Config`].
    pub const CONFIG: &str = "Config";
    /// The error name of [`HandlerError::Retryable`].
    pub const RETRYABLE: &str = "Retryable";

    /// [`HandlerError::Retryable`] of any text.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::Retryable(message.into())
    }

    /// The error name that `ErrorEquals` matches.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Config(_) => Self::CONFIG,
            Self::Retryable(_) => Self::RETRYABLE,
            Self::Data(_) => "Data",
            Self::Fatal(_) => "Fatal",
        }
    }

    /// The same error with `place` before its message.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        let told = |message: String| format!("{place}: {message}");
        match self {
            Self::Config(message) => Self::Config(told(message)),
            Self::Retryable(message) => Self::Retryable(told(message)),
            Self::Data(message) => Self::Data(told(message)),
            Self::Fatal(message) => Self::Fatal(told(message)),
        }
    }
}
