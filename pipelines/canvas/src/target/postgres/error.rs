//! What an error of PostgreSQL means for the user.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::target::TargetError;

/// Turns an error while connecting into one with a next step.
pub(super) fn explain_connect(place: &str, error: &Error) -> TargetError {
    let Some(refusal) = error.as_db_error() else {
        let cause = chain(error);
        if cause.contains("TLS handshake") {
            return TargetError::Config(format!(
                "{place}: {cause}; correct `sslmode` or `sslrootcert`"
            ));
        }
        return TargetError::Unreachable { place: place.to_owned(), cause };
    };
    match *refusal.code() {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            TargetError::Config(format!(
                "{place} refuses the user: {refusal}; check user and password"
            ))
        }
        SqlState::INVALID_CATALOG_NAME => {
            TargetError::Config(format!("{place}: {refusal}; create it or correct its name"))
        }
        _ => explain_refusal(place, "the connection", refusal),
    }
}

/// Turns an error of a statement into one with a next step.
pub(super) fn explain(place: &str, doing: &str, error: &Error) -> TargetError {
    match error.as_db_error() {
        Some(refusal) => explain_refusal(place, doing, refusal),
        None if error.is_closed() || error.source().is_some() => {
            TargetError::Transient(format!("{doing} at {place}: {}", chain(error)))
        }
        None => TargetError::Refused { doing: doing.to_owned(), cause: chain(error) },
    }
}

fn explain_refusal(place: &str, doing: &str, refusal: &DbError) -> TargetError {
    let cause = describe(refusal);
    let class = &refusal.code().code()[..2];
    match *refusal.code() {
        SqlState::INSUFFICIENT_PRIVILEGE => TargetError::Rights {
            cause,
            next_step:
                "let the role create schemas in the database, or make it the owner of the schemas \
                        that it writes to; `stepwell pipeline init canvas` prints the statements"
                    .to_owned(),
        },
        SqlState::DISK_FULL => TargetError::Full(cause),
        SqlState::LOCK_NOT_AVAILABLE => TargetError::Transient(format!(
            "{doing} at {place}: {cause}; another session holds the table, `pg_blocking_pids` tells which"
        )),
        // Connections, resources, operator intervention, serialization: the same may work later.
        _ if ["08", "53", "57", "40"].contains(&class) => {
            TargetError::Transient(format!("{doing} at {place}: {cause}"))
        }
        _ => TargetError::Refused { doing: doing.to_owned(), cause },
    }
}

fn describe(refusal: &DbError) -> String {
    // What a row that breaks a constraint, or a value that cannot be read, holds is nobody else's business.
    let tells_rows = ["22", "23"].contains(&&refusal.code().code()[..2]);
    let detail = refusal.detail().filter(|_| !tells_rows);
    let detail = detail.map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{} [{}]{detail}", refusal.message(), refusal.code().code())
}

fn chain(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
