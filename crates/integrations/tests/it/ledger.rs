//! The embedded access ledger: roles that come into being by themselves, and its export.

use std::fs;
use std::path::Path;

use stepwell_integrations::iam::{
    EmbeddedOptions, EmbeddedRolePolicies, Error, NewRole, RolePolicies as _,
};

use crate::support::Time;

const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

fn open(folder: &Path, options: EmbeddedOptions) -> EmbeddedRolePolicies {
    EmbeddedRolePolicies::open(&folder.join("access.db"), options, Time::manual().clock()).unwrap()
}

#[tokio::test]
async fn a_role_comes_into_being_when_it_is_granted_something() {
    let folder = tempfile::tempdir().unwrap();
    let boundary = Some("arn:aws:iam::000000000000:policy/b".to_owned());
    let ledger = open(
        folder.path(),
        EmbeddedOptions { permissions_boundary: boundary.clone(), ..EmbeddedOptions::default() },
    );
    assert_eq!(ledger.get_role("consumer").await.unwrap().permissions_boundary, boundary);
    assert_eq!(ledger.list_role_policies("consumer").await.unwrap(), [""; 0]);
    let error = ledger.delete_role_policy("consumer", "p").await.unwrap_err();
    assert!(matches!(error, Error::NoSuchPolicy { .. }), "{error}");
    assert_eq!(ledger.list_roles("/").await.unwrap(), [""; 0]);
    ledger.put_role_policy("consumer", "p", DOCUMENT).await.unwrap();
    assert_eq!(ledger.list_roles("/").await.unwrap(), ["consumer"]);
    let role = ledger.get_role("consumer").await.unwrap();
    assert_eq!(
        (role.arn.as_str(), role.permissions_boundary),
        ("arn:aws:iam::000000000000:role/consumer", boundary)
    );
}

#[tokio::test]
async fn a_deleted_role_takes_its_policies_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger =
        open(folder.path(), EmbeddedOptions { strict_roles: true, ..EmbeddedOptions::default() });
    let role = NewRole { name: "r".to_owned(), path: "/".to_owned(), permissions_boundary: None };
    ledger.create_role(&role).await.unwrap();
    ledger.put_role_policy("r", "p", DOCUMENT).await.unwrap();
    ledger.delete_role("r").await.unwrap();
    assert!(matches!(ledger.get_role("r").await, Err(Error::NoSuchRole { .. })));
    ledger.create_role(&role).await.unwrap();
    assert_eq!(ledger.list_role_policies("r").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn policies_outlive_the_process_and_are_seen_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), EmbeddedOptions::default());
    let second = open(folder.path(), EmbeddedOptions::default());
    first.put_role_policy("r", "p", DOCUMENT).await.unwrap();
    assert_eq!(second.get_role_policy("r", "p").await.unwrap(), DOCUMENT);
    drop((first, second));
    let again = open(folder.path(), EmbeddedOptions::default());
    assert_eq!(again.list_role_policies("r").await.unwrap(), ["p"]);
}

#[tokio::test]
async fn the_export_is_a_file_per_policy_and_follows_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("export");
    let ledger = open(folder.path(), EmbeddedOptions::default());
    ledger.put_role_policy("b", "p", DOCUMENT).await.unwrap();
    ledger.put_role_policy("a", "q", DOCUMENT).await.unwrap();
    assert_eq!(ledger.export(&out).await.unwrap(), 2);
    let written = fs::read_to_string(out.join("roles/a/q.json")).unwrap();
    assert_eq!(written.lines().next(), Some("{"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&written).unwrap(),
        serde_json::from_str::<serde_json::Value>(DOCUMENT).unwrap()
    );
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(manifest.find("roles/a/q.json") < manifest.find("roles/b/p.json"), "{manifest}");
    ledger.delete_role_policy("a", "q").await.unwrap();
    assert_eq!(ledger.export(&out).await.unwrap(), 1);
    assert!(!out.join("roles/a").exists() && out.join("roles/b/p.json").exists());
}

#[tokio::test]
async fn an_export_that_cannot_be_written_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), EmbeddedOptions::default());
    let occupied = folder.path().join("occupied");
    fs::write(&occupied, "x").unwrap();
    let error = ledger.export(&occupied).await.unwrap_err();
    assert!(error.to_string().contains("occupied"), "{error}");
}
