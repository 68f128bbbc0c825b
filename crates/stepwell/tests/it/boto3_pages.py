"""Waiters and paginators of boto3 against `stepwell serve`: each waiter sees the end that it waits for, and each paginator everything,
once and in order, with pages that are smaller than what there is. `boto3_pages.py STEPWELL`"""

import io
import json
import sys
import zipfile

import boto3
from botocore.exceptions import WaiterError

ROLE = "arn:aws:iam::000000000000:role/any"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def client(service):
    key = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, endpoint_url=sys.argv[1], region_name="us-east-1", **key)


def pages(service, operation, member, size=2, **asked):
    """What all pages hold of a member; several of them, or the paginator was not needed."""
    paginator = client(service).get_paginator(operation)
    found = [page.get(member, []) for page in paginator.paginate(**asked, PaginationConfig={"PageSize": size})]
    assert len(found) > 1 and all(len(page) <= size for page in found), (operation, found)
    return [item for page in found for item in page]


def waits(service, waiter, **asked):
    client(service).get_waiter(waiter).wait(**asked, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def gives_up(service, waiter, **asked):
    try:
        client(service).get_waiter(waiter).wait(**asked, WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    except WaiterError:
        return
    raise AssertionError(f"{waiter} saw what is not there")


def same(found, expected):
    assert found == expected, f"{found}\n{expected}"


def ended(states, execution):
    while (shown := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert shown["status"] == "SUCCEEDED", shown


def check_state_machines():
    states = client("stepfunctions")
    create = lambda name, definition: states.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    machines = [create(f"pages-{number}", PASS) for number in range(5)]
    same(sorted(it["stateMachineArn"] for it in pages("stepfunctions", "list_state_machines", "stateMachines")), machines)
    first = machines[0]
    started = [states.start_execution(stateMachineArn=first, name=f"n{number}")["executionArn"] for number in range(5)]
    for execution in started:
        ended(states, execution)
    listed = pages("stepfunctions", "list_executions", "executions", stateMachineArn=first)
    same([it["executionArn"] for it in listed], started[::-1])
    same([it["id"] for it in pages("stepfunctions", "get_execution_history", "events", executionArn=started[0])], [1, 2, 3, 4])
    backwards = pages("stepfunctions", "get_execution_history", "events", executionArn=started[0], reverseOrder=True)
    same([it["id"] for it in backwards], [4, 3, 2, 1])
    activities = [states.create_activity(name=f"a{number}")["activityArn"] for number in range(3)]
    same(sorted(it["activityArn"] for it in pages("stepfunctions", "list_activities", "activities")), activities)
    check_map_runs(states, create)


def check_map_runs(states, create):
    mode = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    child = lambda name: {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
    parent = lambda number: {"Type": "Map", "Label": f"M{number}", "ItemProcessor": mode | child(f"C{number}"), "End": True}
    branches = [{"StartAt": f"M{number}", "States": {f"M{number}": parent(number)}} for number in range(3)]
    all_at_once = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    machine = create("maps", all_at_once)
    execution = states.start_execution(stateMachineArn=machine, input="[1, 2, 3]")["executionArn"]
    ended(states, execution)
    runs = [it["mapRunArn"] for it in pages("stepfunctions", "list_map_runs", "mapRuns", executionArn=execution)]
    assert len(set(runs)) == 3, runs
    children = pages("stepfunctions", "list_executions", "executions", mapRunArn=runs[0])
    assert len({it["executionArn"] for it in children}) == 3, children


def check_functions():
    functions = client("lambda")
    gives_up("lambda", "function_exists", FunctionName="later")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    names = [f"f{number}" for number in range(3)]
    for name in names:
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="app.handler", Code={"ZipFile": content.getvalue()}
        )
        for waiter in ("function_exists", "function_active", "function_active_v2"):
            waits("lambda", waiter, FunctionName=name)
    functions.update_function_configuration(FunctionName="f0", Timeout=9)
    functions.update_function_code(FunctionName="f0", ZipFile=content.getvalue())
    for waiter in ("function_updated", "function_updated_v2"):
        waits("lambda", waiter, FunctionName="f0")
    same([it["FunctionName"] for it in pages("lambda", "list_functions", "Functions")], names)


def check_tables():
    dynamodb = client("dynamodb")
    gives_up("dynamodb", "table_exists", TableName="table0")
    for number in range(3):
        dynamodb.create_table(
            TableName=f"table{number}",
            KeySchema=[{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "S", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "S", "AttributeType": "N"}],
            BillingMode="PAY_PER_REQUEST",
        )
        waits("dynamodb", "table_exists", TableName=f"table{number}")
    same(pages("dynamodb", "list_tables", "TableNames"), ["table0", "table1", "table2"])
    items = [{"P": {"S": partition}, "S": {"N": str(number)}} for partition in "ab" for number in range(5)]
    for item in items:
        dynamodb.put_item(TableName="table0", Item=item)
    asked = {"KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"S": "a"}}}
    same(pages("dynamodb", "query", "Items", TableName="table0", **asked), items[:5])
    same(pages("dynamodb", "query", "Items", TableName="table0", ScanIndexForward=False, **asked), items[4::-1])
    by_key = lambda item: (item["P"]["S"], item["S"]["N"])
    same(sorted(pages("dynamodb", "scan", "Items", TableName="table0"), key=by_key), items)
    dynamodb.delete_table(TableName="table2")
    waits("dynamodb", "table_not_exists", TableName="table2")


def check_buckets():
    s3 = client("s3")
    gives_up("s3", "bucket_exists", Bucket="pages")
    s3.create_bucket(Bucket="pages")
    waits("s3", "bucket_exists", Bucket="pages")
    gives_up("s3", "object_exists", Bucket="pages", Key="k0")
    keys = [f"k{number}" for number in range(5)] + ["sub/a", "sub/b"]
    for key in keys:
        s3.put_object(Bucket="pages", Key=key, Body=key.encode())
        waits("s3", "object_exists", Bucket="pages", Key=key)
    for operation in ("list_objects_v2", "list_objects"):
        same([it["Key"] for it in pages("s3", operation, "Contents", Bucket="pages")], keys)
    listed = client("s3").get_paginator("list_objects_v2").paginate(
        Bucket="pages", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    folders = [it["Prefix"] for page in listed for it in page.get("CommonPrefixes", [])]
    same(folders, ["sub/"])
    upload = s3.create_multipart_upload(Bucket="pages", Key="parts")["UploadId"]
    for number in range(1, 4):
        s3.upload_part(Bucket="pages", Key="parts", UploadId=upload, PartNumber=number, Body=b"x")
    parts = pages("s3", "list_parts", "Parts", Bucket="pages", Key="parts", UploadId=upload)
    same([it["PartNumber"] for it in parts], [1, 2, 3])
    s3.abort_multipart_upload(Bucket="pages", Key="parts", UploadId=upload)
    for key in keys:
        s3.delete_object(Bucket="pages", Key=key)
        waits("s3", "object_not_exists", Bucket="pages", Key=key)
    s3.delete_bucket(Bucket="pages")
    waits("s3", "bucket_not_exists", Bucket="pages")


def check_queues_and_topics():
    sqs, sns = client("sqs"), client("sns")
    urls = [sqs.create_queue(QueueName=f"pages-{number}")["QueueUrl"] for number in range(5)]
    same(sorted(pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix="pages-")), urls)
    # Who asks SNS cannot say how long pages are: all of them may be one.
    topics = [sns.create_topic(Name=f"pages-{number}")["TopicArn"] for number in range(3)]
    listed = client("sns").get_paginator("list_topics").paginate()
    same(sorted(it["TopicArn"] for page in listed for it in page["Topics"]), topics)


def check_logs():
    logs = client("logs")
    names = [f"/pages/{number}" for number in range(3)]
    for name in names:
        logs.create_log_group(logGroupName=name)
    found = pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="/pages/")
    same([it["logGroupName"] for it in found], names)
    [now] = [it["creationTime"] for it in found[:1]]
    for stream in ("a", "b", "c"):
        logs.create_log_stream(logGroupName=names[0], logStreamName=stream)
        events = [{"timestamp": now + number, "message": f"{stream}{number}"} for number in range(3)]
        logs.put_log_events(logGroupName=names[0], logStreamName=stream, logEvents=events)
    found = pages("logs", "describe_log_streams", "logStreams", logGroupName=names[0])
    same([it["logStreamName"] for it in found], ["a", "b", "c"])
    found = pages("logs", "filter_log_events", "events", logGroupName=names[0])
    same(sorted(it["message"] for it in found), [f"{stream}{number}" for stream in "abc" for number in range(3)])
    same([it["timestamp"] for it in found], sorted(it["timestamp"] for it in found))


def check_settings():
    parameters, secrets, events = client("ssm"), client("secretsmanager"), client("events")
    names = [f"/pages/{number}" for number in range(5)]
    for name in names:
        parameters.put_parameter(Name=name, Value="x", Type="String")
        secrets.create_secret(Name=name, SecretString="x")
        events.put_rule(Name=name.replace("/", "-"), EventPattern='{"source": ["x"]}')
    same([it["Name"] for it in pages("ssm", "get_parameters_by_path", "Parameters", Path="/pages")], names)
    same(sorted(it["Name"] for it in pages("secretsmanager", "list_secrets", "SecretList")), names)
    rules = pages("events", "list_rules", "Rules")
    same(sorted(it["Name"] for it in rules), [name.replace("/", "-") for name in names])


for check in (
    check_state_machines,
    check_functions,
    check_tables,
    check_buckets,
    check_queues_and_topics,
    check_logs,
    check_settings,
):
    check()
