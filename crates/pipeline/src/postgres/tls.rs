//! TLS to PostgreSQL.
//!
//! `sslmode` (or `ssl`, as the official client spells it) means what it means to libpq.
//!
//! | mode | TLS | certificate |
//! | --- | --- | --- |
//! | `disable` | no | |
//! | `allow`, `prefer` (default) | if the server offers it | not verified |
//! | `require` | yes | not verified, unless `sslrootcert` is given: then as `verify-ca` |
//! | `verify-ca` | yes | signed by a known authority |
//! | `verify-full` | yes | and made for the host |

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ConnectError;
use crate::http::system_certificates;

/// How the certificate of the server is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    No,
    Authority,
    AuthorityAndHost,
}

/// What a connection string says of TLS.
#[derive(Default)]
pub(super) struct TlsOptions<'a> {
    pub(super) mode: Option<&'a str>,
    pub(super) root_cert: Option<String>,
}

impl TlsOptions<'_> {
    /// Whether TLS is to be used, and how.
    ///
    /// # Errors
    /// [`ConnectError::Config`] if a mode is not known or the certificates cannot be read.
    pub(super) fn read(&self) -> Result<(SslMode, Option<MakeRustlsConnect>), ConnectError> {
        let (mode, verify) = self.meaning()?;
        let tls = match mode {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls_config(verify, self.root_cert.as_deref())?)),
        };
        Ok((mode, tls))
    }

    /// What the mode means.
    ///
    /// # Errors
    /// [`ConnectError::Config`] if it is not known.
    pub(super) fn meaning(&self) -> Result<(SslMode, Verify), ConnectError> {
        Ok(match self.mode.unwrap_or("prefer") {
            "disable" if self.root_cert.is_some() => {
                return Err(ConnectError::Config(
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
                return Err(ConnectError::Config(format!(
                    "`sslmode={other}` is none of disable, allow, prefer, require, verify-ca, verify-full"
                )));
            }
        })
    }
}

fn tls_config(verify: Verify, root_cert: Option<&str>) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3");
    let trust = match verify {
        Verify::No => Trust::Anybody,
        Verify::Authority | Verify::AuthorityAndHost => {
            let roots = Arc::new(roots(root_cert)?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
            let verifier = verifier.build().map_err(|error| {
                ConnectError::Config(format!("no certificate authority to trust: {error}"))
            })?;
            if verify == Verify::AuthorityAndHost {
                return Ok(builder.with_webpki_verifier(verifier).with_no_client_auth());
            }
            Trust::AnyHost(verifier)
        }
    };
    let verifier = Arc::new(Lenient { trust, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn roots(root_cert: Option<&str>) -> Result<RootCertStore, ConnectError> {
    let Some(path) = root_cert.filter(|path| *path != "system") else {
        return Ok(system_certificates());
    };
    let mut roots = RootCertStore::empty();
    let unreadable = |error: &dyn std::fmt::Display| {
        ConnectError::Config(format!("`sslrootcert={path}` cannot be read: {error}"))
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    Ok(roots)
}

/// Verifies less than a browser does.
#[derive(Debug)]
struct Lenient {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trust {
    /// Encrypts, but takes any certificate: what libpq does up to `require`.
    Anybody,
    /// Verifies the chain but not the name: `verify-ca`.
    AnyHost(Arc<WebPkiServerVerifier>),
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Trust::AnyHost(verifier) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        match verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
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
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
