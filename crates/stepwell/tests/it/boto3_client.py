"""Drives the Step Functions API of a server through boto3, as a user's script would."""

import json
import sys
import time

import boto3

client = boto3.client(
    "stepfunctions",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
)
definition = json.dumps(
    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"n": 1.5}, "End": True}}}
)
role = "arn:aws:iam::000000000000:role/any"
machine = client.create_state_machine(name="boto", definition=definition, roleArn=role)["stateMachineArn"]

names = set()
for number in range(5):
    started = client.start_execution(stateMachineArn=machine, input=json.dumps({"number": number}))
    names.add(started["executionArn"])
while client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
    time.sleep(0.01)

pages = client.get_paginator("list_executions").paginate(
    stateMachineArn=machine, PaginationConfig={"PageSize": 2}
)
listed = {execution["executionArn"] for page in pages for execution in page["executions"]}
assert listed == names, (listed, names)

execution = names.pop()
shown = client.describe_execution(executionArn=execution)
assert shown["status"] == "SUCCEEDED" and json.loads(shown["output"]) == {"n": 1.5}, shown
assert shown["stopDate"] >= shown["startDate"]
events = client.get_execution_history(executionArn=execution)["events"]
assert [event["id"] for event in events] == [1, 2, 3, 4], events
assert events[0]["timestamp"] == shown["startDate"], (events[0], shown)

found = client.validate_state_machine_definition(definition="{}")
assert found["result"] == "FAIL" and found["diagnostics"], found
try:
    client.describe_execution(executionArn=execution + "x")
    raise AssertionError("an execution that is not there was shown")
except client.exceptions.ExecutionDoesNotExist:
    pass
try:
    client.start_execution(stateMachineArn=machine, input="not json")
    raise AssertionError("an input that is not JSON was taken")
except client.exceptions.InvalidExecutionInput:
    pass
client.delete_state_machine(stateMachineArn=machine)
