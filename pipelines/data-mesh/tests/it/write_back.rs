//! What owners are told, and how, where the service has no endpoints for it.

use serde_json::json;
use stepwell_sandbox::dmm::{Awkward, Endpoint, Options, Provisioning};

use crate::support::{ACCOUNT, Bench, an_active};

#[tokio::test]
async fn grants_and_revocations_are_reported_with_their_reference_and_only_once() {
    let bench = Bench::settled(Options::default()).await;
    let (access, role) = an_active(&bench.sandbox);
    let told = bench.sandbox.provisioning(&access).unwrap();
    let reference = format!("arn:aws:iam::{ACCOUNT}:role/{role}#DMM_DataUsageAgreement_{access}");
    assert_eq!((&told["status"], &told["reference"]), (&json!("provisioned"), &json!(reference)));
    assert_eq!((&told["platform"], &told["executor"]), (&json!("aws"), &json!("stepwell")));
    bench.sandbox.deactivate(&access).unwrap();
    bench.follow().await;
    assert_eq!(bench.sandbox.provisioning(&access).unwrap()["status"], "deprovisioned");
    bench.sandbox.forget_requests();
    bench.follow().await;
    bench.reconcile().await;
    assert_eq!(bench.sandbox.writes(), 0, "no report is repeated, and our own events cause none");
}

#[tokio::test]
async fn without_the_endpoints_our_own_tags_and_fields_are_merged() {
    for provisioning in [Provisioning::NotFound, Provisioning::MethodNotAllowed] {
        let awkward = [Awkward::MissingRoleName].into();
        let bench = Bench::settled(Options { provisioning, awkward, ..Options::default() }).await;
        let (access, _) = an_active(&bench.sandbox);
        let document = bench.sandbox.access(&access).unwrap();
        assert_eq!(
            document["tags"],
            json!(["reviewed", "aws-integration", "aws-integration-active"])
        );
        let policy = format!("DMM_DataUsageAgreement_{access}");
        assert_eq!(document["custom"], json!({"cost-centre": "4711", "aws-policy-name": policy}));
        let refused = bench.sandbox.access("acc-missing-role-name").unwrap();
        assert!(
            refused["custom"]["aws-integration-diagnostics"]
                .as_str()
                .unwrap()
                .contains("aws-role-name")
        );
        bench.assert_in_step().await;
        // The write causes an event; that leads to a look and to no other write.
        bench.follow().await;
        bench.sandbox.forget_requests();
        bench.follow().await;
        assert_eq!(bench.sandbox.writes(), 0);
        bench.sandbox.deactivate(&access).unwrap();
        bench.follow().await;
        let document = bench.sandbox.access(&access).unwrap();
        assert_eq!(
            document["tags"],
            json!(["reviewed", "aws-integration", "aws-integration-inactive"])
        );
        assert_eq!(document["custom"], json!({"cost-centre": "4711"}));
        bench.assert_in_step().await;
    }
}

#[tokio::test]
async fn a_deleted_access_is_reported_to_nobody() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.delete_access(&access).unwrap();
    bench.sandbox.forget_requests();
    bench.follow().await;
    assert!(!bench.sandbox.requests().contains_key(&Endpoint::ReportProvisioning));
}
