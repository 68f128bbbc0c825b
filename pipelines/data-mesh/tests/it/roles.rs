//! Roles: which are touched, renamed ones, boundaries, and the limit of their policies.

use serde_json::json;
use stepwell_data_mesh::layout::{MERGED, policy_name};
use stepwell_integrations::iam::{RolePolicies, counted_characters};
use stepwell_sandbox::dmm::Options;

use crate::support::{Bench, an_active, consumer_of, result, set_custom};

#[tokio::test]
async fn a_renamed_role_takes_its_policies_along() {
    let bench = Bench::settled(Options::default()).await;
    let (access, old) = an_active(&bench.sandbox);
    let consumer = consumer_of(&bench.sandbox, &access);
    bench
        .sandbox
        .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", "renamed-consumer"))
        .unwrap();
    let summary = bench.follow().await;
    let found = result(&summary, &access);
    assert_eq!(
        (&found["outcome"], &found["role"]),
        (&json!("granted"), &json!("renamed-consumer"))
    );
    assert!(found["detail"].as_str().unwrap().contains(&format!("removed from the role `{old}`")));
    assert!(bench.granted().await.iter().all(|(role, _)| *role != old));
    bench.assert_in_step().await;
}

#[tokio::test]
async fn an_access_that_ends_after_its_role_was_renamed_leaves_nothing() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    let consumer = consumer_of(&bench.sandbox, &access);
    bench
        .sandbox
        .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", "renamed-consumer"))
        .unwrap();
    bench.sandbox.delete_access(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    assert!(!bench.granted().await.iter().any(|(_, policy)| *policy == policy_name(&access)));
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_role_that_is_renamed_to_one_that_is_not_allowed_loses_what_it_had() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    let consumer = consumer_of(&bench.sandbox, &access);
    bench
        .sandbox
        .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", "AdminConsumer"))
        .unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "refused");
    assert!(!bench.granted().await.iter().any(|(_, policy)| *policy == policy_name(&access)));
    assert!(bench.granted().await.iter().all(|(role, _)| role != "AdminConsumer"));
}

#[tokio::test]
async fn a_port_that_becomes_wrong_keeps_what_was_granted_and_is_told() {
    let bench = Bench::settled(Options::default()).await;
    let (access, role) = an_active(&bench.sandbox);
    let before = bench.policies().await;
    let (provider, _) = crate::support::provider_of(&bench.sandbox, &access);
    bench
        .sandbox
        .change_data_product(&provider, |document| {
            for port in document["outputPorts"].as_array_mut().unwrap() {
                set_custom(port, "output-port-type", "kafka_topic");
            }
        })
        .unwrap();
    let summary = bench.follow().await;
    let found = result(&summary, &access);
    assert_eq!((&found["outcome"], &found["role"]), (&json!("refused"), &json!(role)));
    assert_eq!(bench.policies().await, before);
    assert_eq!(bench.sandbox.provisioning(&access).unwrap()["status"], "provisioning-failed");
}

#[tokio::test]
async fn roles_without_the_boundary_or_outside_the_path_are_refused() {
    let boundary = "arn:aws:iam::123456789012:policy/data-consumers";
    let settings = json!({"permissions_boundary": boundary, "role_path_prefix": "/data/"});
    let bench = Bench::with(Options { consumers: Some(3), ..Options::default() }, settings).await;
    bench.create_role("billing-consumer-0", "/data/", None).await;
    bench.create_role("forecast-consumer-1", "/other/", Some(boundary)).await;
    bench.create_role("fraud-consumer-2", "/data/teams/", Some(boundary)).await;
    let summary = bench.follow().await;
    let roles: std::collections::BTreeSet<_> =
        bench.granted().await.into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["fraud-consumer-2".to_owned()].into());
    let text = summary.to_string();
    assert!(text.contains("has the permissions boundary `none`"), "{summary:#}");
    assert!(text.contains("has the path `/other/`"), "{summary:#}");
}

#[tokio::test]
async fn a_crowded_role_is_merged_before_the_limit_and_refuses_what_does_not_fit() {
    let options = Options { agreements: 120, consumers: Some(1), ..Options::default() };
    let bench = Bench::new(options).await;
    let summary = bench.follow().await;
    let policies = bench.policies().await;
    assert!(
        policies.contains_key(&("billing-consumer-0".to_owned(), MERGED.to_owned())),
        "{:?}",
        policies.keys()
    );
    let size: usize = policies.values().map(|it| counted_characters(it)).sum();
    assert!(size <= 10_240, "{size}");
    let (granted, refused) = (&summary["granted"], summary["refused"].as_u64().unwrap());
    assert!(refused > 0 && granted.as_u64().unwrap() > 25, "{granted} granted, {refused} refused");
    assert!(summary.to_string().contains("IAM allows 10240"), "{summary:#}");
    // Whoever has a policy keeps it while others are refused, and gives it back alone.
    let results = summary["results"].as_array().unwrap();
    let access =
        results.iter().find(|it| it["outcome"] == "granted").unwrap()["access"].as_str().unwrap();
    bench.sandbox.deactivate(access).unwrap();
    assert_eq!(bench.follow().await["revoked"], 1);
    assert_eq!(bench.reconcile().await["repaired"], 0);
}

#[tokio::test]
async fn policies_of_others_are_never_touched() {
    let bench = Bench::new(Options::default()).await;
    let (_, role) = an_active(&bench.sandbox);
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::x"}]}"#;
    bench.iam().put_role_policy(&role, "Somebody_Elses", document).await.unwrap();
    bench
        .iam()
        .put_role_policy("unrelated", "DMM_DataUsageAgreement_gone", document)
        .await
        .unwrap();
    bench.follow().await;
    for agreement in bench.sandbox.agreements() {
        bench.sandbox.delete_access(&agreement.id).unwrap();
    }
    bench.follow().await;
    bench.succeed("data-mesh-reconcile", json!({"allow_deletes": true})).await;
    let left = bench.granted().await;
    let expected = [
        (role, "Somebody_Elses".to_owned()),
        ("unrelated".to_owned(), "DMM_DataUsageAgreement_gone".to_owned()),
    ];
    assert_eq!(left, expected.into());
}

#[tokio::test]
async fn a_role_that_is_not_allowed_any_more_is_not_even_revoked_and_that_is_a_failure() {
    let mut bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.restart_with(&json!({"role_patterns": ["nobody"]}));
    bench.sandbox.deactivate(&access).unwrap();
    let summary = bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    assert!(summary["message"].as_str().unwrap().contains("must not be touched"), "{summary:#}");
    assert!(bench.granted().await.iter().any(|(_, policy)| *policy == policy_name(&access)));
}
