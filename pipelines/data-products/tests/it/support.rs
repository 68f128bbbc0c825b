//! A sandbox, a pipeline on it, and a folder for its ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use stepwell_data_products::Settings;
use stepwell_machine::Phase;
use stepwell_pipeline::testing::{self, Keys};
use stepwell_pipeline::{Pipeline, Settings as _, Surroundings};
use stepwell_sandbox::starburst::{Expected, Options, Product, Relation, Sandbox, Security};
use tempfile::TempDir;

use crate::machine::{Ended, execute};

/// Everything that a run needs.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) pipeline: Pipeline,
    settings: Value,
    folder: TempDir,
    runs: AtomicU32,
}

/// A few ordinary products.
pub(crate) fn few() -> Options {
    Options { products: 4, awkward: false, ..Options::default() }
}

impl Bench {
    pub(crate) async fn start(options: Options) -> Self {
        Self::with(options, &json!({})).await
    }

    /// A bench whose pipeline has these settings beside those that the sandbox needs; null takes one away.
    pub(crate) async fn with(options: Options, settings: &Value) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut all = json!({
            "sep_host": sandbox.sep_url(),
            "sep_username": sandbox.options().sep_user,
            "sep_password": "secret:sep",
            "galaxy_host": sandbox.galaxy_url(),
            "galaxy_client_id": sandbox.options().client_id,
            "galaxy_client_secret": "secret:galaxy",
            "galaxy_sql_username": sandbox.options().sql_user,
            "galaxy_sql_password": "secret:sql",
            "galaxy_sql_cluster_url": sandbox.trino_url(),
            "data_product_catalog": sandbox.options().target_catalog,
            "default_cluster": sandbox.cluster_name(),
            "silence_seconds": 5,
        });
        for (key, value) in settings.as_object().unwrap() {
            all.as_object_mut().unwrap().remove(key);
            if !value.is_null() {
                all[key] = value.clone();
            }
        }
        let pipeline = build(&sandbox, &all, &folder);
        Self { sandbox, pipeline, settings: all, folder, runs: AtomicU32::new(0) }
    }

    /// A new process: nothing is left but the ledger.
    pub(crate) fn restart(&mut self) {
        self.pipeline = build(&self.sandbox, &self.settings, &self.folder);
    }

    /// Another process with other settings.
    pub(crate) fn reconfigure(&mut self, key: &str, value: Value) {
        self.settings[key] = value;
        self.restart();
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("data-products.db")
    }

    /// The ledger is lost, and with it the process.
    pub(crate) fn lose_ledger(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let file = self.folder.path().join(format!("data-products.db{end}"));
            assert!(std::fs::remove_file(&file).is_ok() || !end.is_empty());
        }
        self.restart();
    }

    /// Runs an execution of its own to its end, and looks for secrets in all that it said.
    pub(crate) async fn execute(&self, input: Value) -> Ended {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let ended = execute(&self.pipeline, &format!("run-{number}"), &input).await;
        self.check_no_secret(&format!("{:?} {:?}", ended.phase, ended.calls));
        ended
    }

    pub(crate) fn check_no_secret(&self, text: &str) {
        let Options { sep_password, client_secret, sql_password, .. } = self.sandbox.options();
        testing::check_no_secret(text, &[sep_password, client_secret, sql_password]);
    }

    /// Runs; gives the summary.
    pub(crate) async fn run(&self, input: Value) -> Value {
        self.execute(input).await.summary()
    }

    /// Runs; everything must come through.
    pub(crate) async fn sync(&self) -> Value {
        let ended = self.execute(json!({})).await;
        let summary = ended.summary();
        assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{summary:#}");
        assert_eq!(
            (&summary["failed"], &summary["proven"]),
            (&json!(0), &json!(true)),
            "{summary:#}"
        );
        summary
    }

    /// Asserts that Galaxy has exactly what it should have of the source.
    #[track_caller]
    pub(crate) fn assert_in_step(&self) {
        self.assert_in_step_but(&[]);
    }

    /// The same, but for these products.
    #[track_caller]
    pub(crate) fn assert_in_step_but(&self, left_out: &[&str]) {
        let expected = self.sandbox.expected();
        let expected: Vec<_> =
            expected.iter().filter(|it| !left_out.contains(&it.name.as_str())).collect();
        for it in &expected {
            self.assert_product(it);
        }
        let wanted: BTreeSet<&str> = expected.iter().map(|it| it.name.as_str()).collect();
        let ours = self.ours();
        let ours: BTreeSet<&str> =
            ours.keys().map(String::as_str).filter(|it| !left_out.contains(it)).collect();
        assert_eq!(ours, wanted);
    }

    /// The products that carry a source link of this sandbox, by name.
    pub(crate) fn ours(&self) -> BTreeMap<String, Product> {
        let is_ours = |it: &Product| {
            it.links.iter().any(|link| {
                link.name == "dp_sync/SourceCluster" && link.uri.starts_with(self.sandbox.sep_url())
            })
        };
        let products = self.sandbox.galaxy_products().into_iter().filter(is_ours);
        products.map(|it| (it.name.clone(), it)).collect()
    }

    #[track_caller]
    fn assert_product(&self, expected: &Expected) {
        let name = &expected.name;
        let found =
            self.sandbox.galaxy_product(name).unwrap_or_else(|| panic!("no product {name}"));
        assert_eq!(
            (&found.summary, &found.description),
            (&expected.summary, &expected.description)
        );
        let context = |text: &Option<String>| text.clone().unwrap_or_default();
        assert_eq!(context(&found.business_context), context(&expected.business_context), "{name}");
        let contacts: BTreeSet<String> =
            found.contacts.iter().map(|it| it.email.to_lowercase()).collect();
        assert_eq!(contacts, expected.contacts, "{name}");
        let mut links: BTreeSet<_> =
            found.links.iter().map(|it| (it.name.clone(), it.uri.clone())).collect();
        let source = format!("{}/#{}", self.sandbox.sep_url(), expected.id);
        assert!(
            links.remove(&("dp_sync/SourceCluster".to_owned(), source)),
            "{name}: no source link in {links:?}"
        );
        assert_eq!(links, expected.links, "{name}");
        assert_eq!(found.schema_name, expected.schema, "{name}");
        self.assert_views(expected);
    }

    #[track_caller]
    fn assert_views(&self, expected: &Expected) {
        let catalog = &self.sandbox.options().target_catalog;
        let schema = self.sandbox.galaxy_schema(catalog, &expected.schema).unwrap();
        assert!(schema.tags.contains("dp_sync"), "{}: no tag", expected.name);
        let names: BTreeSet<_> = schema.relations.keys().collect();
        assert_eq!(names, expected.views.keys().collect(), "{}", expected.name);
        for (name, view) in &expected.views {
            let Relation::View(found) = &schema.relations[name] else {
                panic!("{name} is no view")
            };
            let columns: Vec<_> =
                found.columns.iter().map(|it| (it.name.clone(), it.comment.clone())).collect();
            assert_eq!(columns, view.columns, "{}.{name}", expected.name);
            let described = found.comment.clone().filter(|it| !it.is_empty());
            assert_eq!(
                described,
                view.description.clone().filter(|it| !it.is_empty()),
                "{}.{name}",
                expected.name
            );
            let invoker = view.security.as_deref() == Some("INVOKER");
            assert_eq!(found.security == Security::Invoker, invoker, "{}.{name}", expected.name);
            if let Some(storage) = &view.storage {
                assert!(
                    found.sql.contains(&format!("\"{}\"", storage.name)),
                    "{name}: {}",
                    found.sql
                );
            }
        }
    }

    /// Runs again: nothing may be written.
    pub(crate) async fn assert_settled(&self) {
        self.sandbox.forget_requests();
        let summary = self.sync().await;
        assert_eq!(
            self.sandbox.writes().total(),
            0,
            "{summary:#}\n{:#?}",
            self.sandbox.statements()
        );
        let changed = ["created", "updated", "deleted"].map(|key| summary[key].as_u64().unwrap());
        assert_eq!(changed, [0, 0, 0], "{summary:#}");
    }
}

impl Ended {
    /// What was summarised.
    pub(crate) fn summary(&self) -> Value {
        let summarised =
            self.calls.iter().rev().find(|(name, ..)| name == "stepwell-data-products-summarise");
        summarised.expect("every run is summarised").2.clone().unwrap()
    }

    /// The payloads that a function was called with.
    pub(crate) fn payloads(&self, function: &str) -> Vec<&Value> {
        let name = format!("stepwell-data-products-{function}");
        self.calls.iter().filter(|(it, ..)| *it == name).map(|(_, payload, _)| payload).collect()
    }

    /// The error name of the execution.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        match &self.phase {
            Phase::Failed { error: Some(error), .. } => error,
            other => panic!("{other:?} {:#}", self.summary()),
        }
    }
}

/// The result of one product.
#[track_caller]
pub(crate) fn result<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let mut results = summary["results"].as_array().unwrap().iter();
    results
        .find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("no result of {name} in {summary:#}"))
}

fn build(sandbox: &Sandbox, settings: &Value, folder: &TempDir) -> Pipeline {
    let Options { sep_password, client_secret, sql_password, .. } = sandbox.options();
    let parameters = json!({
        "sep-host": sandbox.sep_url().trim_start_matches("http://"),
        "sep-username": sandbox.options().sep_user,
        "sep-password": sep_password,
        "galaxy-host": sandbox.galaxy_url(),
        "galaxy-client-id": sandbox.options().client_id,
        "galaxy-client-secret": client_secret,
        "galaxy-sql-username": sandbox.options().sql_user,
        "galaxy-sql-password": sql_password,
        "galaxy-sql-cluster-url": sandbox.trino_url(),
        "data-product-catalog": sandbox.options().target_catalog,
        "default-cluster": sandbox.cluster_name(),
        "tag": "dp_sync",
        "search_string": "",
    });
    let keys = Keys::from([
        ("sep", sep_password.as_str()),
        ("galaxy", client_secret),
        ("sql", sql_password),
        ("wrong", "wrong"),
        ("dp-sync", &parameters.to_string()),
    ]);
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    let surroundings = Surroundings::embedded(Arc::new(keys), folder.path().to_owned());
    settings.build(&|_| None, &surroundings).unwrap()
}
