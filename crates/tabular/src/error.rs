//! What can go wrong with a file, by what should happen next.

use std::fmt;

use crate::Location;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody must change what is written: a name, a column, a setting.
    #[error("{0}")]
    Wrong(String),
    /// There is nothing there.
    #[error("{0} does not exist")]
    Missing(Location),
    /// The same call may work later.
    #[error("{at}: {reason}")]
    Unreachable {
        /// The file or folder.
        at: Location,
        /// Why.
        reason: String,
    },
    /// The place is reached and says no.
    #[error("{at}: {reason}")]
    Refused {
        /// The file or folder.
        at: Location,
        /// Why.
        reason: String,
    },
    /// The content is not what its format asks for.
    #[error("{at}{place}: {reason}")]
    Content {
        /// The file.
        at: Location,
        /// ` line 17`, or nothing.
        place: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// True if the same call may work later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn content(at: &Location, reason: impl fmt::Display) -> Self {
        Self::Content { at: at.clone(), place: String::new(), reason: format!("{reason}") }
    }

    pub(crate) fn of_store(at: &Location, error: &object_store::Error) -> Self {
        use object_store::Error as Store;
        let at = at.clone();
        match error {
            Store::NotFound { .. } => Self::Missing(at),
            Store::PermissionDenied { .. }
            | Store::Unauthenticated { .. }
            | Store::InvalidPath { .. }
            | Store::NotSupported { .. }
            | Store::NotImplemented { .. }
            | Store::UnknownConfigurationKey { .. } => Self::Refused { at, reason: chain(error) },
            _ => Self::Unreachable { at, reason: chain(error) },
        }
    }

    pub(crate) fn of_io(at: &Location, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let at = at.clone();
        match error.kind() {
            ErrorKind::NotFound => Self::Missing(at),
            ErrorKind::PermissionDenied | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
                Self::Refused { at, reason: error.to_string() }
            }
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
                Self::content(&at, error)
            }
            _ => Self::Unreachable { at, reason: error.to_string() },
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = error.source();
    }
    told
}
