"""What ordinary boto3 code does with the services that `stepwell serve` answers for, from outside, from a Lambda function and
from Task states."""

import io
import json
import sys
import textwrap
import time
import zipfile

import boto3

ROLE = "arn:aws:iam::000000000000:role/any"
HANDLER = textwrap.dedent(
    """
    import os
    import boto3

    def handler(event, context):
        secret = boto3.client("secretsmanager").get_secret_value(SecretId="db")["SecretString"]
        flag = boto3.client("ssm").get_parameter(Name="/app/flag")["Parameter"]["Value"]
        sent = boto3.resource("sqs").get_queue_by_name(QueueName="jobs").send_message(MessageBody=event["text"])
        account = boto3.client("sts").get_caller_identity()["Account"]
        return {"secret": len(secret), "flag": flag, "account": account, "message": sent["MessageId"]}
    """
)


def client(service):
    return boto3.client(
        service,
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def package(source):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


def run(name, definition, given):
    """The output of an execution, or its error."""
    functions = client("stepfunctions")
    machine = functions.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    arn = machine["stateMachineArn"]
    execution = functions.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]
    while (shown := functions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.02)
    return json.loads(shown["output"]) if "output" in shown else shown


def task(resource, parameters):
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return {"StartAt": "A", "States": {"A": state}}


def received(url):
    sqs = client("sqs")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in messages]


def prepare():
    url = client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    client("secretsmanager").create_secret(Name="db", SecretString="hunter2-hunter2")
    client("ssm").put_parameter(Name="/app/flag", Value="on", Type="String")
    client("lambda").create_function(
        FunctionName="uses-services",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=60,
        Code={"ZipFile": package(HANDLER)},
    )
    return url


def check_function(url):
    invoke = task("arn:aws:states:::lambda:invoke", {"FunctionName": "uses-services", "Payload.$": "$"})
    output = run("calls-function", invoke, {"text": "from a function"})
    assert "Payload" in output, output
    payload = output["Payload"]
    assert payload["secret"] == 15 and payload["flag"] == "on", payload
    assert payload["account"] == "000000000000", payload
    assert received(url) == ["from a function"]


def check_tasks(url):
    output = run("sends", task("arn:aws:states:::sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$"}), {"a": 1})
    assert output["MessageId"], output
    assert received(url) == ['{"a":1}']

    sns = client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    queue = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    run("publishes", task("arn:aws:states:::sns:publish", {"TopicArn": topic, "Message": "hello"}), {})
    assert received(url) == ["hello"]

    output = run("reads", task("arn:aws:states:::aws-sdk:ssm:getParameter", {"Name": "/app/flag"}), {})
    assert output["Parameter"]["Value"] == "on", output
    missing = run("misses", task("arn:aws:states:::aws-sdk:ssm:getParameter", {"Name": "/none"}), {})
    assert missing["error"] == "Ssm.ParameterNotFoundException", missing

    events = client("events")
    events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": queue}])
    entry = {"Source": "shop", "DetailType": "order", "Detail": {"n": 1}}
    run("emits", task("arn:aws:states:::events:putEvents", {"Entries": [entry]}), {})
    assert [json.loads(body)["detail"] for body in received(url)] == [{"n": 1}]


def check_rules(url):
    """Events start a state machine and a function, each with its own part of them."""
    events, functions = client("events"), client("stepfunctions")
    sends = task("arn:aws:states:::sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$.order"})
    machine = functions.create_state_machine(name="by-rule", definition=json.dumps(sends), roleArn=ROLE)
    function = client("lambda").get_function(FunctionName="uses-services")["Configuration"]["FunctionArn"]
    transformer = {
        "InputPathsMap": {"n": "$.detail.n"},
        "InputTemplate": '{"order": {"number": <n>, "words": "number <n>"}}',
    }
    events.put_rule(Name="starts", EventPattern=json.dumps({"source": ["office"]}))
    targets = [
        {"Id": "m", "Arn": machine["stateMachineArn"], "RoleArn": ROLE, "InputTransformer": transformer},
        {"Id": "f", "Arn": function, "InputPath": "$.detail"},
    ]
    assert events.put_targets(Rule="starts", Targets=targets)["FailedEntryCount"] == 0
    entry = {"Source": "office", "DetailType": "order", "Detail": json.dumps({"n": 7, "text": "by rule"})}
    [put] = events.put_events(Entries=[entry])["Entries"]
    bodies = []
    for _ in range(12):
        bodies += received(url)
        if len(bodies) == 2:
            break
    assert sorted(bodies) == ["by rule", '{"number":7,"words":"number 7"}'], bodies
    [execution] = functions.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    assert execution["name"].startswith(put["EventId"] + "_"), execution


def check_callback(url):
    """Somebody else takes the token from the queue and ends the task with it."""
    functions = client("stepfunctions")
    waits = task(
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
    )
    machine = functions.create_state_machine(name="waits", definition=json.dumps(waits), roleArn=ROLE)
    execution = functions.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    [body] = received(url)
    functions.send_task_success(taskToken=json.loads(body)["token"], output='"done"')
    while (shown := functions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.02)
    assert shown["output"] == '"done"', shown


def check_restart():
    """After a restart: what was acknowledged is there."""
    url = client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    assert received(url) == ["kept"]
    assert client("secretsmanager").get_secret_value(SecretId="db")["SecretString"] == "hunter2-hunter2"


if sys.argv[2] == "after":
    check_restart()
else:
    address = prepare()
    check_function(address)
    check_tasks(address)
    check_rules(address)
    check_callback(address)
    client("sqs").send_message(QueueUrl=address, MessageBody="kept")
