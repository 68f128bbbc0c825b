//! `[services]` and `[services.aws]`: who serves the AWS services that pipelines use, and how AWS is reached.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use stepwell_integrations::aws::catalogue;
use stepwell_integrations::sns::FilterPolicy;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::surroundings::{Aws, Destination, Provider, Services, Subscription};

use super::node::{Entry, Table};
use super::pipelines::exposed;
use super::problem::{Place, Problem};
use super::reader::Reader;
use super::variables;

/// Services that are embedded and cannot be taken from AWS yet. They are refused by name, so that nobody takes them for served there.
const NOT_YET: [&str; 1] = ["sts"];

/// Keys that are not names of services in resources, or services that are called otherwise here.
const OF_STEPWELL: [&str; 16] = [
    "athena",
    "cloudwatchlogs",
    "dynamodb",
    "eventbridge",
    "glue",
    "iam",
    "kinesis",
    "lambda",
    "s3",
    "secretsmanager",
    "sfn",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "topics",
];

impl Reader {
    /// The services, and the secrets that stand in the file as they are.
    pub(super) fn services(&mut self, entry: Option<Entry>) -> (Services, Vec<Problem>) {
        let mut table = self.section(entry);
        let mut aws = self.section(table.remove("aws"));
        variables::override_services(&mut table, &mut aws, &self.variables);
        for name in NOT_YET {
            if let Some(entry) = table.remove(name) {
                self.problems.push(not_yet(name).at(&entry.key));
            }
        }
        let others = self.others(&mut table);
        let places = aws.iter().map(|(key, entry)| (key.clone(), entry.node.place.clone()));
        let places: BTreeMap<_, _> = places.collect();
        let topics = table.get("topics").map(|entry| entry.key.clone()).unwrap_or_default();
        let mut services: Services = self.typed(table, &Place::Unknown).unwrap_or_default();
        services.others = others;
        self.check_topics(&services, &topics);
        // Also after a mistake, to find the others.
        let aws = self.as_far_as_possible(aws, &Place::Unknown, Aws::deserialize);
        services.aws = aws.unwrap_or_default();
        self.check(&services.aws, &places);
        let mut warnings = exposed_credentials(&services.aws, &places);
        warnings.extend(exposed_webhooks(&services, &topics));
        (services, warnings)
    }

    /// Services that only Task states call, and only at AWS: there are too many of them for a key each.
    fn others(&mut self, table: &mut Table) -> BTreeSet<String> {
        let is_other = |key: &str| !OF_STEPWELL.contains(&key) && catalogue::find(key).is_some();
        let others: Table = table.extract_if(.., |key, _| is_other(key)).collect();
        let places: BTreeMap<_, _> =
            others.iter().map(|(name, entry)| (name.clone(), entry.key.clone())).collect();
        let typed: BTreeMap<String, Provider> =
            self.typed(others, &Place::Unknown).unwrap_or_default();
        for (name, provider) in &typed {
            self.problems.extend(not_called(name, *provider).map(|it| it.at(&places[name])));
        }
        typed.into_keys().collect()
    }

    /// Subscriptions are of embedded topics, and their filters are SNS's.
    fn check_topics(&mut self, services: &Services, place: &Place) {
        if services.sns == Provider::Aws && !services.topics.is_empty() {
            let message = "`topics` says nothing with `sns = \"aws\"`";
            let problem = Problem::new(place.clone(), message);
            self.problems.push(problem.help("subscribe to the topics at SNS, and remove `topics`"));
        }
        for (path, subscription) in subscriptions(services) {
            if let Err(error) = FilterPolicy::parse(&subscription.filter) {
                self.problems.push(Problem::new(place.clone(), format!("{path}: {error}")));
            }
        }
    }

    fn check(&mut self, aws: &Aws, places: &BTreeMap<String, Place>) {
        let place = |key: &str| places.get(key).cloned().unwrap_or_default();
        let pair =
            [("access_key_id", &aws.access_key_id), ("secret_access_key", &aws.secret_access_key)];
        if let [(has, Some(_)), (misses, None)] | [(misses, None), (has, Some(_))] = pair {
            let message = format!("`{has}` says nothing without `{misses}`");
            self.problems.push(Problem::new(place(has), message));
        }
        let is_url = |text: &String| {
            reqwest::Url::parse(text)
                .is_ok_and(|url| url.has_host() && url.scheme().starts_with("http"))
        };
        if aws.endpoint_url.as_ref().is_some_and(|url| !is_url(url)) {
            let problem = Problem::new(place("endpoint_url"), "`endpoint_url` is no URL");
            self.problems.push(problem.help("write for instance `http://127.0.0.1:5000`"));
        }
    }
}

fn exposed_credentials(aws: &Aws, places: &BTreeMap<String, Place>) -> Vec<Problem> {
    let secrets = [
        ("secret_access_key", &aws.secret_access_key, "aws/secret-access-key"),
        ("session_token", &aws.session_token, "aws/session-token"),
    ];
    let literal = |setting: &Option<SecretRef>| matches!(setting, Some(SecretRef::Literal(_)));
    let secrets = secrets.into_iter().filter(|(_, setting, _)| literal(setting));
    secrets.filter_map(|(key, _, secret)| exposed(key, places.get(key)?, secret)).collect()
}

/// All subscriptions, each as `topics.TOPIC.NAME`.
fn subscriptions(services: &Services) -> impl Iterator<Item = (String, &Subscription)> {
    services.topics.iter().flat_map(|(topic, all)| {
        all.iter().map(move |(name, it)| (format!("topics.{topic}.{name}"), it))
    })
}

fn exposed_webhooks<'a>(services: &'a Services, place: &'a Place) -> impl Iterator<Item = Problem> {
    let is_literal =
        |it: &Subscription| matches!(it.to, Destination::Webhook(SecretRef::Literal(_)));
    subscriptions(services)
        .filter(move |(_, it)| is_literal(it))
        .filter_map(|(path, _)| exposed("webhook", place, &path.replace('.', "/")))
}

/// Why a service cannot be served so.
fn not_called(name: &str, provider: Provider) -> Option<Problem> {
    let model = catalogue::find(name)?;
    if provider == Provider::Embedded {
        let problem = Problem::new(Place::Unknown, format!("there is no embedded `{name}`"));
        return Some(problem.help("set it to \"aws\", or remove the key"));
    }
    let message = format!("`{name}` cannot be called at AWS: it speaks {}", model.protocol);
    let problem = Problem::new(Place::Unknown, message);
    model.json.is_none().then(|| problem.help("only services that speak AWS's JSON protocol can"))
}

fn not_yet(name: &str) -> Problem {
    Problem::new(Place::Unknown, format!("the service `{name}` cannot be taken from AWS yet"))
        .help("it is embedded: remove the key")
}
