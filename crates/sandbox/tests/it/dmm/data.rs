//! The made agreements, and the truth about them.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::json;
use stepwell_sandbox::dmm::{Agreement, Awkward, Options};

use super::support::Fixture;

#[tokio::test]
async fn agreements_are_spread_over_kinds_formats_and_states() {
    let fixture = Fixture::start(Options { agreements: 200, ..Options::default() }).await;
    let agreements = fixture.sandbox.agreements();
    assert_eq!(agreements.len(), 200);
    assert_eq!(agreements.iter().filter(|it| it.active).count(), 140);
    let of_type =
        |kind: &str| agreements.iter().filter(|it| it.port_type.as_deref() == Some(kind)).count();
    assert_eq!((of_type("s3_bucket"), of_type("glue_table")), (100, 100));
    let roles: BTreeSet<_> = agreements.iter().filter_map(|it| it.role.clone()).collect();
    assert_eq!(roles.len(), 40);
    assert!(agreements.iter().all(|it| !it.arns.is_empty() && it.awkward.is_none()));
    let odps = fixture.get("/api/dataproducts/shipping_2_dp").await.expect(StatusCode::OK);
    assert_eq!(odps["kind"], "DataProduct");
    assert_eq!(odps["outputPorts"][0].get("id"), None);
}

#[tokio::test]
async fn one_consumer_crowds_one_role() {
    let options = Options { agreements: 60, consumers: Some(1), ..Options::default() };
    let roles: BTreeSet<_> =
        Fixture::start(options).await.sandbox.agreements().into_iter().map(|it| it.role).collect();
    assert_eq!(roles.len(), 1);
}

#[tokio::test]
async fn every_kind_of_awkwardness_is_there_and_active() {
    let options = Options { agreements: 0, awkward: Awkward::ALL.into(), ..Options::default() };
    let fixture = Fixture::start(options).await;
    let agreements = fixture.sandbox.agreements();
    let kinds: BTreeSet<_> = agreements.iter().filter_map(|it| it.awkward).collect();
    assert_eq!(kinds, Awkward::ALL.into());
    assert!(agreements.iter().all(|it| it.active), "{agreements:?}");
    let of = |kind| agreements.iter().find(|it| it.awkward == Some(kind)).unwrap();
    let role = |kind| of(kind).role.as_deref();
    assert_eq!(role(Awkward::MissingRoleName), None);
    assert_eq!(role(Awkward::TeamConsumer), Some("team-consumer"));
    assert_eq!(of(Awkward::WildcardBucket).arns, ["arn:aws:s3:::*"]);
    assert_eq!(of(Awkward::PortGone).port_type, None);
    let is_whole =
        |it: &Agreement| it.role.is_some() && it.port_type.is_some() && !it.arns.is_empty();
    for agreement in agreements.iter().filter(|it| it.awkward.unwrap().is_grantable()) {
        assert!(is_whole(agreement), "{agreement:?}");
    }
}

#[tokio::test]
async fn the_truth_follows_the_documents() {
    let fixture = Fixture::start(Options::default()).await;
    let sandbox = &fixture.sandbox;
    let first = || sandbox.agreements().remove(0);
    let product = sandbox.access("acc-0000").unwrap()["consumer"]["dataProductId"].clone();
    sandbox
        .change_data_product(product.as_str().unwrap(), |it| {
            it["custom"]["aws-role-name"] = json!("renamed");
        })
        .unwrap();
    assert_eq!(first().role.as_deref(), Some("renamed"));
    sandbox
        .change_access("acc-0000", |it| it["provider"]["outputPortId"] = json!("port_1"))
        .unwrap();
    assert_eq!((first().port_type.as_deref(), first().arns.len()), (Some("glue_table"), 5));
    sandbox.deactivate("acc-0000").unwrap();
    assert!(!first().active);
    sandbox.activate("acc-0000").unwrap();
    assert!(first().active);
    sandbox.delete_access("acc-0000").unwrap();
    assert_eq!(first().id, "acc-0001");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_organization() {
    let options = || Options { awkward: Awkward::ALL.into(), ..Options::default() };
    let (one, two) = (Fixture::start(options()).await, Fixture::start(options()).await);
    assert_eq!(one.sandbox.events(), two.sandbox.events());
    let other = Fixture::start(Options { seed: 2, ..options() }).await;
    assert_ne!(one.sandbox.events(), other.sandbox.events());
}
