//! What an error of PostgreSQL means for the user.

use std::error::Error as _;

use stepwell_pipeline::postgres::ConnectError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::target::TargetError;

/// What messages quote values with, in any language of the server.
const QUOTES: [char; 9] = ['"', '\'', '«', '»', '„', '“', '”', '‘', '「'];

impl From<ConnectError> for TargetError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Config(message) => Self::Config(message),
            ConnectError::Unreachable { place, cause } => Self::Unreachable { place, cause },
            ConnectError::Refused { place, error } => explain(&place, "the connection", &error),
        }
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
    let code = refusal.code().code();
    let (message, detail) = without_values(code, refusal.message(), refusal.detail());
    let detail = detail.map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{message} [{code}]{detail}")
}

/// What a row that breaks a constraint, or a value that cannot be read, holds is nobody else's business. Details tell
/// rows, messages of data exceptions quote values; a trigger of the user's (class P0) may do either.
fn without_values<'a>(
    code: &str,
    message: &'a str,
    detail: Option<&'a str>,
) -> (&'a str, Option<&'a str>) {
    match &code[..2] {
        "22" | "P0" => {
            let unquoted = message.split(QUOTES).next().unwrap_or_default();
            (unquoted.trim_end_matches([' ', ':']), None)
        }
        "23" => (message, None),
        _ => (message, detail),
    }
}

fn chain(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_are_left_out() {
        let told = |code, message| without_values(code, message, Some("Failing row: Jane"));
        let message = r#"invalid input syntax for type bigint: "Jane "the" Doe""#;
        assert_eq!(told("22P02", message), ("invalid input syntax for type bigint", None));
        let message = "ungültige Eingabesyntax für Typ bigint: »Jane«";
        assert_eq!(told("22P02", message), ("ungültige Eingabesyntax für Typ bigint", None));
        assert_eq!(told("P0001", r#"no "Jane""#), ("no", None));
        let message = r#"violates check constraint "c""#;
        assert_eq!(told("23514", message), (message, None));
        assert_eq!(told("42804", "types").1, Some("Failing row: Jane"));
    }
}
