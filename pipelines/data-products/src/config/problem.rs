//! What is wrong with settings, all of it at once, before anything runs. What only a secret tells is found with its
//! first use.

use secrecy::ExposeSecret;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::Problem;

use super::Settings;
use super::access::parse_address;

/// Everything that is missing or wrong.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    missing(settings)
        .chain(addresses(settings))
        .chain(empty(settings))
        .chain(out_of_range(settings))
        .collect()
}

/// What is written as it is, and would do harm in the wrong hands.
pub(super) fn literal_secrets(settings: &Settings) -> Vec<(&'static str, &'static str)> {
    let secret = [
        ("secret", "data-products/parameters", &settings.secret),
        ("sep_password", "data-products/sep-password", &settings.sep_password),
        (
            "galaxy_client_secret",
            "data-products/galaxy-client-secret",
            &settings.galaxy_client_secret,
        ),
        ("galaxy_sql_password", "data-products/galaxy-sql-password", &settings.galaxy_sql_password),
    ];
    let literal =
        secret.into_iter().filter(|(_, _, setting)| matches!(setting, Some(SecretRef::Literal(_))));
    literal.map(|(key, name, _)| (key, name)).collect()
}

/// Where a secret may fill them, nothing is missing yet.
fn missing(settings: &Settings) -> impl Iterator<Item = Problem> {
    let needed = [
        ("sep_host", &settings.sep_host),
        ("sep_username", &settings.sep_username),
        ("sep_password", &settings.sep_password),
        ("galaxy_host", &settings.galaxy_host),
        ("galaxy_client_id", &settings.galaxy_client_id),
        ("galaxy_client_secret", &settings.galaxy_client_secret),
        ("galaxy_sql_username", &settings.galaxy_sql_username),
        ("galaxy_sql_password", &settings.galaxy_sql_password),
        ("data_product_catalog", &settings.data_product_catalog),
    ];
    let may_be_filled = settings.secret.is_some();
    let no_cluster =
        settings.galaxy_sql_cluster_url.is_none() && settings.default_cluster.is_none();
    let cluster = no_cluster.then_some("galaxy_sql_cluster_url");
    let missing = needed.into_iter().filter(|(_, setting)| setting.is_none()).map(|(key, _)| key);
    missing.chain(cluster).filter(move |_| !may_be_filled).map(|key| {
        let name = key.replace('_', "-");
        let help = format!(
            "set it in [pipelines.data-products], for instance to \"secret:data-products/{name}\", or set `secret` to a \
             secret that has it as `{name}`"
        );
        Problem::missing(key, help)
    })
}

fn addresses(settings: &Settings) -> impl Iterator<Item = Problem> {
    let sep_sql_url = settings.sep_sql_url.clone().map(SecretRef::from);
    let addresses = [
        ("sep_host", settings.sep_host.clone()),
        ("galaxy_host", settings.galaxy_host.clone()),
        ("galaxy_sql_cluster_url", settings.galaxy_sql_cluster_url.clone()),
        ("sep_sql_url", sep_sql_url),
    ];
    let wrong = addresses.into_iter().filter(|(_, setting)| {
        literal(setting.as_ref())
            .is_some_and(|text| !text.is_empty() && parse_address(text).is_none())
    });
    wrong.map(|(key, _)| {
        Problem::wrong(
            key,
            format!("`{key}` is no address"),
            "write for instance `sep.example.org` or `https://sep.example.org:8443`",
        )
    })
}

/// A tag that is empty would own everything.
fn empty(settings: &Settings) -> impl Iterator<Item = Problem> {
    let settings =
        [("tag", &settings.tag), ("data_product_catalog", &settings.data_product_catalog)];
    let empty = settings
        .into_iter()
        .filter(|(_, setting)| literal(setting.as_ref()).is_some_and(|it| it.trim().is_empty()));
    empty.map(|(key, _)| {
        Problem::wrong(
            key,
            format!("`{key}` is empty"),
            "leave the key out for its default, or name one",
        )
    })
}

fn out_of_range(settings: &Settings) -> impl Iterator<Item = Problem> {
    let zero = [
        ("max_concurrency", settings.max_concurrency == Some(0)),
        ("max_requests", settings.max_requests == Some(0)),
        ("silence_seconds", settings.silence_seconds == Some(0)),
        ("slice_seconds", settings.slice_seconds == Some(0)),
    ];
    let zero = zero.into_iter().filter(|(_, is_zero)| *is_zero);
    let zero = zero.map(|(key, _)| Problem::wrong(key, format!("`{key}` is 0"), "the least is 1"));
    let share = settings.max_delete_share.filter(|share| !(0.0..=1.0).contains(share));
    let share = share.map(|share| {
        Problem::wrong(
            "max_delete_share",
            format!("`max_delete_share` is {share}"),
            "write a share between 0 and 1, for instance 0.3",
        )
    });
    zero.chain(share)
}

fn literal(setting: Option<&SecretRef>) -> Option<&str> {
    match setting {
        Some(SecretRef::Literal(value)) => Some(value.expose_secret()),
        Some(SecretRef::Named(_)) | None => None,
    }
}
