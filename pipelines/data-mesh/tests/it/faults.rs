//! A service that misbehaves: what passes by itself is waited for, and nothing is granted or revoked by mistake.

use serde_json::json;
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options};

use crate::support::{Bench, an_active};

const READ: [Endpoint; 5] = [
    Endpoint::Events,
    Endpoint::ListAccess,
    Endpoint::GetAccess,
    Endpoint::GetDataProduct,
    Endpoint::ReportProvisioning,
];

#[tokio::test]
async fn each_fault_on_each_endpoint_is_got_over() {
    for fault in [
        HttpFault::status(500),
        HttpFault::status(503),
        HttpFault::too_many_requests(Some(1)),
        HttpFault::Close,
        HttpFault::LoseAnswer,
        HttpFault::BreakBody,
        HttpFault::TruncateBody,
        HttpFault::EmptyBody,
        HttpFault::Slow { millis: 300 },
    ] {
        let bench = Bench::new(Options { agreements: 10, ..Options::default() }).await;
        for endpoint in READ {
            bench.sandbox.add_fault(FaultRule::new(endpoint, fault.clone()).once());
        }
        bench.follow().await;
        bench.assert_in_step().await;
        let (access, _) = an_active(&bench.sandbox);
        assert_eq!(
            bench.sandbox.provisioning(&access).unwrap()["status"],
            "provisioned",
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_asked_again() {
    let bench = Bench::with(Options::default(), json!({"silence_seconds": 1})).await;
    bench.sandbox.add_fault(FaultRule::new(Endpoint::GetAccess, HttpFault::Hang).once());
    bench.follow().await;
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_web_page_in_the_place_of_the_api_is_told_as_such() {
    let bench = Bench::new(Options::default()).await;
    bench.sandbox.add_fault(FaultRule::new(Endpoint::Events, HttpFault::Page { status: 200 }));
    let summary = bench.fail("data-mesh", json!({}), "Config").await;
    assert!(summary["message"].as_str().unwrap().contains("text/html"), "{summary:#}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_address() {
    let mut bench = Bench::new(Options::default()).await;
    bench.restart_with(&json!({"base_url": "http://127.0.0.1:1"}));
    let summary = bench.fail("data-mesh", json!({}), "Retryable").await;
    assert!(summary["message"].as_str().unwrap().contains("http://127.0.0.1:1"), "{summary:#}");
}
