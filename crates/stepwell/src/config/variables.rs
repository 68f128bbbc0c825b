//! Every environment variable that stepwell reads, in one place.

use super::node::{Entry, Node, Table};
use super::problem::Place;

/// Folder of the project, where `--project` is not given.
pub(crate) const PROJECT: &str = "STEPWELL_PROJECT";
/// What is logged, for instance `info` or `stepwell_engine=debug,warn`.
pub(crate) const LOG: &str = "STEPWELL_LOG";
/// Prefix of secrets: `STEPWELL_SECRET_CANVAS_CLIENT_ID` is `secret:canvas/client-id`.
pub(crate) const SECRET_PREFIX: &str = "STEPWELL_SECRET_";
/// Folder with one file for each secret.
pub(crate) const SECRETS_DIR: &str = "STEPWELL_SECRETS_DIR";
/// The same, as systemd sets it for services with `LoadCredential=`.
pub(crate) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// A key outside every section, and its variable.
pub(crate) const AWS_LIMITS_KEY: &str = "aws_limits";
pub(crate) const AWS_LIMITS: &str = "STEPWELL_AWS_LIMITS";

/// Prefix of settings of `[store]`: `STEPWELL_STORE_PATH`.
const STORE_PREFIX: &str = "STEPWELL_STORE_";
/// Prefix of settings of `[services]`: `STEPWELL_SERVICES_SQS`.
const SERVICES_PREFIX: &str = "STEPWELL_SERVICES_";
/// What those of `[services.aws]` have beside it: `STEPWELL_SERVICES_AWS_REGION`.
const AWS_PREFIX: &str = "aws_";

/// The variables of this process. Those that are not Unicode are none of ours.
pub(crate) fn all() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// One variable, if it is set and not empty.
pub(crate) fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Settings of `[store]`.
pub(crate) fn override_store(table: &mut Table, variables: &[(String, String)]) {
    override_by_prefix(table, STORE_PREFIX, variables);
}

/// Settings of `[services]` and of `[services.aws]`.
pub(crate) fn override_services(
    services: &mut Table,
    aws: &mut Table,
    variables: &[(String, String)],
) {
    override_by_prefix(services, SERVICES_PREFIX, variables);
    let of_aws = services.extract_if(.., |key, _| key.starts_with(AWS_PREFIX));
    aws.extend(of_aws.map(|(key, entry)| (key[AWS_PREFIX.len()..].to_owned(), entry)));
}

/// Settings of `[pipelines.<name>]`: `STEPWELL_PIPELINES_<NAME>_<KEY>`.
pub(crate) fn override_pipeline(table: &mut Table, name: &str, variables: &[(String, String)]) {
    let prefix = format!("STEPWELL_PIPELINES_{}_", name.replace('-', "_").to_uppercase());
    override_by_prefix(table, &prefix, variables);
}

/// Takes the keys outside every section out of the document; the environment comes first.
pub(crate) fn take_root(document: &mut Table, variables: &[(String, String)]) -> Table {
    let mut table = Table::new();
    table.extend(document.remove_entry(AWS_LIMITS_KEY));
    for (name, value) in variables.iter().filter(|(name, _)| name == AWS_LIMITS) {
        if !value.is_empty() {
            let node = Node::from_variable(name, value.clone());
            let key = Place::Variable(name.clone());
            table.insert(AWS_LIMITS_KEY.to_owned(), Entry { key, node });
        }
    }
    table
}

fn override_by_prefix(table: &mut Table, prefix: &str, variables: &[(String, String)]) {
    for (variable, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some(key) = variable.strip_prefix(prefix) {
            let key_place = Place::Variable(variable.clone());
            let node = Node::from_variable(variable, value.clone());
            table.insert(key.to_lowercase(), Entry { key: key_place, node });
        }
    }
}
