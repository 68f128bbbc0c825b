//! The four connections of a run: SEP and Galaxy, each over REST and SQL.

use std::time::Duration;

use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::{Context, HandlerError};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::config::Config;
use crate::config::access::{Access, Terms};
use crate::galaxy::{self, Galaxy, Tag};
use crate::rest::{Gate, Server};
use crate::sep::{self, Sep};
use crate::trino::{self, Rows, Session, Trino};

/// How long to wait before a cluster that was just enabled is asked again.
const ENABLED_AGAIN: Duration = Duration::from_secs(1);

/// What a run talks to, shared by all its functions: one token, one gate for each server, one look at each thing.
pub(crate) struct Clients {
    pub(crate) sep: Sep,
    pub(crate) sep_sql: Trino,
    pub(crate) galaxy: Galaxy,
    pub(crate) galaxy_sql: Trino,
    pub(crate) terms: Terms,
    enable_cluster: bool,
    /// How long a cluster may take from being enabled.
    cluster_start: Duration,
    tag: OnceCell<Tag>,
    cluster: OnceCell<galaxy::Cluster>,
    /// The id of the catalog.
    catalog: OnceCell<String>,
    users: OnceCell<Vec<galaxy::User>>,
}

impl Clients {
    /// Resolves secrets. Contacts Galaxy only where no setting tells where the cluster is.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for what is missing or wrong in settings and secrets.
    pub(crate) async fn open(
        config: &Config,
        secrets: &dyn Secrets,
        http: &reqwest::Client,
        ctx: &Context,
    ) -> Result<Self, HandlerError> {
        let access = config.access(secrets).await?;
        let gate = || Gate::new(config.max_requests);
        let server = |name, base| Server { name, base, http: http.clone(), gate: gate() };
        let session = |user, password, role| Session {
            user,
            password,
            role,
            start_takes_max: config.cluster_start,
        };
        let sql = |name, base, session| {
            Trino::new(name, base, http.clone(), config.max_requests, session)
        };
        let galaxy = Galaxy::new(
            server(galaxy::NAME, access.galaxy.clone()),
            access.galaxy_client_id.clone(),
            access.galaxy_client_secret.clone(),
        );
        let (address, cluster) = cluster_address(&access, &galaxy, ctx).await?;
        let Access {
            sep,
            sep_sql,
            sep_username,
            sep_password,
            sep_role,
            galaxy_sql_username,
            galaxy_sql_password,
            terms,
            ..
        } = access;
        Ok(Self {
            sep_sql: sql(
                trino::SEP,
                sep_sql,
                session(sep_username.clone(), sep_password.clone(), sep_role.clone()),
            ),
            sep: Sep {
                server: server(sep::NAME, sep),
                user: sep_username,
                password: sep_password,
                role: sep_role,
            },
            galaxy_sql: sql(
                trino::GALAXY,
                address,
                session(galaxy_sql_username, galaxy_sql_password, None),
            ),
            galaxy,
            terms,
            enable_cluster: config.enable_cluster,
            cluster_start: config.cluster_start,
            tag: OnceCell::new(),
            cluster: OnceCell::new_with(cluster),
            catalog: OnceCell::new(),
            users: OnceCell::new(),
        })
    }

    /// The tag, created by whoever needs it first.
    pub(crate) async fn tag(&self, ctx: &Context) -> Result<&Tag, HandlerError> {
        Ok(self.tag.get_or_try_init(|| self.galaxy.ensure_tag(&self.terms.tag, ctx)).await?)
    }

    /// Runs the first statement of a run. A cluster that is disabled is enabled first, where that is allowed.
    ///
    /// # Errors
    /// If the cluster is disabled and stays so. Inside: what the statement met.
    pub(crate) async fn wake(
        &self,
        sql: &str,
        what: &str,
        may_write: bool,
        ctx: &Context,
    ) -> Result<Result<Rows, trino::Error>, HandlerError> {
        let error = match self.galaxy_sql.run(sql, what, ctx).await {
            Err(error) if error.says_disabled() => error,
            outcome => return Ok(outcome),
        };
        let cluster = self.terms.cluster.as_deref().filter(|_| may_write && self.enable_cluster);
        let Some(name) = cluster else { return Err(error.into()) };
        let cluster = self.cluster(name, ctx).await?;
        tracing::info!(cluster = name, "the cluster is disabled: enabling it");
        self.galaxy.enable_cluster(&cluster.cluster_id, ctx).await?;
        self.wait_until_enabled(sql, what, ctx).await
    }

    /// It may still say that it is disabled for a while.
    async fn wait_until_enabled(
        &self,
        sql: &str,
        what: &str,
        ctx: &Context,
    ) -> Result<Result<Rows, trino::Error>, HandlerError> {
        let begun = Instant::now();
        loop {
            match self.galaxy_sql.run(sql, what, ctx).await {
                Err(error) if error.says_disabled() && begun.elapsed() < self.cluster_start => {
                    tracing::debug!(%error, "the cluster is not enabled yet");
                }
                outcome => return Ok(outcome),
            }
            ctx.sleep(ENABLED_AGAIN)
                .await
                .map_err(|error| HandlerError::retryable(error.to_string()))?;
        }
    }

    /// The cluster that the settings name: Galaxy lets itself be asked for clusters some twenty times a minute.
    pub(crate) async fn cluster(
        &self,
        name: &str,
        ctx: &Context,
    ) -> Result<&galaxy::Cluster, HandlerError> {
        let find =
            || async { self.galaxy.cluster(name, ctx).await?.ok_or_else(|| no_cluster(name)) };
        self.cluster.get_or_try_init(find).await
    }

    /// The id of the catalog.
    pub(crate) async fn catalog(&self, ctx: &Context) -> Result<&String, HandlerError> {
        let name = &self.terms.catalog_name;
        let find =
            || async { self.galaxy.catalog(name, ctx).await?.ok_or_else(|| no_catalog(name)) };
        self.catalog.get_or_try_init(find).await
    }

    /// All users.
    pub(crate) async fn users(&self, ctx: &Context) -> Result<&[galaxy::User], HandlerError> {
        Ok(self.users.get_or_try_init(|| self.galaxy.users(ctx)).await?)
    }
}

/// What is written counts; else what Galaxy tells.
async fn cluster_address(
    access: &Access,
    galaxy: &Galaxy,
    ctx: &Context,
) -> Result<(reqwest::Url, Option<galaxy::Cluster>), HandlerError> {
    if let Some(url) = &access.galaxy_sql {
        return Ok((url.clone(), None));
    }
    let name = access.terms.cluster.as_deref().expect("one of both is there, or access is refused");
    let cluster = galaxy.cluster(name, ctx).await?.ok_or_else(|| no_cluster(name))?;
    let address = cluster.trino_uri.as_deref().and_then(crate::config::access::parse_address);
    let address = address.ok_or_else(|| {
        HandlerError::Config(format!("Galaxy does not tell the address of the cluster `{name}`; write `galaxy_sql_cluster_url`"))
    })?;
    Ok((address, Some(cluster)))
}

fn no_catalog(name: &str) -> HandlerError {
    HandlerError::Config(format!(
        "Galaxy knows no catalog `{name}`, or the role of the API credential may not see it; check \
         `data_product_catalog`"
    ))
}

fn no_cluster(name: &str) -> HandlerError {
    HandlerError::Config(format!(
        "Galaxy knows no cluster `{name}`, or the role of the API credential may not see it; check `default_cluster`"
    ))
}
