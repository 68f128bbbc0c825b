//! Listing tables and reading their schemas.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_sandbox::dap::{Evolution, EvolutionError, Options, SchemaForm, SourceError};

use super::support::{Fixture, options};

/// What the official client's parser accepts.
const KEYWORDS: [&str; 21] = [
    "title",
    "description",
    "type",
    "format",
    "const",
    "default",
    "examples",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "items",
    "properties",
    "additionalProperties",
    "required",
    "oneOf",
    "$schema",
];

#[tokio::test]
async fn unknown_names_are_not_found_by_kind() {
    let fixture = Fixture::small().await;
    let error = fixture.get("/dap/query/mastery/table").await.expect_error(StatusCode::NOT_FOUND);
    assert_eq!((&error["kind"], &error["id"]), (&json!("namespace"), &json!("mastery")));
    let error = fixture
        .get("/dap/query/mastery/table/users/schema")
        .await
        .expect_error(StatusCode::NOT_FOUND);
    assert_eq!(error["kind"], "namespace");
    let error = fixture
        .get("/dap/query/canvas/table/usrs/schema")
        .await
        .expect_error(StatusCode::NOT_FOUND);
    assert_eq!((&error["kind"], &error["id"]), (&json!("table"), &json!("usrs")));
    assert!(error["uuid"].is_string() && error["message"].is_string());
}

#[tokio::test]
async fn every_namespace_lists_its_tables() {
    let fixture = Fixture::small().await;
    let tables =
        fixture.get("/dap/query/canvas/table").await.expect(StatusCode::OK)["tables"].clone();
    let tables: Vec<&str> =
        tables.as_array().unwrap().iter().map(|table| table.as_str().unwrap()).collect();
    assert!(tables.len() >= 20 && tables.is_sorted() && tables.contains(&"submissions"));
    let logs = fixture.get("/dap/query/canvas_logs/table").await.expect(StatusCode::OK);
    assert_eq!(logs, json!({"tables": ["web_logs"]}));
}

#[tokio::test]
async fn schemas_keep_to_the_three_sections_and_the_closed_set_of_keywords() {
    for schema_form in [SchemaForm::Loadable, SchemaForm::Documented] {
        let fixture = Fixture::start(Options { schema_form, ..options() }).await;
        for table in fixture.sandbox.tables() {
            let path = format!("/dap/query/{}/schema", table.replace('.', "/table/"));
            let body = fixture.get(&path).await.expect(StatusCode::OK);
            assert_eq!(body["version"], 1);
            let schema = &body["schema"];
            assert!(schema["$schema"].is_string());
            let sections: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
            assert_eq!(sections, ["meta", "key", "value"]);
            assert_eq!(schema["properties"]["key"]["properties"].as_object().unwrap().len(), 1);
            assert_keywords(schema);
        }
    }
}

fn assert_keywords(node: &Value) {
    for (keyword, value) in node.as_object().unwrap() {
        assert!(KEYWORDS.contains(&keyword.as_str()), "{keyword}");
        match keyword.as_str() {
            "properties" => value.as_object().unwrap().values().for_each(assert_keywords),
            "items" => assert_keywords(value),
            "oneOf" => value.as_array().unwrap().iter().for_each(assert_keywords),
            _ => {}
        }
    }
}

#[tokio::test]
async fn types_read_as_documented() {
    let fixture = Fixture::small().await;
    let body =
        fixture.get("/dap/query/canvas/table/submissions/schema").await.expect(StatusCode::OK);
    let value = &body["schema"]["properties"]["value"];
    let decimal = json!({"type": "number", "multipleOf": 0.01, "exclusiveMinimum": -10000.0, "exclusiveMaximum": 10000.0});
    assert_eq!(value["properties"]["points_deducted"], decimal);
    assert_eq!(value["properties"]["workflow_state"]["enum"][0], "__dap_unspecified__");
    assert_eq!(value["properties"]["body"]["oneOf"][0]["const"], "__dap_oversized_truncated__");
    assert_eq!(value["properties"]["anonymous_id"], json!({"type": "string", "maxLength": 5}));
    assert!(value["required"].as_array().unwrap().contains(&json!("user_id")));
    assert!(!value["required"].as_array().unwrap().contains(&json!("score")));
}

#[tokio::test]
async fn schemas_evolve_and_their_version_rises() {
    let fixture = Fixture::small().await;
    let evolve = |change: Value| {
        let change: Evolution = serde_json::from_value(change).unwrap();
        fixture.sandbox.evolve("canvas.users", &change).unwrap()
    };
    evolve(json!({"kind": "add_column", "column": "nickname", "type": "s64"}));
    evolve(
        json!({"kind": "add_required_column", "column": "archived", "type": "bool", "default": false}),
    );
    evolve(json!({"kind": "widen_text", "column": "name", "max_length": 500}));
    evolve(json!({"kind": "add_enum_value", "column": "workflow_state", "value": "paused"}));
    assert_eq!(evolve(json!({"kind": "drop_column", "column": "locale"})), 6);

    let body = fixture.get("/dap/query/canvas/table/users/schema").await.expect(StatusCode::OK);
    assert_eq!(body["version"], 6);
    let value = &body["schema"]["properties"]["value"];
    assert_eq!(value["properties"]["nickname"]["maxLength"], 64);
    assert_eq!(value["properties"]["archived"]["default"], false);
    assert!(value["required"].as_array().unwrap().contains(&json!("archived")));
    assert_eq!(value["properties"]["name"]["maxLength"], 500);
    assert!(
        value["properties"]["workflow_state"]["enum"]
            .as_array()
            .unwrap()
            .contains(&json!("paused"))
    );
    assert!(value["properties"].get("locale").is_none());
}

#[tokio::test]
async fn schemas_evolve_somehow_as_the_seed_decides() {
    let history = async |seed| {
        let fixture = Fixture::small().await;
        let changes = fixture.sandbox.evolve_somehow("canvas", seed, 200);
        let (table, _) = changes.last().unwrap();
        let versions = changes.iter().filter(|(name, _)| name == table).count();
        let path = format!("/dap/query/{}/schema", table.replace('.', "/table/"));
        let body = fixture.get(&path).await.expect(StatusCode::OK);
        assert_eq!(body["version"], versions + 1);
        changes
    };
    let first = history(1).await;
    assert_eq!(history(1).await, first);
    assert_ne!(history(2).await, first);
    let kinds: BTreeSet<String> = first
        .iter()
        .map(|(_, change)| serde_json::to_value(change).unwrap()["kind"].to_string())
        .collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert_eq!(Fixture::small().await.sandbox.evolve_somehow("nowhere", 1, 5), []);
}

#[tokio::test]
async fn impossible_changes_of_a_schema_are_refused() {
    let fixture = Fixture::small().await;
    let refuse = |table: &str, change: Value| {
        let change: Evolution = serde_json::from_value(change).unwrap();
        match fixture.sandbox.evolve(table, &change).unwrap_err() {
            SourceError::Evolution { error, .. } => Some(error),
            SourceError::NoSuchTable(_) => None,
        }
    };
    let add_name = json!({"kind": "add_column", "column": "name", "type": "s64"});
    assert_eq!(refuse("canvas.nobody", add_name.clone()), None);
    assert_eq!(
        refuse("canvas.users", add_name),
        Some(EvolutionError::ColumnExists("name".to_owned()))
    );
    let drop = json!({"kind": "drop_column", "column": "nobody"});
    assert_eq!(
        refuse("canvas.users", drop),
        Some(EvolutionError::NoSuchColumn("nobody".to_owned()))
    );
    let widen = json!({"kind": "widen_text", "column": "public", "max_length": 9});
    assert!(matches!(refuse("canvas.users", widen), Some(EvolutionError::WrongType { .. })));
    let unknown = json!({"kind": "add_column", "column": "x", "type": "nonsense"});
    assert_eq!(
        refuse("canvas.users", unknown),
        Some(EvolutionError::UnknownType("nonsense".to_owned()))
    );
}
