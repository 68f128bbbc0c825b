"""What the three processes have in common: they read the series, and write what they find."""

import csv
import io
import os
from decimal import Decimal

import boto3

dynamodb = boto3.resource("dynamodb")
s3 = boto3.client("s3")


def read_series(source):
    """Rows of a CSV file, `{"time": ..., "value": ...}`, as text."""
    body = s3.get_object(Bucket=source["Bucket"], Key=source["Key"])["Body"]
    return list(csv.DictReader(io.TextIOWrapper(body, encoding="utf-8", newline="")))


def value_of(row):
    return float(row["value"]) if row["value"] else None


def finish(event, process, errors):
    """Writes the details and the verdict of a process, and gives the verdict."""
    details = dynamodb.Table(os.environ["DETAILS_TABLE"])
    with details.batch_writer() as batch:
        for index, error in enumerate(errors):
            number = process * 1_000_000 + index + 1
            batch.put_item(Item={"QCPID": event["QCPID"], "ErrorNumber": number, **error})
    passed = 0 if errors else 1
    dynamodb.Table(os.environ["SUMMARY_TABLE"]).update_item(
        Key={"GroupID": event["GroupID"], "StartTime": event["StartTime"]},
        UpdateExpression="SET #verdict = :verdict ADD Problems :problems",
        ExpressionAttributeNames={"#verdict": f"Process{process}Pass"},
        ExpressionAttributeValues={":verdict": passed, ":problems": Decimal(len(errors))},
    )
    return {
        "ProcessName": f"QCProcess{process}",
        "GroupID": event["GroupID"],
        "StartTime": event["StartTime"],
        "QCPID": event["QCPID"],
        "StreamID": event["StreamID"],
        f"Process{process}Pass": passed,
    }
