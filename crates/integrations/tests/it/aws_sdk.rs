//! `aws-sdk` integrations of services that are not embedded, against the double of AWS.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_integrations::aws::{AwsService, catalogue, facts};
use stepwell_integrations::service::{Origin, Service};
use stepwell_integrations::task::Integrations;
use stepwell_task::TaskOutcome;

use crate::support::{self, Scripted, Time, connection, moto, unique};

/// These services at AWS, behind resources.
async fn integrations(endpoint_url: &str, services: &[&str]) -> Integrations {
    let connection = connection(endpoint_url).await;
    let service = |name: &&str| -> Arc<dyn Service> {
        Arc::new(AwsService::new(&connection, facts(name).unwrap()).unwrap())
    };
    let origin = Origin { base_url: String::new() };
    let services = services.iter().map(service).collect();
    Integrations { services, origin, clock: Time::manual().clock() }
}

async fn perform(integrations: &Integrations, action: &str, parameters: Value) -> TaskOutcome {
    let resource = format!("arn:aws:states:::aws-sdk:{action}");
    support::perform(integrations, &resource, parameters).await
}

async fn succeed(integrations: &Integrations, action: &str, parameters: Value) -> Value {
    match perform(integrations, action, parameters).await {
        TaskOutcome::Succeeded(output) => (*output).clone(),
        TaskOutcome::Failed(failure) => panic!("{action}: {failure:?}"),
    }
}

/// Error and cause.
async fn fail(integrations: &Integrations, action: &str, parameters: Value) -> (String, String) {
    match perform(integrations, action, parameters).await {
        TaskOutcome::Succeeded(output) => panic!("{action}: {output}"),
        TaskOutcome::Failed(failure) => (failure.error, failure.cause.unwrap_or_default()),
    }
}

#[tokio::test]
async fn what_kms_does_not_have_is_an_error_of_its_own() {
    let Some(moto) = moto() else { return };
    let kms = integrations(&moto, &["kms"]).await;
    let (error, cause) = fail(&kms, "kms:describeKey", json!({"KeyId": unique("none")})).await;
    assert_eq!(error, "Kms.NotFoundException");
    assert!(cause.contains("(Service: Kms, Status Code: 400, Request ID: "), "{cause}");
    assert!(cause.ends_with("(SDK Attempt Count: 1)"), "{cause}");
}

#[tokio::test]
async fn texts_are_encrypted_and_decrypted_by_kms() {
    let Some(moto) = moto() else { return };
    let kms = integrations(&moto, &["kms"]).await;
    let key = succeed(&kms, "kms:createKey", json!({"Description": "of a test"})).await;
    let id = &key["KeyMetadata"]["KeyId"];
    // An instant, not the number that it is on the wire.
    let created = key["KeyMetadata"]["CreationDate"].as_str().unwrap();
    assert!(created.parse::<jiff::Timestamp>().is_ok(), "{created}");
    let alias = format!("alias/{}", unique("key"));
    succeed(&kms, "kms:createAlias", json!({"AliasName": alias, "TargetKeyId": id})).await;
    let text = json!({"KeyId": alias, "Plaintext": "hällo", "EncryptionContext": {"a": "b"}});
    let encrypted = succeed(&kms, "kms:encrypt", text).await;
    assert!(encrypted["CiphertextBlob"].is_string(), "{encrypted}");
    let mac = json!({"KeyId": id, "Description": "changed"});
    assert_eq!(succeed(&kms, "kms:updateKeyDescription", mac).await, json!({}));
}

#[tokio::test]
async fn records_go_into_a_stream_and_come_out() {
    let Some(moto) = moto() else { return };
    let kinesis = integrations(&moto, &["kinesis"]).await;
    let name = unique("orders");
    let create = json!({"StreamName": name, "ShardCount": 1});
    assert_eq!(succeed(&kinesis, "kinesis:createStream", create).await, json!({}));
    let put = json!({"StreamName": name, "PartitionKey": "k", "Data": {"id": 1}});
    let put = succeed(&kinesis, "kinesis:putRecord", put).await;
    assert_eq!(put["ShardId"], "shardId-000000000000");
    let at = json!({
        "StreamName": name, "ShardId": put["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = succeed(&kinesis, "kinesis:getShardIterator", at).await;
    let records = succeed(&kinesis, "kinesis:getRecords", iterator).await;
    assert_eq!(records["Records"][0]["Data"], r#"{"id":1}"#);
    let (error, _) =
        fail(&kinesis, "kinesis:describeStream", json!({"StreamName": unique("none")})).await;
    assert_eq!(error, "Kinesis.ResourceNotFoundException");
}

#[tokio::test]
async fn a_service_with_small_letters_is_called_with_capital_ones() {
    let Some(moto) = moto() else { return };
    let ecs = integrations(&moto, &["ecs"]).await;
    let name = unique("cluster");
    let tags = json!([{"Key": "owner", "Value": "x"}]);
    let created =
        succeed(&ecs, "ecs:createCluster", json!({"ClusterName": name, "Tags": tags})).await;
    assert_eq!(created["Cluster"]["ClusterName"], json!(name));
    assert_eq!(created["Cluster"]["Tags"], tags);
    let (error, _) = fail(&ecs, "ecs:listTasks", json!({"Cluster": unique("none")})).await;
    assert_eq!(error, "Ecs.ClusterNotFoundException");
}

#[tokio::test]
async fn databases_of_glue_and_queries_of_athena_are_reached() {
    let Some(moto) = moto() else { return };
    let both = integrations(&moto, &["glue", "athena"]).await;
    let name = unique("lake").replace('-', "_");
    succeed(&both, "glue:createDatabase", json!({"DatabaseInput": {"Name": name}})).await;
    let found = succeed(&both, "glue:getDatabase", json!({"Name": name})).await;
    assert_eq!(found["Database"]["Name"], json!(name));
    let (error, _) = fail(&both, "glue:getDatabase", json!({"Name": "none"})).await;
    assert_eq!(error, "Glue.EntityNotFoundException");
    let groups = succeed(&both, "athena:listWorkGroups", json!({})).await;
    assert_eq!(groups["WorkGroups"][0]["Name"], "primary");
}

#[tokio::test]
async fn what_is_sent_is_signed_for_the_service_and_has_its_names() {
    let server = Scripted::start(&[(200, r#"{"images": [], "failures": []}"#)]).await;
    let ecr = integrations(&server.url, &["ecr"]).await;
    let ask = json!({"RepositoryName": "r", "ImageIds": [{"ImageTag": "latest"}]});
    let answer = succeed(&ecr, "ecr:batchGetImage", ask).await;
    assert_eq!(answer, json!({"Images": [], "Failures": []}));
    let sent: Value = serde_json::from_str(&server.asked()[0]).unwrap();
    assert_eq!(sent, json!({"repositoryName": "r", "imageIds": [{"imageTag": "latest"}]}));
    let head = server.heads()[0].to_lowercase();
    let target = "x-amz-target: amazonec2containerregistry_v20150921.batchgetimage";
    assert!(head.contains(target), "{head}");
    assert!(head.contains("/eu-central-1/ecr/aws4_request"), "{head}");
}

#[tokio::test]
async fn actions_and_members_that_aws_does_not_have_are_refused_beforehand() {
    let kms = integrations("http://127.0.0.1:1", &["kms"]).await;
    let resource = |action: &str| format!("arn:aws:states:::aws-sdk:kms:{action}");
    let refused = kms.route(&resource("encript")).unwrap().map(drop).unwrap_err();
    assert_eq!(refused.reason, "`kms` has no action `encript`");
    assert!(kms.route(&resource("Encrypt")).unwrap().is_err());
    assert!(kms.route(&resource("encrypt.sync")).unwrap().is_err());
    let misfits = kms.misfits(&resource("encrypt"), &["KeyId", "PlainText"]).unwrap();
    let texts: Vec<_> = misfits.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["The field \"PlainText\" is not supported by Step Functions"]);
}

#[test]
fn services_with_other_protocols_are_known_and_not_called() {
    for (name, protocol) in
        [("lambda", "rest-json"), ("s3", "rest-xml"), ("ec2", "ec2"), ("rds", "query")]
    {
        assert_eq!(catalogue::find(name).unwrap().protocol, protocol);
        assert!(facts(name).is_none(), "{name}");
    }
}
