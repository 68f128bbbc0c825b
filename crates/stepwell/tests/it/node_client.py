"""Node.js Lambdas as packages: made, changed and used through the API. `node_client.py STEPWELL NODE_MODULES`"""

import io
import json
import sys
import time
import zipfile
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

STEPWELL, MODULES = sys.argv[1:]
FOLDER = Path(__file__).with_name("lambdas") / "node"
ROLE = "arn:aws:iam::000000000000:role/any"


def client(service):
    key = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=STEPWELL, region_name="us-east-1", **key)


def package(source, with_modules=False):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(FOLDER / source, "index" + Path(source).suffix)
        for file in Path(MODULES).rglob("*") if with_modules else []:
            archive.write(file, Path("node_modules") / file.relative_to(MODULES))
    return content.getvalue()


def create(name, source, environment, **more):
    functions = client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="nodejs20.x",
        Role=ROLE,
        Handler="index.handler",
        Timeout=60,
        Environment={"Variables": environment},
        Code={"ZipFile": package(source, **more)},
    )
    functions.get_waiter("function_exists").wait(FunctionName=name)
    functions.get_waiter("function_active_v2").wait(FunctionName=name)


def task(function, end):
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload"}
    return state | {"Parameters": {"FunctionName": function, "Payload.$": "$"}} | end


def run(machine, given):
    states = client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    while (shown := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.02)
    return shown


client("dynamodb").create_table(
    TableName="Orders",
    KeySchema=[{"AttributeName": "Order", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "Order", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
queue = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
create("price", "price.js", {"PRICES": '{"pen": 3}'})
create("keep", "keep.mjs", {"TABLE": "Orders", "QUEUE": "kept"}, with_modules=True)
create("audit", "audit.js", {})
definition = {
    "StartAt": "Price",
    "States": {
        "Price": task("price", {"Next": "Keep"}),
        "Keep": task("keep", {"Next": "Audit"}),
        "Audit": task("audit", {"End": True}),
    },
}
machine = client("stepfunctions").create_state_machine(name="orders", definition=json.dumps(definition), roleArn=ROLE)
machine = machine["stateMachineArn"]

shown = run(machine, {"order": "1", "article": "pen", "count": 4})
assert shown["status"] == "SUCCEEDED" and json.loads(shown["output"]) == {"audited": "1", "left": True}, shown
[message] = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
assert json.loads(message["Body"]) == {"order": "1", "total": 12}, message
assert client("dynamodb").get_item(TableName="Orders", Key={"Order": {"S": "1"}})["Item"]["Total"] == {"N": "12"}

# What is thrown arrives as Lambda tells it: own errors, those of the SDK, those of a callback.
for given, error, message in [
    ({"order": "2", "article": "cup", "count": 1}, "PriceMissing", "no price for cup"),
    ({"order": "1", "article": "pen", "count": 1}, "ConditionalCheckFailedException", "The conditional request failed"),
    ({"order": "lost", "article": "pen", "count": 1}, "RangeError", "the order is lost"),
]:
    shown = run(machine, given)
    cause = json.loads(shown["cause"])
    assert (shown["status"], shown["error"]) == ("FAILED", error), shown
    assert (cause["errorType"], cause["errorMessage"]) == (error, message), cause
    assert cause["trace"][0] == f"{error}: {message}" and len(cause["trace"]) > 1, cause

functions = client("lambda")
functions.update_function_configuration(FunctionName="price", Environment={"Variables": {"PRICES": '{"cup": 5}'}})
functions.get_waiter("function_updated_v2").wait(FunctionName="price")
answer = functions.invoke(FunctionName="price", Payload=json.dumps({"article": "cup", "count": 2}))
assert json.loads(answer["Payload"].read())["total"] == 10
functions.update_function_code(FunctionName="price", ZipFile=package("audit.js"))
functions.get_waiter("function_updated").wait(FunctionName="price")
answer = functions.invoke(FunctionName="price", Payload=b'{"order": "7"}')
assert json.loads(answer["Payload"].read())["audited"] == "7"
pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
assert [function["FunctionName"] for page in pages for function in page["Functions"]] == ["audit", "keep", "price"]
for name in ("audit", "keep", "price"):
    functions.delete_function(FunctionName=name)
try:
    functions.get_function(FunctionName="keep")
    raise AssertionError("a function that is gone was shown")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
