"""DynamoDB as boto3 uses it."""

import decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from suite import equal, refused


def table(world, keys=("pk",), kinds="S", **more):
    """A table whose keys are text, or what `kinds` says."""
    name = world.unique("t")
    kinds = kinds.ljust(len(keys), "S")
    attributes = dict(zip(keys, kinds))
    attributes.update(more.pop("attributes", {}))
    world.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"))],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in attributes.items()],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return name


def resource(world, name):
    dynamodb = boto3.resource(
        "dynamodb", endpoint_url=world.endpoint, region_name=world.region,
        aws_access_key_id="111111111111", aws_secret_access_key="secret",
    )
    return dynamodb.Table(name)


def case_tables_are_made_described_listed_and_deleted(world):
    client, name = world.client("dynamodb"), table(world, ("pk", "sk"), "SN")
    described = client.describe_table(TableName=name)["Table"]
    equal(described["TableStatus"], "ACTIVE")
    equal(described["KeySchema"], [
        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
    equal(described["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
    client.get_waiter("table_exists").wait(TableName=name)
    names = [it for page in client.get_paginator("list_tables").paginate() for it in page["TableNames"]]
    assert name in names, names
    again = lambda: table_of(client, name)
    refused(again, "ResourceInUseException", None if not world.is_exact else f"Table already exists: {name}")
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name)
    absent = f"Requested resource not found: Table: {name} not found"
    refused(lambda: client.describe_table(TableName=name), "ResourceNotFoundException", absent)


def table_of(client, name):
    client.create_table(
        TableName=name, KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])


def case_an_item_of_all_types_comes_back(world):
    name = table(world)
    item = {
        "pk": "a", "n": decimal.Decimal("1.50"), "big": decimal.Decimal("12345678901234567890123456789012345678"),
        "b": b"\x00\x01", "ss": {"a", "b"}, "ns": {decimal.Decimal(1), decimal.Decimal(2)}, "bs": {b"x"},
        "m": {"l": [None, True, {"deep": "er"}]}, "empty": "",
    }
    it = resource(world, name)
    it.put_item(Item=item)
    found = it.get_item(Key={"pk": "a"}, ConsistentRead=True)["Item"]
    found["b"], found["bs"] = found["b"].value, {value.value for value in found["bs"]}
    equal(found, item)
    assert "Item" not in it.get_item(Key={"pk": "none"})
    shown = it.get_item(
        Key={"pk": "a"}, ProjectionExpression="#n, m.l[2].deep", ExpressionAttributeNames={"#n": "n"})["Item"]
    equal(shown, {"n": decimal.Decimal("1.5"), "m": {"l": [{"deep": "er"}]}})


def case_conditions_protect_an_item(world):
    client, name = world.client("dynamodb"), table(world)
    put = lambda **more: client.put_item(TableName=name, Item={"pk": {"S": "a"}, "v": {"N": "1"}}, **more)
    put(ConditionExpression="attribute_not_exists(pk)")
    words = "The conditional request failed"
    again = lambda: put(ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    response = refused(again, "ConditionalCheckFailedException", words, 400)
    equal(response["Item"], {"pk": {"S": "a"}, "v": {"N": "1"}})
    values = {":one": {"N": "1"}, ":low": {"N": "0"}, ":p": {"S": "a"}, ":t": {"S": "N"}, ":two": {"N": "2"}}
    for expression, used, holds in [
        ("v = :one", [":one"], True), ("v <> :one", [":one"], False), ("v > :low AND v < :two", [":low", ":two"], True),
        ("v BETWEEN :low AND :one", [":low", ":one"], True), ("v IN (:low, :two)", [":low", ":two"], False),
        ("NOT (v = :two OR v = :low)", [":low", ":two"], True), ("begins_with(pk, :p)", [":p"], True),
        ("contains(pk, :p)", [":p"], True), ("attribute_type(v, :t)", [":t"], True), ("size(pk) = :one", [":one"], True),
        ("absent <> :one", [":one"], True), ("absent < :one", [":one"], False), ("attribute_exists(absent)", [], False),
    ]:
        more = {"ExpressionAttributeValues": {key: values[key] for key in used}} if used else {}
        check = lambda: put(ConditionExpression=expression, **more)
        try:
            check() if holds else refused(check, "ConditionalCheckFailedException")
        except Exception as error:
            raise AssertionError(expression) from error
    gone = client.delete_item(
        TableName=name, Key={"pk": {"S": "a"}}, ConditionExpression="attribute_exists(pk)", ReturnValues="ALL_OLD")
    equal(gone["Attributes"], {"pk": {"S": "a"}, "v": {"N": "1"}})
    absent = lambda: client.delete_item(
        TableName=name, Key={"pk": {"S": "a"}}, ConditionExpression="attribute_exists(pk)")
    refused(absent, "ConditionalCheckFailedException", words)


def case_an_item_is_updated(world):
    name = table(world)
    it = resource(world, name)
    update = lambda expression, values=None, returned="ALL_NEW", **names: it.update_item(
        Key={"pk": "a"}, UpdateExpression=expression, ReturnValues=returned,
        **({"ExpressionAttributeValues": values} if values else {}),
        **({"ExpressionAttributeNames": {f"#{k}": v for k, v in names.items()}} if names else {}),
    ).get("Attributes")
    equal(update("SET hits = if_not_exists(hits, :zero) + :one, #s = :new", {":zero": 0, ":one": 1, ":new": "NEW"}, s="status"),
          {"pk": "a", "hits": 1, "status": "NEW"})
    equal(update("ADD hits :n", {":n": decimal.Decimal("0.1")}, "UPDATED_NEW"), {"hits": decimal.Decimal("1.1")})
    equal(update("SET hits = hits - :n", {":n": decimal.Decimal("0.1")}, "UPDATED_OLD"), {"hits": decimal.Decimal("1.1")})
    update("SET m = :m, l = :l", {":m": {"a": 1, "b": 2}, ":l": ["x", "y", "z"]})
    if world.is_exact:
        equal(update("SET m.c = :v, l[1] = :v REMOVE m.a, l[0]", {":v": 3}),
              {"pk": "a", "hits": 1, "status": "NEW", "m": {"b": 2, "c": 3}, "l": [3, "z"]})
    else:
        update("SET l = :l", {":l": [3, "z"]})
    equal(update("SET l = list_append(:front, l), copied = m.b REMOVE m, #s", {":front": ["w"]}, s="status"),
          {"pk": "a", "hits": 1, "l": ["w", 3, "z"], "copied": 2})
    equal(update("ADD tags :t", {":t": {"a", "b"}}, "UPDATED_NEW"), {"tags": {"a", "b"}})
    equal(update("DELETE tags :t", {":t": {"a"}}, "UPDATED_NEW"), {"tags": {"b"}})
    if world.is_exact:
        assert "tags" not in update("DELETE tags :t", {":t": {"b"}})
        it.update_item(Key={"pk": "new"})
        equal(it.get_item(Key={"pk": "new"})["Item"], {"pk": "new"})


def case_what_an_update_cannot_do_is_refused_and_changes_nothing(world):
    client, name = world.client("dynamodb"), table(world)
    before = {"pk": {"S": "a"}, "t": {"S": "text"}, "n": {"N": "1"}}
    client.put_item(TableName=name, Item=before)
    values = {":v": {"N": "1"}}
    for expression, used, words in [
        ("SET pk = :v", values, "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"),
        ("SET absent.a = :v", values, "The document path provided in the update expression is invalid for update"),
        ("SET a = absent + :v", values, "The provided expression refers to an attribute that does not exist in the item"),
        ("SET n = t + :v", values, "An operand in the update expression has an incorrect data type"),
        ("SET n = :none", values, "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :none"),
        ("SET #x = :v", values, "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #x"),
        ("SET status = :v", values, "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status"),
        ("REMOVE n", values, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"),
        ("SET a = :v, a.b = :v", values, "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
        ("SET a = :v SET b = :v", values, 'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;'),
    ]:
        call = lambda: client.update_item(
            TableName=name, Key={"pk": {"S": "a"}}, UpdateExpression=expression, ExpressionAttributeValues=used)
        try:
            refused(call, "ValidationException", words if world.is_exact else None)
        except Exception as error:
            if world.is_exact:
                raise AssertionError(expression) from error
    if world.is_exact:
        equal(client.get_item(TableName=name, Key={"pk": {"S": "a"}})["Item"], before)
        syntax = lambda: client.update_item(TableName=name, Key={"pk": {"S": "a"}}, UpdateExpression="SET a b")
        refused(syntax, "ValidationException", 'Invalid UpdateExpression: Syntax error; token: "b", near: "a b"')


def case_what_is_wrong_is_refused_in_the_words_of_aws(world):
    client, name = world.client("dynamodb", parameter_validation=False), table(world)
    none = world.unique("none")
    put = lambda table, item: (lambda: client.put_item(TableName=table, Item=item))
    refused(put(none, {"pk": {"S": "a"}}), "ResourceNotFoundException", "Requested resource not found")
    refused(put(name, {"other": {"S": "a"}}), "ValidationException",
            "One or more parameter values were invalid: Missing the key pk in the item")
    refused(put(name, {"pk": {"N": "1"}}), "ValidationException",
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N")
    if not world.is_exact:
        return
    refused(put("/bad", {"pk": {"S": "a"}}), "ValidationException",
            "1 validation error detected: Value '/bad' at 'tableName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    refused(lambda: client.put_item(TableName=name), "ValidationException",
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null")
    refused(put(name, {"pk": {"S": "a"}, "n": {"N": "1" * 39}}), "ValidationException",
            "Attempting to store more than 38 significant digits in a Number")
    refused(put(name, {"pk": {"S": "a"}, "t": {"S": "x" * 410_000}}), "ValidationException",
            "Item size has exceeded the maximum allowed size")
    refused(lambda: client.get_item(TableName=name, Key={"x": {"S": "a"}}), "ValidationException",
            "The provided key element does not match the schema")
    streams = lambda: table(world, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    refused(streams, "SerializationException")
    query = lambda **more: (lambda: client.query(TableName=name, **more))
    refused(query(KeyConditionExpression="sk = :v", ExpressionAttributeValues={":v": {"S": "a"}}), "ValidationException",
            "Query condition missed key schema element: pk")
    refused(query(KeyConditionExpression="pk = :v", ExpressionAttributeValues={":v": {"S": "a"}}, Limit=0),
            "ValidationException")


def case_older_code_has_no_expressions(world):
    name = table(world, ("pk", "sk"), "SN")
    it = resource(world, name)
    key = {"pk": "a", "sk": 1}
    it.update_item(Key=key, AttributeUpdates={
        "text": {"Action": "PUT", "Value": "one"}, "count": {"Action": "ADD", "Value": 2}, "gone": {"Value": "x"}})
    changed = it.update_item(Key=key, ReturnValues="ALL_NEW", Expected={"text": {"Value": "one"}}, AttributeUpdates={
        "count": {"Action": "ADD", "Value": 3}, "gone": {"Action": "DELETE"}})
    equal(changed["Attributes"], {**key, "text": "one", "count": 5})
    refused(lambda: it.put_item(Item=key, Expected={"pk": {"Exists": False}}), "ConditionalCheckFailedException",
            "The conditional request failed")
    above = {"count": {"ComparisonOperator": "GT", "AttributeValueList": [5]}}
    refused(lambda: it.put_item(Item=key, Expected=above), "ConditionalCheckFailedException",
            "The conditional request failed")
    either = {"text": {"ComparisonOperator": "NULL"}, "count": {"ComparisonOperator": "IN", "AttributeValueList": [4, 5]}}
    # moto wants all of the conditions, whatever joins them.
    joined = {"Expected": either, "ConditionalOperator": "OR"} if world.is_exact else {}
    it.put_item(Item={**key, "text": "two"}, **joined)
    for sk in range(2, 6):
        it.put_item(Item={"pk": "a", "sk": sk, "text": f"t{sk}"})
    conditions = {
        "pk": {"ComparisonOperator": "EQ", "AttributeValueList": ["a"]},
        "sk": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [2, 4]},
    }
    filtered = {"text": {"ComparisonOperator": "NE", "AttributeValueList": ["t3"]}}
    equal([item["sk"] for item in it.query(KeyConditions=conditions)["Items"]], [2, 3, 4])
    scanned = it.scan(ScanFilter={"text": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": ["t"]}})
    equal(sorted(item["sk"] for item in scanned["Items"]), [1, 2, 3, 4, 5])
    if not world.is_exact:
        return
    # moto does more or less than it is asked for in these.
    found = it.query(KeyConditions=conditions, QueryFilter=filtered)
    equal([item["sk"] for item in found["Items"]], [2, 4])
    refused(lambda: it.delete_item(Key=key, Expected=above), "ConditionalCheckFailedException")
    equal(it.get_item(Key=key, AttributesToGet=["text", "none"])["Item"], {"text": "two"})
    wanted = {"Keys": [key], "AttributesToGet": ["sk"]}
    equal(it.meta.client.batch_get_item(RequestItems={name: wanted})["Responses"], {name: [{"sk": 1}]})
    both = lambda: it.scan(ScanFilter=filtered, ProjectionExpression="pk")
    refused(both, "ValidationException",
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {ScanFilter} Expression parameters: {ProjectionExpression}")
    refused(lambda: it.update_item(Key=key, AttributeUpdates={"a": {"Action": "ADD"}}), "ValidationException")
    refused(lambda: it.scan(ScanFilter={"a": {"ComparisonOperator": "EQ"}}), "ValidationException",
            "One or more parameter values were invalid: "
            "Invalid number of argument(s) for the EQ ComparisonOperator: 0")
    refused(lambda: it.scan(ConditionalOperator="OR"), "ValidationException")
    equal(it.get_item(Key=key)["Item"], {**key, "text": "two"})


def case_a_partition_is_queried(world):
    name = table(world, ("pk", "sk"), "SN")
    it = resource(world, name)
    with it.batch_writer() as batch:
        for pk in "ab":
            for sk in range(10):
                batch.put_item(Item={"pk": pk, "sk": sk, "even": sk % 2 == 0})
    found = lambda **more: [item["sk"] for item in it.query(**more)["Items"]]
    of_a = Key("pk").eq("a")
    equal(found(KeyConditionExpression=of_a), list(range(10)))
    equal(found(KeyConditionExpression=of_a, ScanIndexForward=False, Limit=3), [9, 8, 7])
    equal(found(KeyConditionExpression=of_a & Key("sk").between(3, 5)), [3, 4, 5])
    equal(found(KeyConditionExpression=of_a & Key("sk").lt(2)), [0, 1])
    equal(found(KeyConditionExpression=of_a & Key("sk").gte(8)), [8, 9])
    filtered = it.query(KeyConditionExpression=of_a, FilterExpression=Attr("even").eq(True))
    equal((filtered["Count"], filtered["ScannedCount"]), (5, 10))
    counted = it.query(KeyConditionExpression=of_a, Select="COUNT")
    equal(counted["Count"], 10)
    assert "Items" not in counted
    seen, start = [], {}
    while True:
        page = it.query(KeyConditionExpression=of_a, Limit=4, **start)
        seen += [item["sk"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        equal(page["LastEvaluatedKey"], {"pk": "a", "sk": seen[-1]})
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    equal(seen, list(range(10)))


def case_a_table_is_scanned_in_segments(world):
    name = table(world)
    it = resource(world, name)
    with it.batch_writer() as batch:
        for number in range(40):
            batch.put_item(Item={"pk": f"p{number}", "n": number})
    client = world.client("dynamodb")
    seen = []
    for segment in range(3):
        pages = client.get_paginator("scan").paginate(
            TableName=name, Segment=segment, TotalSegments=3, PaginationConfig={"PageSize": 5})
        seen += [item["pk"]["S"] for page in pages for item in page["Items"]]
    equal(sorted(seen), sorted(f"p{number}" for number in range(40)))
    equal(it.scan(FilterExpression=Attr("n").lt(5), Select="COUNT")["Count"], 5)
    equal(it.scan(FilterExpression=Attr("n").eq(7), ProjectionExpression="pk")["Items"], [{"pk": "p7"}])


INDEXES = {
    "attributes": {"status": "S", "at": "N"},
    "GlobalSecondaryIndexes": [{
        "IndexName": "by-status", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    }],
    "LocalSecondaryIndexes": [{
        "IndexName": "by-time", "Projection": {"ProjectionType": "KEYS_ONLY"},
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    }],
}


def case_indexes_follow_what_is_written(world):
    name = table(world, ("pk", "sk"), "SS", **INDEXES)
    it = resource(world, name)
    for number in range(6):
        it.put_item(Item={"pk": "a", "sk": str(number), "status": "NEW", "at": 10 - number, "more": "x"})
    it.put_item(Item={"pk": "a", "sk": "none"})
    by_status = lambda status, **more: it.query(
        IndexName="by-status", KeyConditionExpression=Key("status").eq(status), **more)
    equal([item["sk"] for item in by_status("NEW")["Items"]], list("543210"))
    it.update_item(
        Key={"pk": "a", "sk": "3"}, UpdateExpression="SET #s = :done", ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":done": "DONE"})
    it.delete_item(Key={"pk": "a", "sk": "5"})
    equal([item["sk"] for item in by_status("NEW")["Items"]], list("4210"))
    equal(by_status("DONE")["Items"][0]["more"], "x")
    page = by_status("NEW", Limit=2)
    rest = by_status("NEW", ExclusiveStartKey=page["LastEvaluatedKey"])
    equal([item["sk"] for item in page["Items"] + rest["Items"]], list("4210"))
    by_time = it.query(
        IndexName="by-time", KeyConditionExpression=Key("pk").eq("a") & Key("at").gt(7), ScanIndexForward=False)
    equal(by_time["Items"], [{"pk": "a", "sk": str(number), "at": 10 - number} for number in range(3)])
    equal(len(it.scan(IndexName="by-status")["Items"]), 5)
    if world.is_exact:
        refused(lambda: by_status("NEW", ConsistentRead=True), "ValidationException",
                "Consistent reads are not supported on global secondary indexes")
        refused(lambda: it.put_item(Item={"pk": "a", "sk": "x", "status": 1}), "ValidationException",
                "One or more parameter values were invalid: Type mismatch for Index Key status Expected: S Actual: N IndexName: by-status")


def case_batches_read_and_write(world):
    client, name = world.client("dynamodb"), table(world)
    other = table(world)
    put = lambda key: {"PutRequest": {"Item": {"pk": {"S": key}}}}
    answer = client.batch_write_item(RequestItems={name: [put("a"), put("b")], other: [put("c")]})
    equal(answer["UnprocessedItems"], {})
    client.batch_write_item(RequestItems={name: [{"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}]})
    keys = [{"pk": {"S": key}} for key in "abc"]
    found = client.batch_get_item(RequestItems={name: {"Keys": keys}, other: {"Keys": keys}})
    equal(found["Responses"], {name: [{"pk": {"S": "b"}}], other: [{"pk": {"S": "c"}}]})
    equal(found["UnprocessedKeys"], {})
    if world.is_exact:
        twice = lambda: client.batch_write_item(RequestItems={name: [put("a"), put("a")]})
        refused(twice, "ValidationException", "Provided list of item keys contains duplicates")
        many = lambda: client.batch_write_item(RequestItems={name: [put(str(n)) for n in range(26)]})
        refused(many, "ValidationException", "Too many items requested for the BatchWriteItem call")


def case_a_transaction_is_all_or_nothing(world):
    client, name = world.client("dynamodb"), table(world)
    put = lambda key, **more: {"Put": {"TableName": name, "Item": {"pk": {"S": key}}, **more}}
    client.transact_write_items(TransactItems=[put("a"), put("b")])
    new = {"ConditionExpression": "attribute_not_exists(pk)"}
    response = refused(
        lambda: client.transact_write_items(TransactItems=[put("c"), put("a", **new)]),
        "TransactionCanceledException",
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]")
    equal([reason["Code"] for reason in response["CancellationReasons"]], ["None", "ConditionalCheckFailed"])
    get = lambda key: {"Get": {"TableName": name, "Key": {"pk": {"S": key}}}}
    found = client.transact_get_items(TransactItems=[get("a"), get("c")])["Responses"]
    equal([it.get("Item") for it in found], [{"pk": {"S": "a"}}, None])
    update = {"Update": {
        "TableName": name, "Key": {"pk": {"S": "a"}}, "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}}}}
    check = {"ConditionCheck": {"TableName": name, "Key": {"pk": {"S": "b"}}, "ConditionExpression": "attribute_exists(pk)"}}
    for _ in range(2):
        client.transact_write_items(TransactItems=[update, check], ClientRequestToken="token-" + name)
    if world.is_exact:
        equal(client.get_item(TableName=name, Key={"pk": {"S": "a"}})["Item"]["n"], {"N": "1"})
        other = lambda: client.transact_write_items(TransactItems=[check], ClientRequestToken="token-" + name)
        refused(other, "IdempotentParameterMismatchException")
        twice = lambda: client.transact_write_items(TransactItems=[put("x"), update, update])
        refused(twice, "ValidationException", "Transaction request cannot include multiple operations on one item")


def case_what_has_lived_long_enough_is_gone(world):
    client, name = world.client("dynamodb"), table(world)
    live = {"Enabled": True, "AttributeName": "until"}
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=live)
    described = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    equal(described, {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"})
    for key, until in [("old", "1"), ("new", "99999999999")]:
        client.put_item(TableName=name, Item={"pk": {"S": key}, "until": {"N": until}})
    if world.is_exact:
        equal([item["pk"]["S"] for item in client.scan(TableName=name)["Items"]], ["new"])
        assert "Item" not in client.get_item(TableName=name, Key={"pk": {"S": "old"}})
        client.put_item(TableName=name, Item={"pk": {"S": "old"}}, ConditionExpression="attribute_not_exists(pk)")


def case_what_a_call_costs_is_told_on_demand(world):
    client, name = world.client("dynamodb"), table(world)
    put = client.put_item(TableName=name, Item={"pk": {"S": "a"}}, ReturnConsumedCapacity="TOTAL")
    equal(put["ConsumedCapacity"], {"TableName": name, "CapacityUnits": 1.0})
    get = client.get_item(TableName=name, Key={"pk": {"S": "a"}}, ReturnConsumedCapacity="TOTAL")
    equal(get["ConsumedCapacity"], {"TableName": name, "CapacityUnits": 0.5})
