//! What holds for every pipeline, and what its settings must say.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_data_products::Settings;
use stepwell_pipeline::settings::Problem;
use stepwell_pipeline::testing::{self, Keys};
use stepwell_pipeline::{Settings as _, Surroundings};

fn settings(written: &Value) -> Settings {
    serde_json::from_value(written.clone()).unwrap()
}

fn problems(written: &Value) -> Vec<&'static str> {
    settings(written).problems(&|_| None).iter().map(|problem: &Problem| problem.key).collect()
}

#[test]
fn the_definition_and_the_functions_fit() {
    let surroundings = Surroundings::embedded(Arc::new(Keys::none()), "nowhere".into());
    let settings = settings(&json!({"secret": "secret:dp-sync"}));
    testing::check(&settings.build(&|_| None, &surroundings).unwrap());
}

#[test]
fn the_template_is_taken() {
    let table: toml::Table = toml::from_str(Settings::TEMPLATE).unwrap();
    let mut section = table["pipelines"]["data-products"].as_table().unwrap().clone();
    section.remove("schedule").unwrap();
    let settings: Settings = section.try_into().unwrap();
    assert_eq!(settings.problems(&|_| None), []);
    assert_eq!(settings.literal_secrets(), []);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let needed = [
        "sep_host",
        "sep_username",
        "sep_password",
        "galaxy_host",
        "galaxy_client_id",
        "galaxy_client_secret",
        "galaxy_sql_username",
        "galaxy_sql_password",
        "data_product_catalog",
        "galaxy_sql_cluster_url",
    ];
    assert_eq!(problems(&json!({})), needed);
    assert_eq!(problems(&json!({"secret": "secret:dp-sync"})), [""; 0], "the secret may have them");
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = json!({"secret": "secret:x", "sep_host": "ftp://x", "tag": " ", "max_delete_share": 30, "max_requests": 0});
    assert_eq!(problems(&wrong), ["sep_host", "tag", "max_requests", "max_delete_share"]);
    let unknown = serde_json::from_value::<Settings>(json!({"sep_user": "x"})).unwrap_err();
    assert!(unknown.to_string().contains("sep_username"), "{unknown}");
}

#[test]
fn literal_secrets_are_told_and_never_shown() {
    let written = json!({"sep-password": "hush", "galaxy_sql_password": "secret:named", "galaxy-client-secret": "hush"});
    let settings = settings(&written);
    let keys: Vec<_> = settings.literal_secrets().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["sep_password", "galaxy_client_secret"]);
    assert!(!format!("{settings:?}").contains("hush"));
}
