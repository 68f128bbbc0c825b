//! The HTTP client of all pipelines: TLS by rustls on ring with the certificates of the system.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};

use crate::HandlerError;

/// How a pipeline introduces itself to services.
const USER_AGENT: &str = concat!("stepwell/", env!("CARGO_PKG_VERSION"));

/// A client that gives up on a connection after 30 seconds and on a silent one after `silence`.
///
/// It follows no redirects (none of the services sends one; a gateway's login page does) and does not
/// unpack bodies: who reads a file wants its bytes.
///
/// # Errors
/// [`HandlerError::Fatal`] if TLS cannot be set up.
pub fn client(silence: Duration) -> Result<reqwest::Client, HandlerError> {
    let setup = |error: &dyn std::error::Error| {
        HandlerError::Fatal(format!("the TLS client cannot be set up: {error}"))
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls().map_err(|error| setup(&error))?)
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(30))
        .read_timeout(silence)
        .build()
        .map_err(|error| setup(&error))
}

/// Names its provider, so that it works whatever other provider the process has.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(system_certificates())
        .with_no_client_auth())
}

/// What can be read of the system's certificates; a container without any still reaches plain HTTP.
pub fn system_certificates() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a system certificate store cannot be read");
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    store
}
