//! What every store of role policies does.

use serde_json::{Value, json};
use stepwell_integrations::iam::{
    AwsRolePolicies, EmbeddedOptions, EmbeddedRolePolicies, Error, NewRole,
    ROLE_POLICIES_CHARACTERS_MAX, RolePolicies,
};
use tempfile::TempDir;

use super::implementations;
use crate::support::{Time, connection, iam_client, unique};

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";

struct Fixture {
    policies: Box<dyn RolePolicies>,
    /// There, in `/teams/`, with [`BOUNDARY`].
    role: String,
    /// moto does not count (`Role.put_policy` has no check); IAM does.
    counts_characters: bool,
    _folder: Option<TempDir>,
}

implementations!(
    a_policy_is_read_back_as_it_was_put,
    putting_again_replaces_and_is_safe_to_repeat,
    names_are_listed_sorted,
    a_missing_role_and_a_missing_policy_are_told_apart,
    a_malformed_document_changes_nothing,
    a_name_that_iam_does_not_take_is_refused,
    a_role_is_found_with_its_boundary_and_by_its_path,
    all_roles_come_with_their_policies,
    the_sum_of_a_role_is_limited,
);

async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        account: "123456789012".to_owned(),
        strict_roles: true,
        ..EmbeddedOptions::default()
    };
    let path = folder.path().join("access.db");
    let policies = EmbeddedRolePolicies::open(&path, options, Time::manual().clock()).unwrap();
    let role = "payments-consumer".to_owned();
    let new = NewRole {
        name: role.clone(),
        path: "/teams/".to_owned(),
        permissions_boundary: Some(BOUNDARY.to_owned()),
    };
    policies.create_role(&new).await.unwrap();
    Fixture { policies: Box::new(policies), role, counts_characters: true, _folder: Some(folder) }
}

async fn moto() -> Option<Fixture> {
    let url = crate::support::moto()?;
    let client = iam_client(&url);
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}
    }]});
    // There already if another test was first.
    let _ =
        client.create_policy().policy_name("boundary").policy_document(document(1)).send().await;
    let role = unique("consumer");
    let create =
        client.create_role().role_name(&role).path("/teams/").permissions_boundary(BOUNDARY);
    create.assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let policies = AwsRolePolicies::new(&connection(&url).await);
    Some(Fixture { policies: Box::new(policies), role, counts_characters: false, _folder: None })
}

/// A document with so many resources.
fn document(resources: usize) -> String {
    let resource = |number| format!("arn:aws:s3:::acme-orders-{number}/a b%2Fc+d/*");
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": (0..resources).map(resource).collect::<Vec<_>>(),
    }]})
    .to_string()
}

impl Fixture {
    async fn put(&self, policy: &str, document: &str) -> Result<(), Error> {
        self.policies.put_role_policy(&self.role, policy, document).await
    }

    async fn names(&self) -> Vec<String> {
        self.policies.list_role_policies(&self.role).await.unwrap()
    }

    async fn read(&self, policy: &str) -> Value {
        let text = self.policies.get_role_policy(&self.role, policy).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

async fn a_policy_is_read_back_as_it_was_put(fixture: &Fixture) {
    let text = document(2);
    fixture.put("p", &text).await.unwrap();
    assert_eq!(fixture.policies.get_role_policy(&fixture.role, "p").await.unwrap(), text);
}

async fn putting_again_replaces_and_is_safe_to_repeat(fixture: &Fixture) {
    for resources in [1, 1, 2] {
        fixture.put("p", &document(resources)).await.unwrap();
    }
    assert_eq!(fixture.read("p").await, serde_json::from_str::<Value>(&document(2)).unwrap());
    assert_eq!(fixture.names().await, ["p"]);
}

async fn names_are_listed_sorted(fixture: &Fixture) {
    for name in ["DMM_b", "DMM_a", "other@x"] {
        fixture.put(name, &document(1)).await.unwrap();
    }
    assert_eq!(fixture.names().await, ["DMM_a", "DMM_b", "other@x"]);
    fixture.policies.delete_role_policy(&fixture.role, "DMM_a").await.unwrap();
    assert_eq!(fixture.names().await, ["DMM_b", "other@x"]);
}

async fn a_missing_role_and_a_missing_policy_are_told_apart(fixture: &Fixture) {
    let Fixture { policies, role, .. } = fixture;
    for error in [
        policies.get_role_policy(role, "gone").await.unwrap_err(),
        policies.delete_role_policy(role, "gone").await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::NoSuchPolicy { policy, .. } if policy == "gone"),
            "{error}"
        );
    }
    for error in [
        policies.get_role("nobody").await.unwrap_err(),
        policies.list_role_policies("nobody").await.unwrap_err(),
        policies.get_role_policy("nobody", "p").await.unwrap_err(),
        policies.put_role_policy("nobody", "p", &document(1)).await.unwrap_err(),
        policies.delete_role_policy("nobody", "p").await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::NoSuchRole { role } if role == "nobody"), "{error}");
        assert!(!error.is_retryable());
    }
}

async fn a_malformed_document_changes_nothing(fixture: &Fixture) {
    fixture.put("p", &document(1)).await.unwrap();
    let nothing = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": []}
    ]});
    for malformed in
        [nothing.to_string(), "{".to_owned(), document(1).replace("2012-10-17", "2026-03-01")]
    {
        let error = fixture.put("p", &malformed).await.unwrap_err();
        assert!(matches!(&error, Error::MalformedPolicyDocument { .. }), "{malformed}: {error}");
    }
    assert_eq!(fixture.read("p").await, serde_json::from_str::<Value>(&document(1)).unwrap());
}

async fn a_name_that_iam_does_not_take_is_refused(fixture: &Fixture) {
    let error = fixture.put("DMM_DataUsageAgreement_a:b", &document(1)).await.unwrap_err();
    assert!(matches!(&error, Error::InvalidName { kind: "policy", .. }), "{error}");
    let error = fixture.policies.get_role("a/b").await.unwrap_err();
    assert!(matches!(&error, Error::InvalidName { kind: "role", .. }), "{error}");
    assert_eq!(fixture.names().await, [""; 0]);
}

async fn a_role_is_found_with_its_boundary_and_by_its_path(fixture: &Fixture) {
    let role = fixture.policies.get_role(&fixture.role).await.unwrap();
    assert_eq!(role.arn, format!("arn:aws:iam::123456789012:role/teams/{}", fixture.role));
    assert_eq!(
        (role.path.as_str(), role.permissions_boundary.as_deref()),
        ("/teams/", Some(BOUNDARY))
    );
    let found = |roles: Vec<String>| roles.contains(&fixture.role);
    assert!(found(fixture.policies.list_roles("/teams/").await.unwrap()));
    assert!(found(fixture.policies.list_roles("/").await.unwrap()));
    assert!(!found(fixture.policies.list_roles("/others/").await.unwrap()));
}

async fn all_roles_come_with_their_policies(fixture: &Fixture) {
    for name in ["b", "a"] {
        fixture.put(name, &document(2)).await.unwrap();
    }
    let roles = fixture.policies.roles_with_policies().await.unwrap();
    assert!(roles.is_sorted_by(|a, b| a.role.name < b.role.name));
    let found = roles.iter().find(|it| it.role.name == fixture.role).unwrap();
    assert_eq!(found.role.arn, fixture.policies.get_role(&fixture.role).await.unwrap().arn);
    assert_eq!(found.role.path, "/teams/");
    let policies: Vec<_> = found.policies.iter().collect();
    assert_eq!(policies, [(&"a".to_owned(), &document(2)), (&"b".to_owned(), &document(2))]);
}

async fn the_sum_of_a_role_is_limited(fixture: &Fixture) {
    if !fixture.counts_characters {
        return;
    }
    let whole = document(100);
    let fitting = ROLE_POLICIES_CHARACTERS_MAX / whole.len();
    for number in 0..fitting {
        fixture.put(&format!("p{number}"), &whole).await.unwrap();
    }
    let error = fixture.put("more", &whole).await.unwrap_err();
    assert!(matches!(&error, Error::LimitExceeded { .. }), "{error}");
    // One that is replaced does not count, and white space never does.
    let spaced = whole.replace("\":", "\" : \n\t");
    fixture.put("p0", &spaced).await.unwrap();
    assert_eq!(fixture.names().await.len(), fitting);
}
