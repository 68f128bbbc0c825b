//! Against a double of SQS and IAM, over their real protocols.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use stepwell_data_mesh::layout::policy_name;
use stepwell_integrations::aws::{Connection, Credentials, Settings};
use stepwell_integrations::iam::{AwsRolePolicies, RolePolicies};
use stepwell_integrations::sqs::{AwsQueue, Queue};
use stepwell_pipeline::surroundings::{Aws, Provider, Services};
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{Settings as _, Surroundings, http};
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options, Sandbox};

use crate::support::{Bench, an_active, set_custom};

const REGION: &str = "eu-central-1";

/// Each test has its own names.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The double, with queues and names of this test's own.
struct Moto {
    url: String,
    mark: String,
}

impl Moto {
    /// Nothing is tested without it, unless everything must be.
    async fn find() -> Option<Self> {
        let Ok(url) = std::env::var("STEPWELL_TEST_MOTO") else {
            assert!(
                std::env::var_os("STEPWELL_TEST_ALL").is_none(),
                "`STEPWELL_TEST_MOTO` is not set"
            );
            // Not `eprintln!`, which the test harness keeps to itself.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: `STEPWELL_TEST_MOTO` is not set\n");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}{count}", Timestamp::now().as_millisecond());
        let moto = Self { url, mark };
        for queue in [moto.queue(), moto.dead_letters()] {
            let attributes = [("Attribute.1.Name", "FifoQueue"), ("Attribute.1.Value", "true")];
            moto.query(
                "sqs",
                "CreateQueue",
                "2012-11-05",
                &[&attributes[..], &[("QueueName", &queue)]].concat(),
            )
            .await;
        }
        Some(moto)
    }

    fn queue(&self) -> String {
        format!("events-{}.fifo", self.mark)
    }

    fn dead_letters(&self) -> String {
        format!("dead-{}.fifo", self.mark)
    }

    /// A role of this test's own for a role of the sandbox.
    fn role(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    /// Gives every consumer of the sandbox a role of its own, which exists.
    async fn make_roles(&self, sandbox: &Sandbox) {
        let roles: std::collections::BTreeMap<_, _> =
            sandbox.agreements().into_iter().filter_map(|it| Some((it.role?, it.id))).collect();
        for (role, access) in roles {
            let consumer = crate::support::consumer_of(sandbox, &access);
            let name = self.role(&role);
            self.make_role(&name).await;
            sandbox
                .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", &name))
                .unwrap();
        }
    }

    async fn make_role(&self, name: &str) {
        let parameters = [
            ("RoleName", name),
            ("AssumeRolePolicyDocument", r#"{"Version":"2012-10-17","Statement":[]}"#),
        ];
        self.query("iam", "CreateRole", "2010-05-08", &parameters).await;
    }

    async fn attach(&self, role: &str, policy: &str) {
        let parameters = [("RoleName", role), ("PolicyArn", policy)];
        self.query("iam", "AttachRolePolicy", "2010-05-08", &parameters).await;
    }

    async fn query(&self, service: &str, action: &str, version: &str, parameters: &[(&str, &str)]) {
        let credential =
            format!("Credential=AKIAIOSFODNN7EXAMPLE/20260301/{REGION}/{service}/aws4_request");
        let form = [&[("Action", action), ("Version", version)], parameters].concat();
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let answer = http::client(Duration::from_secs(30))
            .unwrap()
            .post(&self.url)
            .header(
                "Authorization",
                format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
            )
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{action}: {status} {}", answer.text().await.unwrap());
    }

    fn services(&self) -> Services {
        let aws = Aws {
            region: Some(REGION.to_owned()),
            endpoint_url: Some(self.url.clone()),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned().into()),
            secret_access_key: Some("secret:aws".to_owned().into()),
            ..Aws::default()
        };
        Services { sqs: Provider::Aws, iam: Provider::Aws, aws, ..Services::default() }
    }

    async fn bench(&self, options: Options) -> Bench {
        let settings = json!({
            "queue": self.queue(),
            "dead_letter_queue": self.dead_letters(),
            "role_patterns": [format!("*-{}", self.mark)]
        });
        let bench = Bench::on(options, settings, self.services()).await;
        self.make_roles(&bench.sandbox).await;
        bench
    }

    async fn connection(&self) -> Connection {
        Connection::new(Settings {
            region: Some(REGION.to_owned()),
            endpoint_url: Some(self.url.clone()),
            credentials: Some(Credentials {
                access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret_access_key: "x".into(),
                session_token: None,
            }),
            ..Settings::default()
        })
        .await
    }

    /// The policies on this test's roles, read with a client of their own.
    async fn policies(&self) -> crate::support::Policies {
        let iam = AwsRolePolicies::new(&self.connection().await);
        let mut policies = crate::support::policies(&iam).await;
        policies.retain(|(role, _), _| role.ends_with(&self.mark));
        policies
    }

    async fn assert_in_step(&self, bench: &Bench) {
        let found = self.policies().await.into_keys().collect();
        assert_eq!(crate::support::expected(&bench.sandbox), found);
    }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|it| if plain(it) { (it as char).to_string() } else { format!("%{it:02X}") })
        .collect()
}

/// The template's account is nobody's.
#[test]
fn the_account_of_the_template_is_refused_on_aws_before_anything_runs() {
    let settings = json!({"api_key": "secret:key", "accounts": ["000000000000"], "role_patterns": ["*-consumer"]});
    let settings: stepwell_data_mesh::Settings = serde_json::from_value(settings).unwrap();
    let folder = std::env::temp_dir();
    let embedded = Surroundings::embedded(Arc::new(Keys::from([("key", "k")])), folder);
    assert!(settings.build(&|_| None, &embedded).is_ok());
    let services = Services { iam: Provider::Aws, ..Services::default() };
    let on_aws = Surroundings { services, ..embedded };
    let Err(error) = settings.build(&|_| None, &on_aws) else { panic!("it was taken") };
    assert!(error.to_string().contains("name the AWS accounts"), "{error}");
}

#[tokio::test]
async fn the_life_of_accesses_is_followed_on_aws() {
    let Some(moto) = Moto::find().await else { return };
    let mut bench = moto.bench(Options::default()).await;
    bench.follow().await;
    moto.assert_in_step(&bench).await;
    let (access, role) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(summary["revoked"], 1, "{summary:#}");
    moto.assert_in_step(&bench).await;
    // Drift both ways.
    let iam = AwsRolePolicies::new(&moto.connection().await);
    let (other, _) = an_active(&bench.sandbox);
    let stray = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::x/*"]}]}"#;
    iam.put_role_policy(&role, &policy_name("stray"), stray).await.unwrap();
    let of_other = moto
        .policies()
        .await
        .into_keys()
        .find(|(_, policy)| *policy == policy_name(&other))
        .unwrap();
    iam.delete_role_policy(&of_other.0, &of_other.1).await.unwrap();
    let summary = bench.reconcile().await;
    assert_eq!((&summary["repaired"], &summary["revoked"]), (&json!(1), &json!(1)), "{summary:#}");
    moto.assert_in_step(&bench).await;
    bench.restart();
    assert_eq!(bench.reconcile().await["repaired"], 0);
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_told_and_granted_once_it_does() {
    let Some(moto) = Moto::find().await else { return };
    let bench = moto.bench(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    let consumer = crate::support::consumer_of(&bench.sandbox, &access);
    let role = moto.role("late");
    bench
        .sandbox
        .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", &role))
        .unwrap();
    let summary = bench.follow().await;
    let found = crate::support::result(&summary, &access);
    assert_eq!(found["outcome"], "refused");
    assert!(found["detail"].as_str().unwrap().contains("does not exist"), "{found:#}");
    moto.make_role(&role).await;
    bench.reconcile().await;
    moto.assert_in_step(&bench).await;
}

#[tokio::test]
async fn poison_is_given_up_and_redriven_on_aws() {
    let Some(moto) = Moto::find().await else { return };
    let bench = moto.bench(Options::default()).await;
    bench.follow().await;
    let (access, _) = an_active(&bench.sandbox);
    let body = json!({"id": access, "info": {}});
    let rule = FaultRule::new(Endpoint::GetAccess, HttpFault::ReplaceBody { body });
    bench.sandbox.add_fault(rule.about(format!("/{access}")));
    bench.sandbox.deactivate(&access).unwrap();
    bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    let queue =
        AwsQueue::connect(&moto.connection().await, &moto.queue(), Some(&moto.dead_letters()))
            .await
            .unwrap();
    let dead = queue.dead_letters().await.unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].reason.contains("info.active"), "{}", dead[0].reason);
    bench.sandbox.clear_faults();
    let summary = bench.succeed("data-mesh", json!({"redrive": true})).await;
    assert_eq!(summary["revoked"], 1);
    moto.assert_in_step(&bench).await;
}

/// Without a queue of dead letters nothing is lost, and nobody else is held up.
#[tokio::test]
async fn poison_without_a_dead_letter_queue_is_told_and_comes_again() {
    let Some(moto) = Moto::find().await else { return };
    let mut bench = moto.bench(Options::default()).await;
    bench.restart_with(&json!({"dead_letter_queue": null}));
    bench.follow().await;
    let (access, _) = an_active(&bench.sandbox);
    let body = json!({"id": access, "info": {}});
    let rule = FaultRule::new(Endpoint::GetAccess, HttpFault::ReplaceBody { body });
    bench.sandbox.add_fault(rule.about(format!("/{access}")));
    bench.sandbox.deactivate(&access).unwrap();
    let summary = bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    assert!(
        summary["failures"][0]["cause"].as_str().unwrap().contains("dead-letter queue"),
        "{summary:#}"
    );
    let (other, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&other).unwrap();
    assert_eq!(bench.follow().await["revoked"], 1);
}

/// The budget: 500 calls for a backlog of 10,000 events.
#[tokio::test]
async fn a_backlog_takes_few_calls_of_aws() {
    let Some(moto) = Moto::find().await else { return };
    let bench = moto.bench(Options { agreements: 200, ..Options::default() }).await;
    let first_start = bench.follow().await["aws_requests"].as_u64().unwrap();
    assert!(first_start <= 150, "{first_start} calls for 140 grants");
    bench.sandbox.add_backlog(10_000, 200);
    let summary = bench.follow().await;
    let nothing_new = summary["aws_requests"].as_u64().unwrap() - first_start;
    assert!(nothing_new <= 30, "{nothing_new} calls for nothing that has changed: {summary:#}");
    for agreement in bench.sandbox.agreements().iter().filter(|it| it.active).step_by(2) {
        bench.sandbox.deactivate(&agreement.id).unwrap();
    }
    bench.sandbox.add_backlog(10_000, 200);
    let summary = bench.follow().await;
    let half_ended = summary["aws_requests"].as_u64().unwrap() - first_start - nothing_new;
    assert!(half_ended <= 100, "{half_ended} calls for 70 revocations");
    moto.assert_in_step(&bench).await;
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_made_with_its_dead_letters() {
    let Some(moto) = Moto::find().await else { return };
    let mut bench = moto.bench(Options::default()).await;
    let queue = format!("new-{}.fifo", moto.mark);
    bench.restart_with(&json!({"queue": queue, "dead_letter_queue": null}));
    bench.follow().await;
    moto.assert_in_step(&bench).await;
    let connection = moto.connection().await;
    let dead = format!("new-{}-dead.fifo", moto.mark);
    AwsQueue::connect(&connection, &dead, None).await.unwrap();
    let made = AwsQueue::connect(&connection, &queue, None).await.unwrap();
    assert_eq!(made.dead_letters().await.unwrap(), []);
    // A URL that leads nowhere is no wish for a queue, and is told before anything is read.
    let url = format!("{}/123456789012/nowhere-{}.fifo", moto.url, moto.mark);
    bench.restart_with(&json!({"queue": url}));
    bench.sandbox.forget_requests();
    let summary = bench.fail("data-mesh", json!({}), "Config").await;
    assert!(summary["message"].as_str().unwrap().contains("nowhere"), "{summary:#}");
    assert_eq!(bench.sandbox.log().len(), 0);
}

/// By what they may do, whatever their names are; read one by one and all at once.
#[tokio::test]
async fn roles_of_administrators_are_never_granted_anything() {
    for agreements in [3, 40] {
        let Some(moto) = Moto::find().await else { return };
        let bench = moto.bench(Options { agreements, ..Options::default() }).await;
        let found = bench.sandbox.agreements();
        let mut roles: Vec<_> = found.into_iter().filter_map(|it| it.role).collect();
        roles.sort();
        roles.dedup();
        let everything = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let iam = AwsRolePolicies::new(&moto.connection().await);
        for (at, role) in roles.iter().enumerate() {
            if at % 2 == 1 {
                iam.put_role_policy(role, "theirs", everything).await.unwrap();
            } else {
                moto.attach(role, "arn:aws:iam::aws:policy/AdministratorAccess").await;
            }
        }
        let summary = bench.follow().await;
        assert_eq!(summary["granted"], 0, "{summary:#}");
        let refused = summary["results"].as_array().unwrap().iter();
        let details: Vec<_> = refused
            .filter(|it| it["outcome"] == "refused")
            .map(|it| it["detail"].as_str().unwrap())
            .collect();
        assert!(!details.is_empty(), "{summary:#}");
        assert!(details.iter().all(|it| it.contains("an administrator's, by its policy")));
        let ours = moto.policies().await.into_keys().filter(|(_, policy)| policy != "theirs");
        assert_eq!(ours.count(), 0);
    }
}
