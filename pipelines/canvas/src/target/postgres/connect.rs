//! Connecting to PostgreSQL: the connection string, TLS, the session's settings.
//!
//! `sslmode` (or `ssl`, as the official client spells it) means what it means to libpq, and nothing in a
//! connection string is ever silently ignored: what is not known is refused by name.
//!
//! | mode | TLS | certificate |
//! | --- | --- | --- |
//! | `disable` | no | |
//! | `allow`, `prefer` (default) | if the server offers it | not verified |
//! | `require` | yes | not verified, unless `sslrootcert` is given: then as `verify-ca` |
//! | `verify-ca` | yes | signed by a known authority |
//! | `verify-full` | yes | and made for the host |

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::explain_connect;
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

/// How the certificate of the server is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verify {
    No,
    Authority,
    AuthorityAndHost,
}

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
        let (mode, verify) = options.meaning()?;
        config.ssl_mode(mode);
        let tls = match mode {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls_config(verify, options.root_cert.as_deref())?)),
        };
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

#[derive(Default)]
struct TlsOptions<'a> {
    mode: Option<&'a str>,
    root_cert: Option<String>,
}

impl TlsOptions<'_> {
    fn meaning(&self) -> Result<(SslMode, Verify), TargetError> {
        Ok(match self.mode.unwrap_or("prefer") {
            "disable" if self.root_cert.is_some() => {
                return Err(TargetError::Config(
                    "`sslrootcert` is of no use with `sslmode=disable`; choose one of them".into(),
                ));
            }
            "disable" => (SslMode::Disable, Verify::No),
            "allow" | "prefer" if self.root_cert.is_none() => (SslMode::Prefer, Verify::No),
            "allow" | "prefer" => (SslMode::Prefer, Verify::Authority),
            "require" if self.root_cert.is_none() => (SslMode::Require, Verify::No),
            "require" | "verify-ca" => (SslMode::Require, Verify::Authority),
            "verify-full" => (SslMode::Require, Verify::AuthorityAndHost),
            other => {
                return Err(TargetError::Config(format!(
                    "`sslmode={other}` is none of disable, allow, prefer, require, verify-ca, verify-full"
                )));
            }
        })
    }
}

fn tls_config(verify: Verify, root_cert: Option<&str>) -> Result<ClientConfig, TargetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3");
    if verify == Verify::No {
        let verifier = Arc::new(Unverified(provider));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    let roots = Arc::new(roots(root_cert)?);
    let inner =
        WebPkiServerVerifier::builder_with_provider(roots, provider).build().map_err(|error| {
            TargetError::Config(format!("no certificate authority to trust: {error}"))
        })?;
    if verify == Verify::AuthorityAndHost {
        return Ok(builder.with_webpki_verifier(inner).with_no_client_auth());
    }
    let verifier = Arc::new(AnyHost(inner));
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn roots(root_cert: Option<&str>) -> Result<RootCertStore, TargetError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = root_cert.filter(|path| *path != "system") else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        TargetError::Config(format!("`sslrootcert={path}` cannot be read: {error}"))
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    Ok(roots)
}

/// Encrypts, but takes any certificate: what libpq does up to `require`.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies the chain but not the name: `verify-ca`.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
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
    fn modes_mean_what_they_mean_to_libpq() {
        let meaning = |mode: Option<&'static str>, root_cert: Option<&str>| {
            TlsOptions { mode, root_cert: root_cert.map(str::to_owned) }.meaning().unwrap()
        };
        assert_eq!(meaning(None, None), (SslMode::Prefer, Verify::No));
        assert_eq!(meaning(Some("disable"), None), (SslMode::Disable, Verify::No));
        assert_eq!(meaning(Some("require"), None), (SslMode::Require, Verify::No));
        assert_eq!(meaning(Some("require"), Some("/ca")), (SslMode::Require, Verify::Authority));
        assert_eq!(meaning(Some("verify-ca"), None), (SslMode::Require, Verify::Authority));
        assert_eq!(
            meaning(Some("verify-full"), None),
            (SslMode::Require, Verify::AuthorityAndHost)
        );
    }

    #[test]
    fn the_place_names_no_user() {
        let connector = Connector::new("postgresql://me:pw@db:6000/cd2?ssl=disable").unwrap();
        assert_eq!(connector.place(), "db:6000/cd2");
    }
}
