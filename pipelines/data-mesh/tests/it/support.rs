//! A sandbox, a pipeline on it, and what its roles hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_data_mesh::Settings;
use stepwell_data_mesh::layout::policy_name;
use stepwell_integrations::iam::{EmbeddedOptions, EmbeddedRolePolicies, NewRole, RolePolicies};
use stepwell_integrations::sqs::{
    DeadLetter, EmbeddedOptions as QueueOptions, EmbeddedQueue, Queue,
};
use stepwell_machine::Phase;
use stepwell_pipeline::surroundings::Services;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{Pipeline, Settings as _, Surroundings};
use stepwell_sandbox::dmm::{Awkward, Options, Sandbox};
use tempfile::TempDir;

use crate::driver::{Driving, Ended, drive};

pub(crate) const ACCOUNT: &str = "123456789012";
const QUEUE: &str = "dmm-events.fifo";

/// Policies by role and name.
pub(crate) type Policies = BTreeMap<(String, String), String>;

/// Everything that a run needs.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) pipeline: Pipeline,
    settings: Value,
    services: Services,
    folder: TempDir,
}

impl Bench {
    /// A bench with everything embedded, which has not run yet.
    pub(crate) async fn new(options: Options) -> Self {
        Self::with(options, json!({})).await
    }

    /// A bench that has come to rest: the first start is over, and all is granted.
    pub(crate) async fn settled(options: Options) -> Self {
        let bench = Self::new(options).await;
        bench.follow().await;
        bench
    }

    /// A bench whose pipeline has these settings beside those that the sandbox needs.
    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        Self::on(options, settings, Services::default()).await
    }

    pub(crate) async fn on(options: Options, settings: Value, services: Services) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut all = json!({
            "base_url": sandbox.base_url(),
            "api_key": "secret:key",
            "accounts": [ACCOUNT],
            "role_patterns": ["*-consumer", "*-consumer-*", "team-*"],
            "export": folder.path().join("policies"),
            "silence_seconds": 2
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let pipeline = build(&sandbox, &all, &services, folder.path());
        Self { sandbox, pipeline, settings: all, services, folder }
    }

    /// A new process: nothing is left but the files.
    pub(crate) fn restart(&mut self) {
        self.pipeline = build(&self.sandbox, &self.settings, &self.services, self.folder.path());
    }

    /// A new process with other settings.
    pub(crate) fn restart_with(&mut self, settings: &Value) {
        self.settings.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.restart();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn drive(&self, machine: &str, input: Value, driving: Driving) -> Ended {
        let secrets = [self.sandbox.api_key()];
        drive(&self.pipeline, machine, &input, driving, &secrets).await
    }

    /// Runs `data-mesh`, which must succeed.
    pub(crate) async fn follow(&self) -> Value {
        self.succeed("data-mesh", json!({})).await
    }

    /// Runs `data-mesh-reconcile`, which must succeed.
    pub(crate) async fn reconcile(&self) -> Value {
        self.succeed("data-mesh-reconcile", json!({})).await
    }

    /// Runs a machine that must succeed.
    pub(crate) async fn succeed(&self, machine: &str, input: Value) -> Value {
        let ended = self.drive(machine, input, Driving::default()).await;
        let is_success = matches!(ended.phase, Phase::Succeeded { .. });
        assert!(is_success, "{:?}\n{:#}", ended.phase, ended.summary);
        assert_eq!(ended.summary["failed"], 0, "{:#}", ended.summary);
        assert_eq!(ended.summary["proven"], true, "{:#}", ended.summary);
        ended.summary
    }

    /// Runs a machine that must fail with this error; gives the summary.
    pub(crate) async fn fail(&self, machine: &str, input: Value, error: &str) -> Value {
        let ended = self.drive(machine, input, Driving::default()).await;
        let Phase::Failed { error: found, cause } = ended.phase else {
            panic!("{:#}", ended.summary)
        };
        assert_eq!(found.as_deref(), Some(error), "{cause:?}");
        ended.summary
    }

    /// The embedded access ledger, opened beside the pipeline.
    pub(crate) fn iam(&self) -> EmbeddedRolePolicies {
        let options = EmbeddedOptions { account: ACCOUNT.to_owned(), ..EmbeddedOptions::default() };
        EmbeddedRolePolicies::open(&self.folder().join("iam.db"), options, Arc::new(Timestamp::now))
            .unwrap()
    }

    /// Makes a role with this path and boundary.
    pub(crate) async fn create_role(&self, name: &str, path: &str, boundary: Option<&str>) {
        let role = NewRole {
            name: name.to_owned(),
            path: path.to_owned(),
            permissions_boundary: boundary.map(str::to_owned),
        };
        self.iam().create_role(&role).await.unwrap();
    }

    /// The embedded queue, opened beside the pipeline.
    pub(crate) fn queue(&self) -> EmbeddedQueue {
        let options = QueueOptions { max_receive_count: 50 };
        EmbeddedQueue::open(
            &self.folder().join("queues.db"),
            QUEUE,
            options,
            Arc::new(Timestamp::now),
        )
        .unwrap()
    }

    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.queue().dead_letters().await.unwrap()
    }

    /// All policies of all roles.
    pub(crate) async fn policies(&self) -> Policies {
        policies(&self.iam()).await
    }

    /// The accesses that have a policy of their own, by role.
    pub(crate) async fn granted(&self) -> BTreeSet<(String, String)> {
        self.policies().await.into_keys().collect()
    }

    /// Asserts that exactly the active, grantable agreements have a policy of their own, on their consumer's role.
    pub(crate) async fn assert_in_step(&self) {
        assert_eq!(self.granted().await, expected(&self.sandbox));
    }
}

pub(crate) async fn policies(iam: &dyn RolePolicies) -> Policies {
    let roles = iam.roles_with_policies().await.unwrap();
    let policies = roles.into_iter().flat_map(|it| {
        let name = it.role.name;
        it.policies.into_iter().map(move |(policy, text)| ((name.clone(), policy), text))
    });
    policies.collect()
}

/// What a right pipeline grants.
pub(crate) fn expected(sandbox: &Sandbox) -> BTreeSet<(String, String)> {
    let agreements = sandbox.agreements().into_iter();
    let granted = agreements.filter(|it| it.active && it.awkward.is_none_or(Awkward::is_grantable));
    granted.map(|it| (it.role.unwrap(), policy_name(&it.id))).collect()
}

/// The result of an access in a summary.
#[track_caller]
pub(crate) fn result<'s>(summary: &'s Value, access: &str) -> &'s Value {
    let results = summary["results"].as_array().unwrap();
    let found = results.iter().find(|it| it["access"] == access);
    found.unwrap_or_else(|| panic!("no result of {access}: {summary:#}"))
}

/// An active agreement, and its role.
pub(crate) fn an_active(sandbox: &Sandbox) -> (String, String) {
    let found = sandbox.agreements().into_iter().find(|it| it.active && it.awkward.is_none());
    let found = found.unwrap();
    (found.id, found.role.unwrap())
}

/// The data product that consumes under an access.
pub(crate) fn consumer_of(sandbox: &Sandbox, access: &str) -> String {
    let access = sandbox.access(access).unwrap();
    access["consumer"]["dataProductId"].as_str().unwrap().to_owned()
}

/// The data product that provides under an access, and its port.
pub(crate) fn provider_of(sandbox: &Sandbox, access: &str) -> (String, String) {
    let access = sandbox.access(access).unwrap();
    let text = |name: &str| access["provider"][name].as_str().unwrap().to_owned();
    (text("dataProductId"), text("outputPortId"))
}

/// Sets a custom field of either shape of document.
pub(crate) fn set_custom(document: &mut Value, field: &str, value: &str) {
    match document["customProperties"].as_array_mut() {
        Some(list) => {
            list.retain(|it| it["property"] != field);
            list.push(json!({"property": field, "value": value}));
        }
        None => document["custom"][field] = value.into(),
    }
}

fn build(sandbox: &Sandbox, settings: &Value, services: &Services, folder: &Path) -> Pipeline {
    let keys = Keys::from([
        ("key", sandbox.api_key()),
        ("wrong", "a-wrong-key"),
        ("aws", "aws-secret-key"),
    ]);
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    let surroundings = Surroundings {
        services: services.clone(),
        ..Surroundings::embedded(Arc::new(keys), folder.to_owned())
    };
    settings.build(&|_| None, &surroundings).unwrap()
}
