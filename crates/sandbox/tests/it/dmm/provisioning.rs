//! `/api/access/{id}/provisioning`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::dmm::{Options, Provisioning};

use super::support::{Fixture, answer};

const PATH: &str = "/api/access/acc-0000/provisioning";

async fn report(fixture: &Fixture, step: &str, body: &Value) -> Value {
    let request = fixture.request(Method::POST, &format!("{PATH}/{step}")).json(body);
    answer(request).await.expect(StatusCode::OK)
}

#[tokio::test]
async fn any_step_is_taken_and_the_latest_wins() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.get(PATH).await.expect(StatusCode::NOT_FOUND);
    let events = fixture
        .events_of(async |it| {
            it.post(&format!("{PATH}/provisioning-started")).await.expect(StatusCode::OK);
            let failure = json!({"platform": "aws", "diagnostics": "no role", "note": "asked the owner"});
            let failed = report(it, "provisioning-failed", &failure).await;
            assert_eq!((&failed["status"], &failed["diagnostics"]), (&json!("provisioning-failed"), &json!("no role")));
            let done = report(it, "provisioning-succeeded", &json!({"reference": "arn#p"})).await;
            assert_eq!(done, json!({
                "status": "provisioned", "platform": "aws", "note": "asked the owner", "reference": "arn#p",
                "provisioningStartedAt": "2026-03-01T09:00:00.000Z", "failedAt": "2026-03-01T09:00:00.000Z",
                "provisionedAt": "2026-03-01T09:00:00.000Z",
            }));
            report(it, "deprovisioning-failed", &json!({})).await;
        })
        .await;
    assert_eq!(
        events,
        [
            "AccessProvisioningStarted acc-0000",
            "AccessProvisioningFailed acc-0000",
            "AccessProvisioned acc-0000",
            "AccessDeprovisioningFailed acc-0000",
        ]
    );
    let last = fixture.sandbox.events().pop().unwrap();
    assert_eq!(
        (&last["data"]["status"], &last["data"]["platform"]),
        (&json!("deprovisioning-failed"), &json!("aws"))
    );
    let access = fixture.get("/api/access/acc-0000").await.expect(StatusCode::OK);
    assert_eq!(access["provisioning"], fixture.get(PATH).await.expect(StatusCode::OK));
    fixture.post(&format!("{PATH}/provisioning-doubted")).await.expect(StatusCode::NOT_FOUND);
    fixture
        .post("/api/access/nobody/provisioning/provisioning-started")
        .await
        .expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn putting_a_record_tells_only_of_another_status() {
    let fixture = Fixture::start(Options::default()).await;
    let record = json!({"status": "provisioned", "reference": "a"});
    let events = fixture
        .events_of(async |it| {
            it.put(PATH, &record).await.expect(StatusCode::OK);
            it.put(PATH, &json!({"status": "provisioned", "reference": "b"}))
                .await
                .expect(StatusCode::OK);
        })
        .await;
    assert_eq!(events, ["AccessProvisioned acc-0000"]);
    assert_eq!(fixture.sandbox.provisioning("acc-0000").unwrap()["reference"], "b");
    let problem =
        fixture.put(PATH, &json!({"reference": "c"})).await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(problem["violations"][0]["field"], "status");
}

#[tokio::test]
async fn older_versions_do_not_have_it() {
    let options = Options { provisioning: Provisioning::NotFound, ..Options::default() };
    let fixture = Fixture::start(options).await;
    let step = format!("{PATH}/provisioning-started");
    fixture.post(&step).await.expect(StatusCode::NOT_FOUND);
    fixture.sandbox.set_provisioning(Provisioning::MethodNotAllowed);
    fixture.post(&step).await.expect(StatusCode::METHOD_NOT_ALLOWED);
    fixture.get("/api/access/acc-0000").await.expect(StatusCode::OK);
    assert_eq!(fixture.sandbox.provisioning("acc-0000"), None);
}
