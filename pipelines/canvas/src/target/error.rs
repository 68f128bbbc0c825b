//! Why a target cannot do what it should, and what to do about it.

use stepwell_pipeline::HandlerError;

use super::TableName;

/// Why a target cannot do what it should. Each message says what, why and what to do next; none holds a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The connection string or a setting is wrong.
    #[error("{0}")]
    Config(String),
    /// The database does not answer, or dropped the connection.
    #[error(
        "the database at {place} cannot be reached: {cause}; check that it runs and that host and port are right"
    )]
    Unreachable {
        /// Host and port, or the file.
        place: String,
        /// What the driver said.
        cause: String,
    },
    /// The role lacks a right.
    #[error("the database refuses: {cause}; {next_step}")]
    Rights {
        /// What the database said.
        cause: String,
        /// What to grant.
        next_step: String,
    },
    /// A table is in the way.
    #[error("table {table} exists but is no replica of stepwell: {found}; {next_step}")]
    Occupied {
        /// The table.
        table: TableName,
        /// What was found.
        found: String,
        /// What to do about it.
        next_step: String,
    },
    /// An increment for a table that was never published, or that does not begin where the table ends.
    #[error("the increment for {table} does not fit: {cause}")]
    Gap {
        /// The table.
        table: TableName,
        /// What is wrong.
        cause: String,
    },
    /// Stored values cannot be converted to the new type of their column, and an increment does not bring others.
    #[error(
        "the rows of {table} cannot follow its schema: {cause}; {}", if table.is_log() {
            "rename the old column and let it hold nulls, then run again: its older values exist nowhere else"
        } else {
            "a new snapshot replaces them"
        }
    )]
    Unconvertible {
        /// The table.
        table: TableName,
        /// Which column, and why.
        cause: String,
    },
    /// Another load of the same table is open.
    #[error("another load of {0} is under way; it goes on when that one has finished")]
    Locked(TableName),
    /// No room left.
    #[error("the database has no room left: {0}; free some space, what was checkpointed is kept")]
    Full(String),
    /// The same may work later: a deadlock, a restart, a serialization failure.
    #[error("the database could not finish: {0}")]
    Transient(String),
    /// What stepwell finds in the database is not what it wrote.
    #[error("the state of {place} is damaged: {cause}")]
    Damaged {
        /// The state table or file.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// The database refused something for a reason that stepwell did not foresee.
    #[error("the database refused {doing}: {cause}")]
    Refused {
        /// What was being done.
        doing: String,
        /// What the database said.
        cause: String,
    },
}

impl From<TargetError> for HandlerError {
    fn from(error: TargetError) -> Self {
        let message = error.to_string();
        match error {
            TargetError::Config(_) | TargetError::Rights { .. } | TargetError::Occupied { .. } => {
                Self::Config(message)
            }
            TargetError::Unreachable { .. }
            | TargetError::Locked(_)
            | TargetError::Full(_)
            | TargetError::Transient(_) => Self::Retryable(message),
            TargetError::Gap { .. } | TargetError::Unconvertible { .. } => Self::Data(message),
            TargetError::Damaged { .. } | TargetError::Refused { .. } => Self::Fatal(message),
        }
    }
}
