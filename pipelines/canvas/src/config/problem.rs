//! What is wrong with settings, all of it at once, before anything runs.
//!
//! Responsible for: what can be told from the settings alone. Left to others: where they were written, and what
//! only the service or the database knows.

use std::sync::Arc;

use secrecy::ExposeSecret;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Problem, Variables, or_variable};
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Surroundings};

use super::{Config, NAMESPACE, Settings};
use crate::dap;
use crate::target;

impl stepwell_pipeline::Settings for Settings {
    const PIPELINE: &'static str = crate::NAME;
    const MACHINES: &'static [Machine] = crate::MACHINES;
    const TEMPLATE: &'static str = include_str!("../../settings.toml");

    fn problems(&self, variables: Variables<'_>) -> Vec<Problem> {
        let found = [self.base_url_problem(variables), self.target_problem(variables)];
        let found = found.into_iter().flatten().chain(self.out_of_range());
        self.missing(variables).into_iter().chain(found).collect()
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        let client_secret = matches!(self.client_secret, Some(SecretRef::Literal(_)));
        let target = literal(self.target.as_ref()).is_some_and(target::holds_password);
        let found = [
            (client_secret, ("client_secret", "canvas/client-secret")),
            (target, ("target", "canvas/target")),
        ];
        found.into_iter().filter_map(|(found, secret)| found.then_some(secret)).collect()
    }

    fn build(
        &self,
        variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        let config = Config::new(self.clone(), variables)?;
        crate::pipeline(config, Arc::clone(&surroundings.secrets))
    }
}

impl Settings {
    fn missing(&self, variables: Variables<'_>) -> Vec<Problem> {
        let needed = [
            ("client_id", "DAP_CLIENT_ID", &self.client_id),
            ("client_secret", "DAP_CLIENT_SECRET", &self.client_secret),
        ];
        let is_missing = |setting: &Option<SecretRef>, name: &str| match setting {
            Some(SecretRef::Literal(value)) => value.expose_secret().is_empty(),
            Some(SecretRef::Named(_)) => false,
            None => or_variable::<String>(None, name, variables).is_none(),
        };
        let missing = needed.into_iter().filter(|(_, name, setting)| is_missing(setting, name));
        missing.map(|(key, name, _)| missing_key(key, name)).collect()
    }

    fn base_url_problem(&self, variables: Variables<'_>) -> Option<Problem> {
        let written = self.base_url.is_some();
        let base_url = or_variable(self.base_url.clone(), "DAP_API_URL", variables)?;
        let _ = dap::base_url(&base_url).err()?;
        let help = match dap::base_url(&format!("https://{base_url}")) {
            Ok(url) if url.host_str().is_some_and(|host| host.contains('.')) => {
                format!("did you mean `https://{base_url}`?")
            }
            _ => "write for instance `https://api-gateway.instructure.com`".to_owned(),
        };
        let problem = Problem::wrong("base_url", "`base_url` is no URL of a DAP service", help);
        Some(Problem { variable: (!written).then_some("DAP_API_URL"), ..problem })
    }

    fn target_problem(&self, variables: Variables<'_>) -> Option<Problem> {
        let target = or_variable(self.target.clone(), "DAP_CONNECTION_STRING", variables)?;
        let error = target::check_form(literal(Some(&target))?).err()?;
        let help = "write `postgres://user@host:5432/database`, `sqlite:FILE`, or `secret:NAME` for a secret that holds one of these";
        let problem = Problem::wrong("target", format!("`target`: {error}"), help);
        let variable = self.target.is_none().then_some("DAP_CONNECTION_STRING");
        Some(Problem { variable, ..problem })
    }

    fn out_of_range(&self) -> impl Iterator<Item = Problem> {
        let limits = &self.limits;
        let limits =
            [limits.create_job, limits.job, limits.tables, limits.schema, limits.object_url];
        let zero = [
            ("max_concurrency", self.max_concurrency == Some(0), "`max_concurrency` is 0"),
            ("slice_seconds", self.slice_seconds == Some(0), "`slice_seconds` is 0"),
            ("silence_seconds", self.silence_seconds == Some(0), "`silence_seconds` is 0"),
            ("limits", limits.contains(&0), "one of the `limits` is 0"),
        ];
        let zero = zero.into_iter().filter(|(_, is_zero, _)| *is_zero);
        let zero = zero.map(|(key, _, message)| Problem::wrong(key, message, "the least is 1"));
        let nothing = self.namespaces.as_ref().is_some_and(Vec::is_empty).then(|| {
            let help = format!("name at least one, for instance `{NAMESPACE}`");
            Problem::wrong(
                "namespaces",
                "`namespaces` is empty, so there is nothing to replicate",
                help,
            )
        });
        zero.chain(nothing)
    }
}

fn literal(setting: Option<&SecretRef>) -> Option<&str> {
    match setting {
        Some(SecretRef::Literal(value)) => Some(value.expose_secret()),
        Some(SecretRef::Named(_)) | None => None,
    }
}

fn missing_key(key: &'static str, variable: &'static str) -> Problem {
    let secret = key.replace('_', "-");
    let help = format!(
        "set it in [pipelines.canvas], for instance to \"secret:canvas/{secret}\", or set {variable}"
    );
    Problem::missing(key, help).of_variable(variable)
}
