//! Services behind resources of Task states: what comes back, and what is refused.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_integrations::aws::catalogue;
use stepwell_integrations::installation::EMBEDDED;
use stepwell_integrations::service::Origin;
use stepwell_integrations::task::Integrations;
use stepwell_task::{TaskFailure, TaskOutcome};

use crate::support::{self, Embedded, Time};

struct Fixture {
    integrations: Integrations,
    embedded: Embedded,
}

impl Fixture {
    async fn start() -> Self {
        let time = Time::manual();
        let embedded = Embedded::start(&time).await;
        let origin = Origin { base_url: embedded.url.clone() };
        let services = Arc::clone(&embedded.services);
        Self { integrations: Integrations { services, origin, clock: time.clock() }, embedded }
    }

    async fn perform(&self, resource: &str, parameters: Value) -> TaskOutcome {
        support::perform(&self.integrations, resource, parameters).await
    }

    async fn succeed(&self, resource: &str, parameters: Value) -> Value {
        match self.perform(resource, parameters).await {
            TaskOutcome::Succeeded(output) => (*output).clone(),
            TaskOutcome::Failed(failure) => panic!("{failure:?}"),
        }
    }

    async fn fail(&self, resource: &str, parameters: Value) -> TaskFailure {
        match self.perform(resource, parameters).await {
            TaskOutcome::Succeeded(output) => panic!("{output}"),
            TaskOutcome::Failed(failure) => failure,
        }
    }

    async fn queue(&self) -> String {
        let resource = "arn:aws:states:::aws-sdk:sqs:createQueue";
        let created = self.succeed(resource, json!({"QueueName": "jobs"})).await;
        assert_eq!(
            created,
            json!({"QueueUrl": format!("{}/111111111111/jobs", self.embedded.url)})
        );
        created["QueueUrl"].as_str().unwrap().to_owned()
    }
}

const SEND: &str = "arn:aws:states:::sqs:sendMessage";

/// The text between two others in a cause, for instance the id of a request.
fn without_id(cause: &str) -> String {
    let (before, id) = cause.split_once("Request ID: ").unwrap();
    let end = id.find([';', ')']).unwrap();
    format!("{before}Request ID: ..{}", &id[end..])
}

#[tokio::test]
async fn what_nobody_does_is_refused_by_its_name() {
    let fixture = Fixture::start().await;
    let route = |resource: &str| fixture.integrations.route(resource).map(|it| it.map(drop));
    for resource in [
        "arn:aws:states:::sqs:receiveMessage",
        "arn:aws:states:::sqs:SendMessage",
        "arn:aws:states:::sqs:sendMessage.sync",
        "arn:aws:states:::aws-sdk:sqs:startMessageMoveTask",
    ] {
        let error = route(resource).unwrap().unwrap_err();
        assert_eq!(error.resource, resource);
        assert!(error.reason.contains("sendMessage"), "{error}");
    }
    assert!(route("arn:aws:states:::glue:startJobRun").is_none());
    assert!(route("arn:aws:states:::sqs:sendMessage.waitForTaskToken").unwrap().is_ok());
}

#[tokio::test]
async fn a_message_without_a_body_is_refused_as_recorded() {
    let fixture = Fixture::start().await;
    let url = fixture.queue().await;
    let failure = fixture.fail(SEND, json!({"QueueUrl": url})).await;
    assert_eq!(failure.error, "SQS.AmazonSQSException");
    let cause = "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; Error Code: \
        MissingParameter; Request ID: ..; Proxy: null)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
    let failure = fixture.fail(SEND, json!({"QueueUrl": url, "Other": 1})).await;
    assert!(failure.cause.unwrap().contains("'Other'"));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named_by_both_kinds() {
    let fixture = Fixture::start().await;
    let parameters = json!({"QueueUrl": "http://localhost/111111111111/none", "MessageBody": "a"});
    let failure = fixture.fail(SEND, parameters.clone()).await;
    assert_eq!(failure.error, "SQS.QueueDoesNotExistException");
    let failure = fixture.fail("arn:aws:states:::aws-sdk:sqs:sendMessage", parameters).await;
    assert_eq!(failure.error, "Sqs.QueueDoesNotExistException");
    let cause = "The specified queue does not exist. (Service: Sqs, Status Code: 400, Request ID: ..) (SDK Attempt Count: 1)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
}

#[tokio::test]
async fn a_message_that_is_no_text_is_sent_as_json_and_the_answer_is_told() {
    let fixture = Fixture::start().await;
    let url = fixture.queue().await;
    let attributes = json!({
        "a": {"DataType": "String", "StringValue": "Hello"},
    });
    let parameters =
        json!({"QueueUrl": url, "MessageBody": {"k": [1, true]}, "MessageAttributes": attributes});
    let output = fixture.succeed(SEND, parameters).await;
    // The lengths that AWS tells.
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "166");
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Date"], "Sun, 01 Mar 2026 09:00:00 GMT");
    let request_id = &output["SdkResponseMetadata"]["RequestId"];
    assert_eq!(&output["SdkHttpMetadata"]["AllHttpHeaders"]["x-amzn-RequestId"][0], request_id);
    let plain = fixture.succeed(SEND, json!({"QueueUrl": url, "MessageBody": "b"})).await;
    assert_eq!(plain["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "106");
    let receive = "arn:aws:states:::aws-sdk:sqs:receiveMessage";
    let received =
        fixture.succeed(receive, json!({"QueueUrl": url, "MaxNumberOfMessages": 10})).await;
    assert_eq!(received["Messages"][0]["Body"], r#"{"k":[1,true]}"#);
    assert_eq!(received["Messages"][0]["MessageId"], output["MessageId"]);
}

const PUBLISH: &str = "arn:aws:states:::sns:publish";

impl Fixture {
    async fn topic(&self, name: &str, attributes: Value) -> Value {
        let resource = "arn:aws:states:::aws-sdk:sns:createTopic";
        let created = self.succeed(resource, json!({"Name": name, "Attributes": attributes})).await;
        created["TopicArn"].clone()
    }
}

#[tokio::test]
async fn a_message_without_a_group_is_refused_by_a_fifo_topic_as_recorded() {
    let fixture = Fixture::start().await;
    let topic = fixture.topic("t.fifo", json!({"FifoTopic": "true"})).await;
    let failure = fixture.fail(PUBLISH, json!({"TopicArn": topic, "Message": {"a": 1}})).await;
    assert_eq!(failure.error, "SNS.InvalidParameterException");
    let cause = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics (Service: AmazonSNS; Status Code: 400; \
        Error Code: InvalidParameter; Request ID: ..; Proxy: null)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
    let nowhere = json!({"TopicArn": format!("{}x", topic.as_str().unwrap()), "Message": "a"});
    assert_eq!(fixture.fail(PUBLISH, nowhere).await.error, "SNS.NotFoundException");
}

#[tokio::test]
async fn what_is_published_reaches_the_queue_and_the_answer_is_told() {
    let fixture = Fixture::start().await;
    let (url, topic) = (fixture.queue().await, fixture.topic("t", json!({})).await);
    let subscription = json!({
        "TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:111111111111:jobs",
        "Attributes": {"RawMessageDelivery": "true"},
    });
    fixture.succeed("arn:aws:states:::aws-sdk:sns:subscribe", subscription).await;
    let output = fixture.succeed(PUBLISH, json!({"TopicArn": topic, "Message": {"a": 1}})).await;
    // The length that AWS tells.
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "294");
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"], "text/xml");
    let receive = "arn:aws:states:::aws-sdk:sqs:receiveMessage";
    let received = fixture.succeed(receive, json!({"QueueUrl": url})).await;
    assert_eq!(received["Messages"][0]["Body"], r#"{"a":1}"#);
    let fifo = fixture.topic("t.fifo", json!({"FifoTopic": "true"})).await;
    let message = json!({
        "TopicArn": fifo, "Message": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d",
    });
    let first = fixture.succeed(PUBLISH, message.clone()).await;
    assert_eq!(first["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "352");
    let again = fixture.succeed(PUBLISH, message).await;
    assert_eq!(
        (&again["MessageId"], &again["SequenceNumber"]),
        (&first["MessageId"], &first["SequenceNumber"])
    );
}

#[tokio::test]
async fn an_entry_that_failed_fails_the_task_as_recorded() {
    let fixture = Fixture::start().await;
    let put = "arn:aws:states:::events:putEvents";
    let entry = |detail: Value| json!({"Source": "s", "DetailType": "t", "Detail": detail});
    let failure = fixture.fail(put, json!({"Entries": [entry(json!("\"text\""))]})).await;
    assert_eq!(failure.error, "EventBridge.FailedEntry");
    let cause: Value = serde_json::from_str(&failure.cause.unwrap()).unwrap();
    let entries = [json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})];
    assert_eq!(cause, json!({"Entries": entries, "FailedEntryCount": 1}));
    let output = fixture.succeed(put, json!({"Entries": [entry(json!({"a": 1}))]})).await;
    assert_eq!(output["FailedEntryCount"], 0);
    assert_eq!(output.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn secrets_and_identity_are_there_for_tasks_too() {
    let fixture = Fixture::start().await;
    let list = "arn:aws:states:::aws-sdk:secretsmanager:listSecrets";
    assert_eq!(fixture.succeed(list, json!({})).await, json!({"SecretList": []}));
    let identity =
        fixture.succeed("arn:aws:states:::aws-sdk:sts:getCallerIdentity", json!({})).await;
    assert_eq!(identity["Account"], "111111111111");
    let get = "arn:aws:states:::aws-sdk:ssm:getParameter";
    assert_eq!(
        fixture.fail(get, json!({"Name": "none"})).await.error,
        "Ssm.ParameterNotFoundException"
    );
}

const ITEM: &str = "arn:aws:states:::dynamodb:";

impl Fixture {
    async fn table(&self, name: &str) {
        let create = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        });
        self.succeed("arn:aws:states:::aws-sdk:dynamodb:createTable", create).await;
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named_by_both_kinds_as_recorded() {
    let fixture = Fixture::start().await;
    let put = json!({"TableName": "none", "Item": {"id": {"S": "a"}}});
    let failure = fixture.fail(&format!("{ITEM}putItem"), put.clone()).await;
    assert_eq!(failure.error, "DynamoDB.ResourceNotFoundException");
    let cause = "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; \
        Request ID: ..; Proxy: null)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
    let failure = fixture.fail("arn:aws:states:::aws-sdk:dynamodb:putItem", put).await;
    assert_eq!(failure.error, "DynamoDb.ResourceNotFoundException");
}

#[tokio::test]
async fn what_dynamodb_does_not_take_is_told_as_recorded() {
    let fixture = Fixture::start().await;
    let bad = json!({"TableName": "/bad", "Item": {"id": {"S": "a"}}});
    let failure = fixture.fail(&format!("{ITEM}putItem"), bad).await;
    assert_eq!(failure.error, "DynamoDB.AmazonDynamoDBException");
    let cause = "1 validation error detected: Value '/bad' at 'tableName' failed to satisfy constraint: Member must satisfy regular \
        expression pattern: [a-zA-Z0-9_.-]+ (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: \
        ..; Proxy: null)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
    let put = "arn:aws:states:::aws-sdk:dynamodb:putItem";
    let failure = fixture.fail(put, json!({"TableName": "orders", "Item": null})).await;
    assert_eq!(failure.error, "DynamoDb.DynamoDbException");
    let cause = "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null \
        (Service: DynamoDb, Status Code: 400, Request ID: ..)";
    assert_eq!(without_id(&failure.cause.unwrap()), cause);
}

#[tokio::test]
async fn an_item_is_put_changed_and_got_and_the_answer_is_told_as_recorded() {
    let fixture = Fixture::start().await;
    fixture.table("orders").await;
    let item = json!({"data": {"S": "HelloWorld"}, "id": {"S": "id1"}});
    let put = json!({"TableName": "orders", "Item": item});
    let output = fixture.succeed(&format!("{ITEM}putItem"), put).await;
    let headers = &output["SdkHttpMetadata"]["HttpHeaders"];
    // The lengths that AWS tells.
    assert_eq!((&headers["Content-Length"], &headers["Server"]), (&json!("2"), &json!("Server")));
    // Of `{}`, as AWS sends it.
    assert_eq!(headers["x-amz-crc32"], "2745614147");
    let update = json!({
        "TableName": "orders", "Key": {"id": {"S": "id1"}}, "UpdateExpression": "set S=:r", "ReturnValues": "UPDATED_NEW",
        "ExpressionAttributeValues": {":r": {"S": "HelloWorldUpdated"}},
    });
    let output = fixture.succeed(&format!("{ITEM}updateItem"), update).await;
    assert_eq!(output["Attributes"], json!({"S": {"S": "HelloWorldUpdated"}}));
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "46");
    let key = json!({"TableName": "orders", "Key": {"id": {"S": "id1"}}});
    let output = fixture.succeed(&format!("{ITEM}getItem"), key.clone()).await;
    assert_eq!(output["Item"]["data"], json!({"S": "HelloWorld"}));
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "83");
    let query = json!({
        "TableName": "orders", "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "id1"}},
    });
    let found = fixture.succeed("arn:aws:states:::aws-sdk:dynamodb:query", query).await;
    assert_eq!((&found["Count"], &found["ScannedCount"]), (&json!(1), &json!(1)));
    fixture.succeed(&format!("{ITEM}deleteItem"), key.clone()).await;
    let sdk = "arn:aws:states:::aws-sdk:dynamodb:getItem";
    assert_eq!(fixture.succeed(sdk, key).await, json!({}));
}

#[tokio::test]
async fn what_s3_has_not_is_told_as_recorded() {
    let fixture = Fixture::start().await;
    let list = "arn:aws:states:::aws-sdk:s3:listObjects";
    let failure = fixture.fail(list, json!({"Bucket": "someNonexistentBucketName"})).await;
    assert_eq!(failure.error, "S3.NoSuchBucketException");
    let cause = failure.cause.unwrap();
    let start = "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: ";
    assert!(cause.starts_with(start) && cause.contains(", Extended Request ID: "), "{cause}");
    assert!(cause.ends_with(')') && !cause.contains("Attempt"), "{cause}");
    fixture.succeed("arn:aws:states:::aws-sdk:s3:createBucket", json!({"Bucket": "raw"})).await;
    let get = "arn:aws:states:::aws-sdk:s3:getObject";
    let failure = fixture.fail(get, json!({"Bucket": "raw", "Key": "no_such_key.json"})).await;
    assert_eq!(failure.error, "S3.NoSuchKeyException");
    assert!(failure.cause.unwrap().starts_with("The specified key does not exist. (Service: S3, "));
    let failure = fixture.fail(get, json!({"Bucket": "raw", "Key": "a", "Other": 1})).await;
    assert!(failure.cause.unwrap().contains("Other"));
}

#[tokio::test]
async fn an_object_is_put_as_json_and_got_as_text_as_recorded() {
    let fixture = Fixture::start().await;
    fixture.succeed("arn:aws:states:::aws-sdk:s3:createBucket", json!({"Bucket": "raw"})).await;
    let put = json!({"Bucket": "raw", "Key": "a/b.json", "Body": {"Dict": "Value"}});
    let output = fixture.succeed("arn:aws:states:::aws-sdk:s3:putObject", put).await;
    let expected = json!({
        "ChecksumCRC32": "hnEfWw==", "ChecksumType": "FULL_OBJECT", "ETag": "\"49e31cee5aec8faf3345893addb14346\"",
        "ServerSideEncryption": "AES256",
    });
    assert_eq!(output, expected);
    let get = json!({"Bucket": "raw", "Key": "a/b.json"});
    let output = fixture.succeed("arn:aws:states:::aws-sdk:s3:getObject", get).await;
    let expected = json!({
        "AcceptRanges": "bytes", "Body": "{\"Dict\":\"Value\"}", "ContentLength": 16, "ContentType": "binary/octet-stream",
        "ETag": "\"49e31cee5aec8faf3345893addb14346\"", "LastModified": "2026-03-01T09:00:00Z", "Metadata": {},
        "ServerSideEncryption": "AES256",
    });
    assert_eq!(output, expected);
    let list = json!({"Bucket": "raw", "Prefix": "a/"});
    let listed = fixture.succeed("arn:aws:states:::aws-sdk:s3:listObjectsV2", list).await;
    assert_eq!(
        (&listed["KeyCount"], &listed["Contents"][0]["Key"]),
        (&json!(1), &json!("a/b.json"))
    );
}

#[tokio::test]
async fn members_are_known_before_a_task_runs() {
    let fixture = Fixture::start().await;
    let misfits = |resource: &str, given: &[&str]| -> Vec<String> {
        let resource = format!("arn:aws:states:::{resource}");
        let found = fixture.integrations.misfits(&resource, given).unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    let fits: [(&str, &[&str]); 8] = [
        ("sqs:sendMessage", &["QueueUrl", "MessageBody", "DelaySeconds"]),
        ("sqs:sendMessage.waitForTaskToken", &["QueueUrl", "MessageBody", "MessageGroupId"]),
        ("sns:publish", &["TopicArn", "Message", "MessageAttributes"]),
        ("dynamodb:updateItem", &["TableName", "Key", "UpdateExpression", "ReturnValues"]),
        ("events:putEvents", &["Entries"]),
        ("aws-sdk:sqs:receiveMessage", &["QueueUrl", "WaitTimeSeconds"]),
        ("aws-sdk:cloudwatchlogs:putLogEvents", &["LogGroupName", "LogStreamName", "LogEvents"]),
        ("aws-sdk:secretsmanager:getSecretValue", &["SecretId"]),
    ];
    for (resource, given) in fits {
        assert_eq!(misfits(resource, given), Vec::<String>::new(), "{resource}");
    }
    let of_aws =
        |member: &str| format!("The field \"{member}\" is not supported by Step Functions");
    let of_stepwell = |member: &str, of: &str| {
        format!("The field \"{member}\" of {of} is not supported by stepwell")
    };
    let missing = |member: &str| format!("The field '{member}' is required but was missing");
    assert_eq!(
        misfits("sqs:sendMessage", &["queueUrl", "MessageSystemAttributes"]),
        [
            of_aws("queueUrl"),
            of_stepwell("MessageSystemAttributes", "sqs:sendMessage"),
            missing("MessageBody"),
            missing("QueueUrl"),
        ]
    );
    assert_eq!(
        misfits("sns:publish", &["PhoneNumber", "Message"]),
        [of_stepwell("PhoneNumber", "sns:publish")]
    );
    assert_eq!(
        misfits("dynamodb:getItem", &["TableName", "Key", "AttributesToGet", "Segment"]),
        [of_aws("Segment")]
    );
    assert_eq!(
        misfits("aws-sdk:dynamodb:putItem", &["TableName", "Expected", "item"]),
        [of_aws("item")]
    );
    assert_eq!(
        misfits("aws-sdk:s3:getObject", &["Bucket", "Key", "Range", "VersionId", "Path"]),
        [of_stepwell("VersionId", "aws-sdk:s3:getObject"), of_aws("Path")]
    );
    let tagging = ["Bucket", "Key", "Tagging"];
    assert_eq!(misfits("aws-sdk:s3:putObjectTagging", &tagging), Vec::<String>::new());
    assert_eq!(misfits("aws-sdk:sqs:sendMessage", &[]), Vec::<String>::new());
}

#[test]
fn every_action_of_an_embedded_service_is_one_of_aws_and_tells_its_members() {
    for facts in EMBEDDED {
        let Some(model) = catalogue::find(&facts.sdk_service()) else {
            assert_eq!(facts.name, "http");
            continue;
        };
        for action in facts.actions {
            assert!(model.actions.contains_key(action), "{}:{action}", facts.name);
            assert!((facts.members)(action).is_some(), "{}:{action}", facts.name);
        }
    }
}

#[tokio::test]
async fn members_of_logs_are_spelled_as_definitions_spell_them() {
    let fixture = Fixture::start().await;
    let call = |action: &str| format!("arn:aws:states:::aws-sdk:cloudwatchlogs:{action}");
    let group = json!({"LogGroupName": "g", "Tags": {"owner": "x"}});
    fixture.succeed(&call("createLogGroup"), group.clone()).await;
    let failure = fixture.fail(&call("createLogGroup"), group).await;
    assert_eq!(failure.error, "CloudWatchLogs.ResourceAlreadyExistsException");
    let described = fixture.succeed(&call("describeLogGroups"), json!({})).await;
    assert_eq!(described["LogGroups"][0]["LogGroupName"], "g");
    assert!(fixture.integrations.route("arn:aws:states:::aws-sdk:logs:createLogGroup").is_none());
}
