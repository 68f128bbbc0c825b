//! What an error of SQLite means for the user.

use std::path::Path;

use rusqlite::ErrorCode;

use super::{TableName, TargetError};

/// Carries a refusal of our own through work that fails in the driver's words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}")]
pub(super) struct Unconvertible {
    pub(super) table: TableName,
    pub(super) cause: String,
}

impl From<Unconvertible> for rusqlite::Error {
    fn from(unconvertible: Unconvertible) -> Self {
        Self::ToSqlConversionFailure(Box::new(unconvertible))
    }
}

/// Turns an error of the driver into one with a next step.
pub(super) fn explain(path: &Path, doing: &str, error: &rusqlite::Error) -> TargetError {
    if let rusqlite::Error::ToSqlConversionFailure(inner) = error
        && let Some(Unconvertible { table, cause }) = inner.downcast_ref()
    {
        return TargetError::Unconvertible { table: table.clone(), cause: cause.clone() };
    }
    let place = path.display().to_string();
    let cause = error.to_string();
    let next_step =
        || format!("make `{place}` and its folder writable for the user that runs stepwell");
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => TargetError::Rights {
            next_step: format!("{}, or create the folder", next_step()),
            cause,
        },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure)
            if !cause.contains("disk I/O") =>
        {
            TargetError::Rights { next_step: next_step(), cause }
        }
        Some(ErrorCode::DiskFull) => TargetError::Full(place),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            TargetError::Transient(format!("`{place}` is held by another process: {cause}"))
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            TargetError::Damaged { place, cause }
        }
        _ => TargetError::Refused { doing: format!("{doing} in `{place}`"), cause },
    }
}
