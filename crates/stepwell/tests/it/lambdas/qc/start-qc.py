"""Opens the record of a quality control run, before any check looks at the stream."""

import os
import uuid
from datetime import datetime

import boto3

summary = boto3.resource("dynamodb").Table(os.environ["SUMMARY_TABLE"])
s3 = boto3.client("s3")


def lambda_handler(event, context):
    source = event["Source"]
    head = s3.head_object(Bucket=source["Bucket"], Key=source["Key"])
    run = {
        "GroupID": event["GroupID"],
        "StartTime": event.get("StartTime") or datetime.now().isoformat(),
        "QCPID": str(uuid.uuid1()),
        "StreamID": event["StreamID"],
    }
    summary.put_item(Item=run, ConditionExpression="attribute_not_exists(GroupID)")
    print(f"{run['QCPID']}: {head['ContentLength']} bytes to look at")
    return {**run, "Source": source, "StatusCode": 200}
