//! What is granted and what is refused, and who is told.

use serde_json::json;
use stepwell_sandbox::dmm::{Awkward, Options};

use crate::support::{Bench, result};

fn awkward() -> Options {
    Options { agreements: 10, awkward: Awkward::ALL.into(), ..Options::default() }
}

#[tokio::test]
async fn awkward_catalogues_are_granted_where_that_is_right_and_refused_elsewhere() {
    let bench = Bench::settled(awkward()).await;
    bench.assert_in_step().await;
}

#[tokio::test]
async fn what_is_refused_is_told_to_its_owner_and_in_the_summary_and_fails_no_run() {
    let bench = Bench::new(awkward()).await;
    let summary = bench.follow().await;
    let refused = bench.sandbox.agreements().into_iter().filter(|it| {
        it.awkward.is_some_and(|it| !it.is_grantable() && it != Awkward::UnknownProvider)
    });
    for agreement in refused {
        let found = result(&summary, &agreement.id);
        assert_eq!(found["outcome"], "refused", "{found:#}");
        let told = bench.sandbox.provisioning(&agreement.id).unwrap();
        assert_eq!(told["status"], "provisioning-failed", "{told:#}");
        assert_eq!(told["diagnostics"], found["detail"]);
    }
}

/// Each of them names what has to be mended.
#[tokio::test]
async fn diagnostics_name_the_field_or_the_setting() {
    let bench = Bench::new(awkward()).await;
    let summary = bench.follow().await;
    for (kind, part) in [
        (Awkward::MissingRoleName, "misses the custom field `aws-role-name`"),
        (Awkward::RoleArnAsName, "a name, not an ARN"),
        (Awkward::AdministratorRole, "administrator"),
        (Awkward::MissingPortType, "misses the custom field `output-port-type`"),
        (Awkward::UnsupportedPortType, "kafka_topic"),
        (Awkward::MissingBucketArn, "misses the custom field `aws-s3-bucket-arn`"),
        (Awkward::IncompleteTable, "`aws-s3-folder-arn`; output port"),
        (Awkward::WildcardBucket, "wildcard"),
        (Awkward::WildcardInBucket, "wildcard"),
        (Awkward::ForeignAccount, "`resource_accounts`"),
        (Awkward::OtherPartition, "partition"),
        (Awkward::NoArn, "is no ARN"),
        (Awkward::PortGone, "has no output port"),
        (Awkward::ConsumerGone, "does not exist"),
        (Awkward::TeamWithoutRole, "misses the custom field `aws-role-name`"),
        (Awkward::UserConsumer, "`users`"),
        (Awkward::IdThatIamRefuses, "policy's name"),
    ] {
        let agreements = bench.sandbox.agreements();
        let access = &agreements.iter().find(|it| it.awkward == Some(kind)).unwrap().id;
        let detail = result(&summary, access)["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{kind:?}: {detail}");
    }
    let agreements = bench.sandbox.agreements();
    let look_alike = agreements.iter().find(|it| it.awkward == Some(Awkward::LookAlikeService));
    let found = result(&summary, &look_alike.unwrap().id);
    assert!(found["warnings"][0].as_str().unwrap().contains("s3tables"), "{found:#}");
}

#[tokio::test]
async fn a_user_with_a_mapped_role_is_granted() {
    let options = Options { awkward: [Awkward::UserConsumer].into(), ..Options::default() };
    let bench = Bench::with(options, json!({"users": {"ana@acme.example": "ana-consumer"}})).await;
    bench.follow().await;
    assert!(bench.granted().await.iter().any(|(role, _)| role == "ana-consumer"));
}

#[tokio::test]
async fn the_athena_profile_lets_a_query_come_to_its_end() {
    let bench = Bench::with(Options::default(), json!({"profile": "athena"})).await;
    bench.follow().await;
    bench.assert_in_step().await;
    let policies = bench.policies().await;
    let of_tables: Vec<_> = policies.values().filter(|it| it.contains("glue:")).collect();
    assert!(!of_tables.is_empty());
    for policy in of_tables {
        for action in ["athena:GetQueryResults", "glue:GetPartitions", "s3:GetBucketLocation"] {
            assert!(policy.contains(action), "{action}: {policy}");
        }
    }
}

#[tokio::test]
async fn regions_buckets_and_team_accounts_are_held() {
    let settings = json!({"regions": ["eu-west-1"], "buckets": ["nothing-*"], "team_accounts": {"orders": ["999999999999"]}});
    let bench = Bench::with(Options::default(), settings).await;
    let summary = bench.follow().await;
    assert!(bench.policies().await.is_empty());
    let details: Vec<_> = summary["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["detail"].as_str())
        .collect();
    assert!(details.iter().any(|it| it.contains("`regions`")), "{details:#?}");
    assert!(details.iter().any(|it| it.contains("`buckets`")), "{details:#?}");
}

#[tokio::test]
async fn a_team_that_does_not_own_the_account_hands_nothing_out() {
    let settings = json!({"team_accounts": {"orders": ["999999999999"]}});
    let bench = Bench::with(Options::default(), settings).await;
    let summary = bench.follow().await;
    let text = summary.to_string();
    assert!(text.contains("does not belong to the provider's team `orders`"), "{summary:#}");
    // Buckets have no account in their ARN.
    assert!(bench.policies().await.values().all(|it| !it.contains("glue:")));
}
