//! What is wrong with settings, all of it at once, before anything runs.
//!
//! Responsible for: what can be told from the settings alone. Left to others: where they were written, and what only
//! the services know.

use secrecy::ExposeSecret;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::Problem;

use super::Settings;
use crate::desired::arn::PARTITIONS;
use crate::desired::role::{self, Pattern};
use crate::dmm;

impl Settings {
    pub(super) fn found_problems(&self) -> Vec<Problem> {
        let mut found = self.missing();
        found.extend(self.base_url_problem());
        found.extend(self.account_problems());
        found.extend(self.role_problems());
        found.extend(self.out_of_range());
        found
    }

    fn missing(&self) -> Vec<Problem> {
        let has_key = match &self.api_key {
            Some(SecretRef::Literal(value)) => !value.expose_secret().is_empty(),
            Some(SecretRef::Named(_)) => true,
            None => false,
        };
        let missing = [
            ("api_key", has_key, "set it to \"secret:data-mesh/api-key\""),
            (
                "accounts",
                !self.accounts.is_empty(),
                "name the AWS accounts whose roles may be touched, for instance [\"123456789012\"]",
            ),
            (
                "role_patterns",
                !self.role_patterns.is_empty(),
                "name the roles that may be touched, for instance [\"*-consumer\"]",
            ),
        ];
        let missing = missing.into_iter().filter(|(_, is_there, _)| !is_there);
        missing.map(|(key, _, help)| Problem::missing(key, help)).collect()
    }

    fn base_url_problem(&self) -> Option<Problem> {
        let base_url = self.base_url.as_ref()?;
        let _ = dmm::base_url(base_url).err()?;
        let help = "write for instance \"https://api.entropy-data.com\"";
        Some(Problem::wrong(
            "base_url",
            format!("`base_url` is `{base_url}`, which is no URL"),
            help,
        ))
    }

    fn account_problems(&self) -> Vec<Problem> {
        let of_teams: Vec<_> = self.team_accounts.values().flatten().cloned().collect();
        let lists = [
            ("accounts", &self.accounts[..]),
            ("resource_accounts", self.resource_accounts.as_deref().unwrap_or_default()),
            ("team_accounts", &of_teams[..]),
        ];
        let is_account = |it: &String| it.len() == 12 && it.bytes().all(|c| c.is_ascii_digit());
        let wrong = lists.into_iter().filter_map(|(key, list)| {
            let account = list.iter().find(|account| !is_account(account))?;
            let message = format!("`{key}` has `{account}`, which is no AWS account");
            Some(Problem::wrong(key, message, "an account has 12 digits, written as a string"))
        });
        wrong.collect()
    }

    fn role_problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let buckets = self.buckets.as_deref().unwrap_or_default();
        for (key, patterns) in [("role_patterns", &self.role_patterns[..]), ("buckets", buckets)] {
            if let Some(pattern) =
                patterns.iter().find(|it| it.is_empty() || Pattern::new(it).is_err())
            {
                let message = format!("`{key}` has `{pattern}`, which is no pattern");
                found.push(Problem::wrong(key, message, "write a name with `*` and `?`"));
            }
        }
        let allowed: Vec<_> =
            self.role_patterns.iter().filter_map(|it| Pattern::new(it).ok()).collect();
        if let Some(error) = self.users.values().find_map(|name| role::check(name, &allowed).err())
        {
            let help = "name roles that `role_patterns` allows";
            found.push(Problem::wrong("users", format!("`users`: {error}"), help));
        }
        if self
            .role_path_prefix
            .as_ref()
            .is_some_and(|it| !it.starts_with('/') || !it.ends_with('/'))
        {
            let message = "`role_path_prefix` does not begin and end with `/`";
            found.push(Problem::wrong(
                "role_path_prefix",
                message,
                "write for instance \"/data/\"",
            ));
        }
        if self.partition.as_ref().is_some_and(|it| !PARTITIONS.contains(&it.as_str())) {
            let help = "write \"aws\", \"aws-cn\" or \"aws-us-gov\"";
            found.push(Problem::wrong("partition", "`partition` is none of AWS", help));
        }
        let is_arn = |it: &String| it.starts_with("arn:") && it.contains(":policy/");
        if self.permissions_boundary.as_ref().is_some_and(|it| !is_arn(it)) {
            let message = "`permissions_boundary` is no ARN of a policy";
            let help = "write arn:aws:iam::ACCOUNT:policy/NAME";
            found.push(Problem::wrong("permissions_boundary", message, help));
        }
        found
    }

    fn out_of_range(&self) -> Vec<Problem> {
        let zero = [
            ("visibility_seconds", self.visibility_seconds == Some(0)),
            ("max_attempts", self.max_attempts == Some(0)),
            ("max_concurrency", self.max_concurrency == Some(0)),
            ("slice_seconds", self.slice_seconds == Some(0)),
            ("silence_seconds", self.silence_seconds == Some(0)),
        ];
        let zero = zero.into_iter().filter(|(_, is_zero)| *is_zero);
        let mut found: Vec<_> = zero
            .map(|(key, _)| Problem::wrong(key, format!("`{key}` is 0"), "the least is 1"))
            .collect();
        if self.visibility_seconds.is_some_and(|it| it > 43_200) {
            let message = "`visibility_seconds` is more than 12 hours";
            found.push(Problem::wrong("visibility_seconds", message, "the most is 43200"));
        }
        if self.max_revoked_percent.is_some_and(|it| it > 100) {
            let message = "`max_revoked_percent` is more than 100";
            found.push(Problem::wrong("max_revoked_percent", message, "100 allows everything"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(settings: serde_json::Value) -> Vec<&'static str> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        settings.found_problems().iter().map(|it| it.key).collect()
    }

    #[test]
    fn what_is_missing_and_what_is_wrong_is_told_at_once() {
        assert_eq!(keys(json!({})), ["api_key", "accounts", "role_patterns"]);
        let wrong = json!({
            "api_key": "secret:k", "accounts": ["12"], "role_patterns": [""], "base_url": "ftp://x", "partition": "x",
            "users": {"ann": "AdministratorAccess"}, "role_path_prefix": "x", "permissions_boundary": "x",
            "max_attempts": 0, "max_revoked_percent": 101, "visibility_seconds": 50_000
        });
        assert_eq!(
            keys(wrong),
            [
                "base_url",
                "accounts",
                "role_patterns",
                "users",
                "role_path_prefix",
                "partition",
                "permissions_boundary",
                "max_attempts",
                "visibility_seconds",
                "max_revoked_percent"
            ]
        );
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = serde_json::from_value::<Settings>(json!({"role_pattern": []})).unwrap_err();
        assert!(error.to_string().contains("role_patterns"), "{error}");
    }
}
