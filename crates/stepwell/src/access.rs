//! Who may call where requests must be signed: the access keys of `[access-keys]`, and one that the functions of this process have.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;
use stepwell_integrations::authentication::Keys;
use stepwell_pipeline::secret::Secrets;

use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::project::REGION;
use crate::server::is_authorised;
use crate::{secrets, services};

/// An access key id with its secret access key.
pub(crate) type AccessKey = (String, String);

/// The key of functions, new with every process; nobody else knows even its id.
pub(crate) fn of_functions() -> AccessKey {
    (format!("FUNCTIONS{}", secrets::token()), secrets::token())
}

/// Whether requests to this address must be signed, which needs keys and triggers that ask for a token.
///
/// # Errors
/// [`Exit::Usage`] where something is missing.
pub(crate) fn check(config: &Config, address: SocketAddr, is_required: bool) -> Outcome<bool> {
    if address.ip().is_loopback() && !is_required {
        return Ok(false);
    }
    if config.access_keys.is_empty() {
        let message = format!("requests to `{address}` must be signed, and there is no access key");
        return Err(Failure::message(Exit::Usage, message).hint(
            "write `ID = \"secret:NAME\"` to [access-keys] of stepwell.toml, or listen on 127.0.0.1",
        ));
    }
    let mut http = config.triggers.http.iter();
    if let Some((name, _)) = http.find(|(_, trigger)| trigger.token.is_none()) {
        let message =
            format!("the trigger `{name}` has no `token`, and `{address}` is not open to all");
        return Err(Failure::message(Exit::Usage, message)
            .hint(format!("write `token = \"secret:NAME\"` to [triggers.http.{name}]")));
    }
    Ok(true)
}

/// The keys, with that of the functions. Commands of the project are known by the token that is in its folder.
///
/// # Errors
/// If a secret is missing.
pub(crate) async fn keys(
    config: &Config,
    secrets: &dyn Secrets,
    functions: Option<AccessKey>,
    token: Arc<str>,
) -> Outcome<Keys> {
    let functions = functions.into_iter().map(|(id, secret)| (id, secret.into()));
    let mut known: BTreeMap<String, SecretString> = functions.collect();
    for (id, secret) in &config.access_keys {
        let secret = secret.reveal(secrets).await;
        let secret = secret.map_err(|error| {
            Failure::new(Exit::Usage, error.within(&format!("access key `{id}`")))
        })?;
        known.insert(id.clone(), secret);
    }
    Ok(Keys {
        secrets: Arc::new(known),
        region: Some(REGION.to_owned()),
        clock: services::clock(),
        is_known: Arc::new(move |headers| is_authorised(headers, &token)),
    })
}
