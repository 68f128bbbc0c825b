"""Quality control of streams by the Lambdas in `lambdas/qc`: makes what they need, runs their state machine, and prints what came of
it, without what differs from run to run.

`qc_client.py STEPWELL SERVICES REGION SUFFIX`: the address of stepwell; of the services, which may be another; where they are; what
the names of tables and buckets end with.
"""

import json
import sys
import time
from pathlib import Path

import boto3

STEPWELL, SERVICES, REGION, SUFFIX = sys.argv[1:]
ROLE = "arn:aws:iam::000000000000:role/any"
BUCKET, TOPIC = f"qc-{SUFFIX}", f"qc-summary-{SUFFIX}"
SUMMARY, DETAILS = f"QCSummary-{SUFFIX}", f"QCDetails-{SUFFIX}"
DEFINITION = Path(__file__).with_name("lambdas").joinpath("qc.asl.json").read_text()
GOOD = "time,value\n" + "".join(f"2026-03-01T00:{minute:02}:00Z,10.{minute}\n" for minute in range(0, 60, 10))
BAD = """time,value
2026-03-01T00:00:00Z,10
2026-03-01T00:10:00Z,10.1
2026-03-01T00:20:00Z,
2026-03-01T00:30:00Z,10.2
2026-03-01T00:40:00Z,30.5
2026-03-01T00:50:00Z,10.3
2026-03-01T00:50:00Z,10.3
"""


def client(service, address=SERVICES):
    key = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=address, region_name=REGION, **key)


def make_table(name, keys):
    schema = [{"AttributeName": key, "KeyType": kind} for (key, _), kind in zip(keys, ("HASH", "RANGE"))]
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        KeySchema=schema,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in keys],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def prepare():
    """The tables, the bucket with the series, and a queue that hears what the topic is told."""
    make_table(SUMMARY, [("GroupID", "S"), ("StartTime", "S")])
    make_table(DETAILS, [("QCPID", "S"), ("ErrorNumber", "N")])
    s3 = client("s3")
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket=BUCKET, **({} if REGION == "us-east-1" else elsewhere))
    s3.get_waiter("bucket_exists").wait(Bucket=BUCKET)
    for name, series in (("good", GOOD), ("bad", BAD)):
        s3.put_object(Bucket=BUCKET, Key=f"{name}.csv", Body=series.encode())
        s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key=f"{name}.csv")
    topic = client("sns").create_topic(Name=TOPIC)["TopicArn"]
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName=TOPIC)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, queue


def create_machine(topic):
    functions = client("stepfunctions", STEPWELL)
    definition = DEFINITION.replace("${SummaryTopic}", topic)
    return functions.create_state_machine(name="qc", definition=definition, roleArn=ROLE)["stateMachineArn"]


def run(machine, given):
    functions = client("stepfunctions", STEPWELL)
    execution = functions.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    while (shown := functions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.05)
    return shown, functions.get_execution_history(executionArn=execution)["events"]


def told(queue):
    sqs = client("sqs")
    while not (messages := sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages")):
        pass
    [message] = messages
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return json.loads(json.loads(message["Body"])["Message"])


def judged(machine, queue, stream):
    """What all places say about a stream that was looked at to the end."""
    source = {"Bucket": BUCKET, "Key": f"{stream}.csv"}
    shown, events = run(machine, {"GroupID": "buoys", "StreamID": stream, "Source": source})
    assert shown["status"] == "SUCCEEDED", shown
    output = json.loads(shown["output"])
    assert output["Published"].pop("MessageId"), output
    dynamodb, s3 = client("dynamodb"), client("s3")
    key = {"GroupID": {"S": "buoys"}, "StartTime": {"S": output["StartTime"]}}
    record = dynamodb.get_item(TableName=SUMMARY, Key=key, ConsistentRead=True)["Item"]
    report = s3.get_object(Bucket=BUCKET, Key=output["Report"])
    message = told(queue)
    for found in (record["QCPID"]["S"], report["Metadata"]["run"], message["QCPID"]):
        assert found == output["QCPID"], (found, output)
    assert message["StartTime"] == record["StartTime"]["S"] == output["StartTime"]
    for document in (record, message, output):
        document.pop("QCPID"), document.pop("StartTime")
    return {
        "output": {name: value for name, value in output.items() if name != "Published"},
        "record": dict(sorted(record.items())),
        "message": message,
        "report": json.loads(report["Body"].read()),
        "type": report["ContentType"],
        "states": sorted(event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event),
    }


def refused(machine, given):
    """How a run ends whose function fails."""
    shown, _ = run(machine, {"GroupID": "buoys", "StreamID": "good", **given})
    cause = json.loads(shown["cause"])
    assert cause["stackTrace"] and cause["requestId"], cause
    return {"status": shown["status"], "error": shown["error"], "message": cause["errorMessage"], "type": cause["errorType"]}


topic, queue = prepare()
machine = create_machine(topic)
good = {"Source": {"Bucket": BUCKET, "Key": "good.csv"}, "StartTime": "2026-03-01T00:00:00"}
result = {
    "good": judged(machine, queue, "good"),
    "bad": judged(machine, queue, "bad"),
    "first": run(machine, good | {"GroupID": "twice", "StreamID": "good"})[0]["status"],
    "again": refused(machine, good | {"GroupID": "twice"}),
    "missing": refused(machine, {"Source": {"Bucket": BUCKET, "Key": "none.csv"}}),
    "invalid": refused(machine, {"Source": "none.csv"}),
}
print(json.dumps(result, indent=1))
