"""Brings the verdicts together, and keeps the details as a report beside the series."""

import json
import os

import boto3
from boto3.dynamodb.conditions import Key

dynamodb = boto3.resource("dynamodb")
s3 = boto3.resource("s3")


def lambda_handler(event, context):
    run = event[0]
    key = {"GroupID": run["GroupID"], "StartTime": run["StartTime"]}
    summary = dynamodb.Table(os.environ["SUMMARY_TABLE"])
    if os.environ.get("READ_FLAGS_FROM_TABLE") == "1":
        found = summary.get_item(Key=key, ConsistentRead=True)["Item"]
        passes = [int(found[f"Process{number}Pass"]) for number in (1, 2, 3)]
    else:
        passes = [event[number - 1][f"Process{number}Pass"] for number in (1, 2, 3)]
    total = 1 if all(passed == 1 for passed in passes) else 0
    summary.update_item(
        Key=key,
        UpdateExpression="SET TotalPass = :total",
        ConditionExpression="QCPID = :run",
        ExpressionAttributeValues={":total": total, ":run": run["QCPID"]},
    )
    report = f"reports/{run['GroupID']}/{run['StreamID']}.json"
    s3.Bucket(os.environ["REPORT_BUCKET"]).put_object(
        Key=report, Body=json.dumps(details(run["QCPID"])), ContentType="application/json", Metadata={"run": run["QCPID"]}
    )
    return {**key, "StreamID": run["StreamID"], "QCPID": run["QCPID"], "TotalPass": total, "Report": report}


def details(run):
    table = dynamodb.Table(os.environ["DETAILS_TABLE"])
    asked = {"KeyConditionExpression": Key("QCPID").eq(run), "Limit": 2}
    found = []
    while True:
        page = table.query(**asked)
        found += [{name: str(value) for name, value in item.items() if name != "QCPID"} for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
