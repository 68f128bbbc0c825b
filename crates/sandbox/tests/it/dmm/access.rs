//! `/api/access`.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use stepwell_sandbox::dmm::Options;

use super::support::{Fixture, access, answer};

#[tokio::test]
async fn a_missing_or_wrong_key_is_forbidden_and_a_bearer_token_will_do() {
    let fixture = Fixture::empty().await;
    let ask = || fixture.without_key(Method::GET, "/api/events");
    for request in [ask(), ask().header("x-api-key", "wrong"), ask().bearer_auth("wrong")] {
        let problem = answer(request).await;
        assert_eq!(problem.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(problem.expect(StatusCode::FORBIDDEN)["title"], "Forbidden");
    }
    answer(ask().bearer_auth(fixture.sandbox.api_key())).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn putting_creates_then_replaces_the_whole_and_leaves_the_status_alone() {
    let fixture = Fixture::empty().await;
    let path = "/api/access/acc-1";
    fixture.get(path).await.expect(StatusCode::NOT_FOUND);
    let mut document = access("acc-1");
    document["info"]["status"] = json!("approved");
    document["info"]["active"] = json!(true);
    let events = fixture
        .events_of(async |it| {
            let put = it.put(path, &document).await;
            assert!(put.headers.contains_key("location-html"));
            put.expect(StatusCode::OK);
        })
        .await;
    assert_eq!(events, ["AccessCreated acc-1", "AccessRequested acc-1"]);
    let found = fixture.get(path).await.expect(StatusCode::OK);
    assert_eq!(
        (&found["info"]["status"], &found["info"]["active"]),
        (&json!("requested"), &json!(false))
    );

    fixture.post("/api/access/acc-1/approve").await.expect(StatusCode::OK);
    document.as_object_mut().unwrap().remove("custom");
    let events = fixture
        .events_of(async |it| {
            it.put(path, &document).await.expect(StatusCode::OK);
        })
        .await;
    assert_eq!(events, ["AccessUpdated acc-1"]);
    let found = fixture.get(path).await.expect(StatusCode::OK);
    assert_eq!((&found["info"]["active"], found.get("custom")), (&json!(true), None));
}

#[tokio::test]
async fn a_document_that_does_not_fit_is_refused_with_every_violation() {
    let fixture = Fixture::empty().await;
    let bad = json!({
        "id": "other", "info": {"endDate": "soon"}, "provider": {"dataProductId": "orders_dp"},
        "consumer": {"dataProductId": "a", "userId": "b"}, "custom": {"n": 1},
    });
    let problem = fixture.put("/api/access/acc-1", &bad).await.expect(StatusCode::BAD_REQUEST);
    let fields: Vec<_> =
        problem["violations"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(
        fields,
        ["id", "info.purpose", "provider.outputPortId", "consumer", "info.endDate", "custom"]
    );
    assert_eq!(fixture.sandbox.events(), [Value::Null; 0]);
}

#[tokio::test]
async fn it_is_decided_ended_and_deleted() {
    let fixture = Fixture::empty().await;
    fixture.put("/api/access/acc-1", &access("acc-1")).await.expect(StatusCode::OK);
    let events = fixture
        .events_of(async |it| {
            for action in ["approve", "reject", "approve", "cancel"] {
                it.post(&format!("/api/access/acc-1/{action}")).await.expect(StatusCode::OK);
            }
        })
        .await;
    assert_eq!(
        events,
        [
            "AccessApproved acc-1",
            "AccessActivated acc-1",
            "AccessRejected acc-1",
            "AccessDeactivated acc-1",
            "AccessApproved acc-1",
            "AccessActivated acc-1",
            "AccessCanceled acc-1",
        ]
    );
    let found = fixture.get("/api/access/acc-1").await.expect(StatusCode::OK);
    assert_eq!(
        (&found["info"]["endDate"], &found["info"]["active"]),
        (&json!("2026-03-01"), &json!(true))
    );
    let end = json!({"endDate": "2026-02-28"});
    let cancel = fixture.request(Method::POST, "/api/access/acc-1/cancel").json(&end);
    answer(cancel).await.expect(StatusCode::OK);
    assert_eq!(fixture.sandbox.access("acc-1").unwrap()["info"]["active"], false);

    let events = fixture
        .events_of(async |it| {
            it.delete("/api/access/acc-1").await.expect(StatusCode::OK);
        })
        .await;
    assert_eq!(events, ["AccessDeleted acc-1"]);
    for path in ["/api/access/acc-1", "/api/access/acc-1/provisioning"] {
        fixture.get(path).await.expect(StatusCode::NOT_FOUND);
    }
    fixture.delete("/api/access/acc-1").await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_come_in_pages_and_are_filtered() {
    let fixture = Fixture::start(Options { agreements: 25, ..Options::default() }).await;
    let mut seen = Vec::new();
    let mut path = Some("/api/access?pageSize=10".to_owned());
    while let Some(next) = path {
        let answer = fixture.get(&next).await;
        let link = answer.headers.get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
        path = link.map(|link| {
            let url = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            url.strip_prefix(fixture.sandbox.base_url()).unwrap().to_owned()
        });
        seen.push(answer.expect(StatusCode::OK).as_array().unwrap().len());
    }
    assert_eq!(seen, [10, 10, 5]);
    fixture.get("/api/access?pageSize=1").await.expect(StatusCode::BAD_REQUEST);
    let one =
        fixture.get("/api/access?providerDataProductId=orders_0_dp").await.expect(StatusCode::OK);
    assert_eq!(one.as_array().unwrap().len(), 4);
    let none = fixture.get("/api/access?consumerType=user").await.expect(StatusCode::OK);
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn any_id_that_is_one_segment_will_do() {
    let fixture = Fixture::empty().await;
    let id = "acc:ünï 1%7";
    fixture.sandbox.put_access(access(id)).unwrap();
    let found = fixture.get("/api/access/acc%3A%C3%BCn%C3%AF%201%257").await.expect(StatusCode::OK);
    assert_eq!(found["id"], id);
    assert!(fixture.sandbox.put_access(access("a/b")).is_err());
}
