//! The names and the shape of 2023.

use reqwest::StatusCode;
use serde_json::json;
use stepwell_sandbox::dmm::{Generation, Options};

use super::support::{Fixture, access};

#[tokio::test]
async fn an_agreement_is_an_access_with_its_id_in_info() {
    let fixture = Fixture::empty().await;
    fixture.sandbox.put_access(access("acc-1")).unwrap();
    let path = "/api/datausageagreements/acc-1";
    let found = fixture.get(path).await.expect(StatusCode::OK);
    assert_eq!((&found["info"]["id"], found.get("id")), (&json!("acc-1"), None));
    assert_eq!(found["provider"]["outputPortId"], "s3");
    let list = fixture.get("/api/datausageagreements").await.expect(StatusCode::OK);
    assert_eq!(list, json!([found]));

    let mut changed = found;
    changed["tags"] = json!(["aws-integration", "aws-integration-active"]);
    fixture.put(path, &changed).await.expect(StatusCode::OK);
    let access = fixture.get("/api/access/acc-1").await.expect(StatusCode::OK);
    assert_eq!(
        (&access["id"], &access["tags"][1]),
        (&json!("acc-1"), &json!("aws-integration-active"))
    );
    fixture.post(&format!("{path}/approve")).await.expect(StatusCode::OK);
    fixture.delete(path).await.expect(StatusCode::OK);
    fixture.get(path).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_data_contract_is_an_access_in_the_first_generation_only() {
    let path = "/api/datacontracts/acc-0000";
    Fixture::start(Options::default()).await.get(path).await.expect(StatusCode::NOT_FOUND);
    let generations = vec![Generation::DataContract];
    let fixture = Fixture::start(Options { generations, ..Options::default() }).await;
    assert_eq!(fixture.get(path).await.expect(StatusCode::OK)["info"]["id"], "acc-0000");
}
