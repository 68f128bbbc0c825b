//! Connecting to PostgreSQL: the connection string, the session's settings.
//!
//! Nothing in a connection string is ever silently ignored: what is not known is refused by name. What concerns
//! TLS is left to [`tls`], what is done in the session to others.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

mod tls;

use crate::HandlerError;
use tls::TlsOptions;

/// What every session is set to, so that a role's own settings change neither results nor run times. Only its
/// `lock_timeout` counts, where it has one: nothing waits for ever for a table that somebody else holds.
const SESSION: &str = "
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'UTC';
SET extra_float_digits = 1;
SET search_path = '';
SET standard_conforming_strings = on;
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SELECT set_config('lock_timeout', '60s', false) WHERE current_setting('lock_timeout') = '0';";

/// A server that vanishes without a word is given up after about two minutes. What the connection string
/// says wins.
const KEEPALIVES: &str =
    "keepalives_idle=60&keepalives_interval=15&keepalives_retries=4&tcp_user_timeout=120";

/// For all of connecting, unless the connection string has a `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no session. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection string is wrong, or what it says of TLS, or the server knows no such user or database.
    #[error("{0}")]
    Config(String),
    /// The server does not answer, or dropped the connection.
    #[error(
        "the database at {place} cannot be reached: {cause}; check that it runs and that host and port are right"
    )]
    Unreachable {
        /// Host and port.
        place: String,
        /// What the driver said.
        cause: String,
    },
    /// The server answers and says no.
    #[error("{place}: {error}")]
    Refused {
        /// Host and port.
        place: String,
        /// Its own words.
        error: Error,
    },
}

impl ConnectError {
    fn new(place: String, error: Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            let source = error.source().map(|it| format!(": {it}")).unwrap_or_default();
            let cause = format!("{error}{source}");
            if cause.contains("TLS handshake") {
                return Self::Config(format!(
                    "{place}: {cause}; correct `sslmode` or `sslrootcert`"
                ));
            }
            return Self::Unreachable { place, cause };
        };
        match *refusal.code() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Self::Config(format!(
                    "{place} refuses the user: {refusal}; check user and password"
                ))
            }
            SqlState::INVALID_CATALOG_NAME => {
                Self::Config(format!("{place}: {refusal}; create it or correct its name"))
            }
            _ => Self::Refused { place, error },
        }
    }
}

impl From<ConnectError> for HandlerError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Config(message) => Self::Config(message),
            error @ (ConnectError::Unreachable { .. } | ConnectError::Refused { .. }) => {
                Self::Retryable(error.to_string())
            }
        }
    }
}

/// Where to connect, and how.
#[derive(Clone)]
pub struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    /// Reads a connection string such as `postgres://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// [`ConnectError::Config`], which never repeats the password.
    pub fn new(connection: &str) -> Result<Self, ConnectError> {
        let (mut config, options) = read(connection)?;
        config.application_name("stepwell");
        let (mode, tls) = options.read()?;
        config.ssl_mode(mode);
        Ok(Self { config, tls })
    }

    /// A new session.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`], [`ConnectError::Config`] where the server refuses the user, [`ConnectError::Refused`]
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        let patience = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        match tokio::time::timeout(patience, self.session()).await {
            Ok(connected) => connected.map_err(|error| ConnectError::new(self.place(), error)),
            Err(_) => Err(ConnectError::Unreachable {
                place: self.place(),
                cause: format!("no answer within {} s", patience.as_secs()),
            }),
        }
    }

    async fn session(&self) -> Result<Client, Error> {
        let client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                client
            }
        };
        client.batch_execute(SESSION).await?;
        Ok(client)
    }

    /// Host and port, for messages.
    pub fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().unwrap_or("?");
        format!("{host}:{port}/{database}")
    }
}

/// Looks whether a connection string can be read, without opening anything.
///
/// # Errors
/// As [`Connector::new`].
pub fn check_form(connection: &str) -> Result<(), ConnectError> {
    let (_, options) = read(connection)?;
    options.meaning().map(|_| ())
}

/// Whether a connection string holds a password.
pub fn holds_password(connection: &str) -> bool {
    read(connection).is_ok_and(|(config, _)| config.get_password().is_some())
}

fn read(connection: &str) -> Result<(Config, TlsOptions<'_>), ConnectError> {
    let (address, query) = connection.rsplit_once('?').unwrap_or((connection, ""));
    if query.contains('@') {
        return Err(ConnectError::Config(
            "the connection string has a `?` before its host; in a user or a password write it as `%3F`".into(),
        ));
    }
    let mut options = TlsOptions::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode" | "ssl", mode)) => options.mode = Some(mode),
            Some(("sslrootcert", path)) => options.root_cert = Some(path.replace("%2F", "/")),
            _ => rest.push(pair),
        }
    }
    let config = read_config(&format!("{address}?{KEEPALIVES}&{}", rest.join("&")))?;
    Ok((config, options))
}

fn read_config(text: &str) -> Result<Config, ConnectError> {
    let config: Config = text.trim_end_matches('&').parse().map_err(|error| {
        let source =
            std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
        ConnectError::Config(format!("the connection string cannot be read: {error}{source}"))
    })?;
    if config.get_hosts().is_empty() {
        return Err(ConnectError::Config(
            "the connection string names no host; it looks like postgres://user:password@host:5432/database".into(),
        ));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(connection: &str) -> String {
        Connector::new(connection).err().expect(connection).to_string()
    }

    #[test]
    fn nothing_in_a_connection_string_is_ignored() {
        assert!(refused("postgres://h/d?sslmode=maybe").contains("none of disable, allow"));
        assert!(refused("postgres://h/d?surprise=1").contains("surprise"));
        assert!(refused("postgres://h/d?sslmode=disable&sslrootcert=/x").contains("of no use"));
        assert!(
            refused("postgres://h/d?sslmode=verify-ca&sslrootcert=/no/such").contains("/no/such")
        );
        assert!(refused("postgres:///d").contains("names no host"));
        assert!(!refused("postgres://u:hidden@h:port/d").contains("hidden"));
        assert!(refused("postgres://u:what?hidden@h/d").contains("`%3F`"));
        assert!(!refused("postgres://u:what?hidden@h/d").contains("hidden"));
    }

    #[test]
    fn the_place_names_no_user() {
        let connector = Connector::new("postgresql://me:pw@db:6000/cd2?ssl=disable").unwrap();
        assert_eq!(connector.place(), "db:6000/cd2");
    }
}
