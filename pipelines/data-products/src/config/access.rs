//! Addresses, credentials and names: from the settings, and where these say nothing from the reference's secret.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::{SecretRef, Secrets};

use super::{Config, Settings, TAG};

/// Everything that is needed to reach both sides.
pub(crate) struct Access {
    pub(crate) sep: Url,
    pub(crate) sep_sql: Url,
    pub(crate) sep_username: SecretString,
    pub(crate) sep_password: SecretString,
    /// `system=ROLE{name}`
    pub(crate) sep_role: Option<String>,
    pub(crate) galaxy: Url,
    pub(crate) galaxy_client_id: SecretString,
    pub(crate) galaxy_client_secret: SecretString,
    pub(crate) galaxy_sql_username: SecretString,
    pub(crate) galaxy_sql_password: SecretString,
    /// Nothing: as the API tells.
    pub(crate) galaxy_sql: Option<Url>,
    pub(crate) terms: Terms,
}

/// What both sides are agreed to call things.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The address of the source, for links: scheme, host and port.
    pub(crate) source: String,
    /// The catalog in Galaxy, folded as Trino folds it.
    pub(crate) catalog: String,
    /// The same as it is written: the API may not fold it.
    pub(crate) catalog_name: String,
    /// The cluster in Galaxy.
    pub(crate) cluster: Option<String>,
    pub(crate) tag: String,
    pub(crate) search: Option<String>,
    /// SEP's name to Galaxy's, both folded.
    pub(crate) catalogs: std::collections::BTreeMap<String, String>,
    /// The e-mail, in lower case, of who is a contact if nobody else is.
    pub(crate) fallback_contact: Option<String>,
}

impl Terms {
    /// The source as the ledger knows it: whether it is reached with or without TLS does not count.
    pub(crate) fn host(&self) -> &str {
        self.source.split_once("://").map_or(self.source.as_str(), |(_, host)| host)
    }
}

impl Config {
    /// Resolves everything, now.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names the setting that is missing or wrong.
    pub(crate) async fn access(&self, secrets: &dyn Secrets) -> Result<Access, HandlerError> {
        let Settings { sep_role, sep_sql_url, catalogs, fallback_contact, .. } = &self.settings;
        let all = Parameters::read(&self.settings, secrets).await?;
        let settings = &self.settings;
        let sep = address("sep_host", &all.needed("sep_host", settings.sep_host.as_ref()).await?)?;
        let sep_sql = sep_sql_url
            .as_ref()
            .map(|url| address("sep_sql_url", &url.clone().into()))
            .transpose()?;
        let galaxy_sql =
            all.get("galaxy_sql_cluster_url", settings.galaxy_sql_cluster_url.as_ref()).await?;
        let galaxy_sql =
            galaxy_sql.map(|url| address("galaxy_sql_cluster_url", &url)).transpose()?;
        let cluster = all.get("default_cluster", settings.default_cluster.as_ref()).await?;
        let galaxy_sql_username =
            all.needed("galaxy_sql_username", settings.galaxy_sql_username.as_ref()).await?;
        let plain = |value: SecretString| value.expose_secret().to_owned();
        let catalog = plain(
            all.needed("data_product_catalog", settings.data_product_catalog.as_ref()).await?,
        );
        let own_address =
            galaxy_sql_username.expose_secret().split('/').next().unwrap_or_default().to_owned();
        let terms = Terms {
            source: sep.origin().ascii_serialization(),
            catalog: catalog.to_lowercase(),
            catalog_name: catalog,
            cluster: cluster.map(plain),
            tag: all.get("tag", settings.tag.as_ref()).await?.map_or_else(|| TAG.to_owned(), plain),
            search: all.get("search_string", settings.search_string.as_ref()).await?.map(plain),
            catalogs: catalogs
                .iter()
                .map(|(from, to)| (from.to_lowercase(), to.to_lowercase()))
                .collect(),
            fallback_contact: Some(fallback_contact.clone().unwrap_or(own_address).to_lowercase()),
        };
        if galaxy_sql.is_none() && terms.cluster.is_none() {
            return Err(missing("galaxy_sql_cluster_url` or `default_cluster"));
        }
        Ok(Access {
            sep_sql: sep_sql.unwrap_or_else(|| sep.clone()),
            sep,
            sep_username: all.needed("sep_username", settings.sep_username.as_ref()).await?,
            sep_password: all.needed("sep_password", settings.sep_password.as_ref()).await?,
            sep_role: sep_role.as_deref().map(role),
            galaxy: address(
                "galaxy_host",
                &all.needed("galaxy_host", settings.galaxy_host.as_ref()).await?,
            )?,
            galaxy_client_id: all
                .needed("galaxy_client_id", settings.galaxy_client_id.as_ref())
                .await?,
            galaxy_client_secret: all
                .needed("galaxy_client_secret", settings.galaxy_client_secret.as_ref())
                .await?,
            galaxy_sql_username,
            galaxy_sql_password: all
                .needed("galaxy_sql_password", settings.galaxy_sql_password.as_ref())
                .await?,
            galaxy_sql,
            terms,
        })
    }
}

/// The reference's secret, and the way to all others.
struct Parameters<'s> {
    filled: Map<String, Value>,
    secrets: &'s dyn Secrets,
}

impl<'s> Parameters<'s> {
    async fn read(settings: &Settings, secrets: &'s dyn Secrets) -> Result<Self, HandlerError> {
        let Some(secret) = &settings.secret else {
            return Ok(Self { filled: Map::new(), secrets });
        };
        let text = secret.reveal(secrets).await?;
        let filled = serde_json::from_str(text.expose_secret()).map_err(|_| {
            HandlerError::Config(
                "the secret that `secret` names is no JSON object; it should be as the reference's \
                 `data-product-sync-parameters`: {\"galaxy-host\": ..., ...}"
                    .to_owned(),
            )
        })?;
        Ok(Self { filled, secrets })
    }

    async fn needed(
        &self,
        key: &str,
        setting: Option<&SecretRef>,
    ) -> Result<SecretString, HandlerError> {
        self.get(key, setting).await?.ok_or_else(|| missing(key))
    }

    /// What is written, or else stands in the secret. Empty is as good as nothing.
    async fn get(
        &self,
        key: &str,
        setting: Option<&SecretRef>,
    ) -> Result<Option<SecretString>, HandlerError> {
        let value = match setting {
            Some(setting) => Some(setting.reveal(self.secrets).await?),
            None => self.filled(key)?,
        };
        Ok(value.filter(|it| !it.expose_secret().trim().is_empty()))
    }

    /// The reference writes `galaxy-host`, and `search_string` with an underscore.
    fn filled(&self, key: &str) -> Result<Option<SecretString>, HandlerError> {
        match self.filled.get(&key.replace('_', "-")).or_else(|| self.filled.get(key)) {
            Some(Value::String(text)) => Ok(Some(text.clone().into())),
            None | Some(Value::Null) => Ok(None),
            Some(_) => Err(HandlerError::Config(format!(
                "`{key}` in the secret that `secret` names is no text"
            ))),
        }
    }
}

fn missing(key: &str) -> HandlerError {
    HandlerError::Config(format!(
        "`{key}` is missing; write it in [pipelines.data-products], or put it into the secret that `secret` names"
    ))
}

/// A host, with or without scheme, port and path. Without a scheme it is `https`, on this machine `http`.
fn address(key: &str, text: &SecretString) -> Result<Url, HandlerError> {
    parse_address(text.expose_secret()).ok_or_else(|| {
        HandlerError::Config(format!(
            "`{key}` is no address; write for instance `sep.example.org:8443`"
        ))
    })
}

pub(crate) fn parse_address(text: &str) -> Option<Url> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&full).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !text.contains("://") && is_loopback(&url) {
        url = Url::parse(&format!("http://{text}")).ok()?;
    }
    let is_address =
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && is_plain;
    url.set_query(None);
    url.set_fragment(None);
    is_address.then_some(url)
}

/// Whether it leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str()
        .is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."))
}

/// As the header wants it, if it is not written so already.
fn role(name: &str) -> String {
    if name.contains('=') { name.to_owned() } else { format!("system=ROLE{{{name}}}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_and_without_scheme() {
        let address = |text| parse_address(text).map(String::from);
        for text in ["sep.example.org", "https://sep.example.org/", " sep.example.org:443 "] {
            assert_eq!(address(text).unwrap(), "https://sep.example.org/", "{text}");
        }
        assert_eq!(address("http://127.0.0.1:81/?a#b").unwrap(), "http://127.0.0.1:81/");
        for text in ["127.0.0.1:443", "localhost:81", "[::1]"] {
            assert_eq!(parse_address(text).unwrap().scheme(), "http", "{text}");
        }
        for text in ["", "ftp://x", "https://user:password@x", "a b"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
