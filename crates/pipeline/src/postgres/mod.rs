//! Connecting to PostgreSQL: the connection string, the session's settings.
//!
//! Nothing in a connection string is ever silently ignored: what is not known is refused by name. What concerns
//! TLS is left to [`tls`](super::tls).

use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::explain_connect;
use super::tls::TlsOptions;
use crate::target::TargetError;

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

/// Where to connect, and how.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    /// Reads a connection string such as `postgres://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// [`TargetError::Config`], which never repeats the password.
    pub(super) fn new(connection: &str) -> Result<Self, TargetError> {
        let (mut config, options) = read(connection)?;
        config.application_name("stepwell");
        let (mode, tls) = options.read()?;
        config.ssl_mode(mode);
        Ok(Self { config, tls })
    }

    /// A new session.
    ///
    /// # Errors
    /// [`TargetError::Unreachable`], or [`TargetError::Config`] where the server refuses the user.
    pub(super) async fn connect(&self) -> Result<Client, TargetError> {
        let patience = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        match tokio::time::timeout(patience, self.session()).await {
            Ok(connected) => connected.map_err(|error| explain_connect(&self.place(), &error)),
            Err(_) => Err(TargetError::Unreachable {
                place: self.place(),
                cause: format!("no answer within {} s", patience.as_secs()),
            }),
        }
    }

    async fn session(&self) -> Result<Client, tokio_postgres::Error> {
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
    pub(super) fn place(&self) -> String {
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
pub(in crate::target) fn check_form(connection: &str) -> Result<(), TargetError> {
    let (_, options) = read(connection)?;
    options.meaning().map(|_| ())
}

/// Whether a connection string holds a password.
pub(in crate::target) fn holds_password(connection: &str) -> bool {
    read(connection).is_ok_and(|(config, _)| config.get_password().is_some())
}

fn read(connection: &str) -> Result<(Config, TlsOptions<'_>), TargetError> {
    let (address, query) = connection.rsplit_once('?').unwrap_or((connection, ""));
    if query.contains('@') {
        return Err(TargetError::Config(
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

fn read_config(text: &str) -> Result<Config, TargetError> {
    let config: Config = text.trim_end_matches('&').parse().map_err(|error| {
        let source =
            std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
        TargetError::Config(format!("the connection string cannot be read: {error}{source}"))
    })?;
    if config.get_hosts().is_empty() {
        return Err(TargetError::Config(
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
