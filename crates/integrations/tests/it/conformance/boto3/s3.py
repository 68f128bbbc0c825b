"""S3 as boto3 uses it."""

import base64
import hashlib
import io
import urllib.request

from suite import equal, refused

PART = 5 * 1024 * 1024


def bucket(world):
    name = world.unique("b")
    world.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": world.region}
    )
    return name


def put(world, bucket, *keys):
    for key in keys:
        world.client("s3").put_object(Bucket=bucket, Key=key, Body=key.encode())


def keys(answer):
    return [item["Key"] for item in answer.get("Contents", [])]


def prefixes(answer):
    return [item["Prefix"] for item in answer.get("CommonPrefixes", [])]


def case_buckets_are_made_found_and_deleted(world):
    s3, name = world.client("s3"), bucket(world)
    equal(s3.get_bucket_location(Bucket=name)["LocationConstraint"], world.region)
    s3.head_bucket(Bucket=name)
    assert name in [it["Name"] for it in s3.list_buckets()["Buckets"]]
    put(world, name, "a/b")
    refused(lambda: s3.delete_bucket(Bucket=name), "BucketNotEmpty", status=409)
    s3.delete_object(Bucket=name, Key="a/b")
    s3.delete_bucket(Bucket=name)
    refused(lambda: s3.head_bucket(Bucket=name), "404", status=404)
    s3.get_waiter("bucket_not_exists").wait(Bucket=name)


def case_what_is_not_there_is_told_in_the_words_of_aws(world):
    s3, name = world.client("s3"), bucket(world)
    none = world.unique("none")
    absent = "The specified bucket does not exist"
    refused(lambda: s3.list_objects_v2(Bucket=none), "NoSuchBucket", absent, 404)
    refused(lambda: s3.put_object(Bucket=none, Key="a", Body=b""), "NoSuchBucket", absent, 404)
    words = "The specified key does not exist."
    response = refused(lambda: s3.get_object(Bucket=name, Key="a"), "NoSuchKey", words, 404)
    equal(response["Error"]["Key"], "a")
    refused(lambda: s3.head_object(Bucket=name, Key="a"), "404", "Not Found", 404)
    s3.delete_object(Bucket=name, Key="a")
    if world.is_exact:
        again = lambda: s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": world.region}
        )
        refused(again, "BucketAlreadyOwnedByYou", status=409)
        refused(lambda: s3.create_bucket(Bucket="Not_a_name"), "InvalidBucketName")


def case_an_object_comes_back_with_what_was_said_of_it(world):
    s3, name = world.client("s3"), bucket(world)
    body = b"0123456789"
    answer = s3.put_object(
        Bucket=name, Key="a b/\u00fc+%.txt", Body=body, ContentType="text/plain", CacheControl="no-store",
        Metadata={"one": "1", "two": "b"},
    )
    equal(answer["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
    found = s3.get_object(Bucket=name, Key="a b/\u00fc+%.txt")
    equal(found["Body"].read(), body)
    for shown in [found, s3.head_object(Bucket=name, Key="a b/\u00fc+%.txt")]:
        equal(shown["ContentType"], "text/plain")
        equal(shown["CacheControl"], "no-store")
        equal(shown["Metadata"], {"one": "1", "two": "b"})
        equal(shown["ContentLength"], 10)
        equal(shown["ETag"], answer["ETag"])
    s3.put_object(Bucket=name, Key="a b/\u00fc+%.txt", Body=b"")
    plain = s3.get_object(Bucket=name, Key="a b/\u00fc+%.txt")
    equal((plain["Body"].read(), plain["ContentType"], plain["Metadata"]), (b"", "binary/octet-stream", {}))


def case_parts_of_an_object_are_read(world):
    s3, name = world.client("s3"), bucket(world)
    s3.put_object(Bucket=name, Key="a", Body=b"0123456789")
    for text, expected, place in [
        ("bytes=2-4", b"234", "bytes 2-4/10"), ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-2", b"89", "bytes 8-9/10"),
    ]:
        found = s3.get_object(Bucket=name, Key="a", Range=text)
        equal((found["Body"].read(), found["ContentRange"]), (expected, place))
        equal(found["ResponseMetadata"]["HTTPStatusCode"], 206)
    refused(lambda: s3.get_object(Bucket=name, Key="a", Range="bytes=10-"), "InvalidRange", status=416)


def case_conditions_hold_or_refuse(world):
    s3, name = world.client("s3"), bucket(world)
    tag = s3.put_object(Bucket=name, Key="a", Body=b"1", IfNoneMatch="*")["ETag"]
    words = "At least one of the pre-conditions you specified did not hold"
    again = lambda: s3.put_object(Bucket=name, Key="a", Body=b"2", IfNoneMatch="*")
    refused(again, "PreconditionFailed", words, 412)
    equal(s3.get_object(Bucket=name, Key="a", IfMatch=tag)["Body"].read(), b"1")
    refused(lambda: s3.get_object(Bucket=name, Key="a", IfMatch='"x"'), "PreconditionFailed", words, 412)
    refused(lambda: s3.get_object(Bucket=name, Key="a", IfNoneMatch=tag), "304", status=304)
    modified = s3.head_object(Bucket=name, Key="a")["LastModified"]
    refused(lambda: s3.get_object(Bucket=name, Key="a", IfModifiedSince=modified), "304", status=304)
    if world.is_exact:
        s3.put_object(Bucket=name, Key="a", Body=b"3", IfMatch=tag)
        refused(lambda: s3.put_object(Bucket=name, Key="a", Body=b"4", IfMatch=tag), "PreconditionFailed")
        equal(s3.get_object(Bucket=name, Key="a")["Body"].read(), b"3")


def case_checksums_are_kept_and_compared(world):
    s3, name = world.client("s3"), bucket(world)
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        member = f"Checksum{algorithm}"
        put = s3.put_object(Bucket=name, Key="a", Body=b"hello", ChecksumAlgorithm=algorithm)
        shown = s3.head_object(Bucket=name, Key="a", ChecksumMode="ENABLED")
        equal(shown[member], put[member])
    equal(put["ChecksumSHA256"], base64.b64encode(hashlib.sha256(b"hello").digest()).decode())
    md5 = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    s3.put_object(Bucket=name, Key="a", Body=b"hello", ContentMD5=md5)
    if world.is_exact:
        wrong = lambda: s3.put_object(Bucket=name, Key="b", Body=b"hello", ChecksumCRC32="AAAAAA==")
        refused(wrong, "BadDigest", "The CRC32 you specified did not match the calculated checksum.")
        refused(lambda: s3.put_object(Bucket=name, Key="b", Body=b"other", ContentMD5=md5), "BadDigest")
        refused(lambda: s3.get_object(Bucket=name, Key="b"), "NoSuchKey")


def case_keys_are_listed_in_order_by_prefix_and_delimiter(world):
    s3, name = world.client("s3"), bucket(world)
    all_keys = ["a", "b-1", "b.txt", "b/1", "b/2", "b/c/3", "b0", "c/", "d/e/f", "\u00fc/x y+z"]
    put(world, name, *reversed(all_keys))
    equal(keys(s3.list_objects_v2(Bucket=name)), all_keys)
    equal(keys(s3.list_objects(Bucket=name)), all_keys)
    top = s3.list_objects_v2(Bucket=name, Delimiter="/")
    equal(keys(top), ["a", "b-1", "b.txt", "b0"])
    equal(prefixes(top), ["b/", "c/", "d/", "\u00fc/"])
    equal(top["KeyCount"], 8)
    below = s3.list_objects_v2(Bucket=name, Delimiter="/", Prefix="b/")
    equal((keys(below), prefixes(below)), (["b/1", "b/2"], ["b/c/"]))
    equal(keys(s3.list_objects_v2(Bucket=name, Prefix="b")), all_keys[1:7])
    equal(keys(s3.list_objects_v2(Bucket=name, StartAfter="b/2")), all_keys[5:])
    equal(keys(s3.list_objects(Bucket=name, Marker="b/2")), all_keys[5:])
    one = s3.list_objects_v2(Bucket=name, Prefix="b.")["Contents"][0]
    equal((one["Size"], one["ETag"], one["StorageClass"]),
          (5, f'"{hashlib.md5(b"b.txt").hexdigest()}"', "STANDARD"))
    nothing = s3.list_objects_v2(Bucket=name, Prefix="nobody")
    equal((nothing["KeyCount"], nothing["IsTruncated"], nothing["Prefix"]), (0, False, "nobody"))


def case_listings_have_pages(world):
    s3, name = world.client("s3"), bucket(world)
    all_keys = [f"{folder}/{number}" for folder in "abc" for number in range(4)] + ["d", "e"]
    put(world, name, *all_keys)
    for operation in ["list_objects_v2", "list_objects"]:
        pages = s3.get_paginator(operation).paginate(Bucket=name, PaginationConfig={"PageSize": 3})
        equal([key for page in pages for key in keys(page)], all_keys)
        pages = list(s3.get_paginator(operation).paginate(
            Bucket=name, Delimiter="/", PaginationConfig={"PageSize": 2}))
        equal([it for page in pages for it in prefixes(page) + keys(page)], ["a/", "b/", "c/", "d", "e"])
    if world.is_exact:
        bad = lambda: s3.list_objects_v2(Bucket=name, ContinuationToken="?")
        refused(bad, "InvalidArgument", "The continuation token provided is incorrect")


def case_many_objects_are_deleted_at_once(world):
    s3, name = world.client("s3"), bucket(world)
    put(world, name, "a", "b/c", "b/<d>", "e")
    named = [{"Key": key} for key in ["a", "b/c", "b/<d>", "nobody"]]
    answer = s3.delete_objects(Bucket=name, Delete={"Objects": named})
    equal(sorted(it["Key"] for it in answer["Deleted"]), ["a", "b/<d>", "b/c", "nobody"])
    equal(keys(s3.list_objects_v2(Bucket=name)), ["e"])
    quiet = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "e"}], "Quiet": True})
    assert not world.is_exact or "Deleted" not in quiet and "Errors" not in quiet, quiet


def case_objects_are_copied(world):
    s3, name = world.client("s3"), bucket(world)
    s3.put_object(Bucket=name, Key="a \u00fc", Body=b"content", ContentType="text/plain", Metadata={"k": "v"})
    source = {"Bucket": name, "Key": "a \u00fc"}
    result = s3.copy_object(Bucket=name, Key="b", CopySource=source)["CopyObjectResult"]
    found = s3.get_object(Bucket=name, Key="b")
    equal((found["Body"].read(), found["ContentType"], found["Metadata"]), (b"content", "text/plain", {"k": "v"}))
    equal(result["ETag"], found["ETag"])
    s3.copy_object(Bucket=name, Key="b", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "w"})
    equal(s3.head_object(Bucket=name, Key="b")["Metadata"], {"n": "w"})
    itself = lambda: s3.copy_object(Bucket=name, Key="a \u00fc", CopySource=source)
    refused(itself, "InvalidRequest")
    none = lambda: s3.copy_object(Bucket=name, Key="c", CopySource={"Bucket": name, "Key": "none"})
    refused(none, "NoSuchKey")


def case_objects_have_tags(world):
    s3, name = world.client("s3"), bucket(world)
    place = {"Bucket": name, "Key": "a"}
    tags = lambda key="a": {it["Key"]: it["Value"] for it in s3.get_object_tagging(Bucket=name, Key=key)["TagSet"]}
    tagged = lambda **all: {"TagSet": [{"Key": key, "Value": value} for key, value in all.items()]}
    refused(lambda: s3.get_object_tagging(**place), "NoSuchKey")
    s3.put_object(**place, Body=b"content", Tagging="project=the%20lake&owner=")
    equal(tags(), {"project": "the lake", "owner": ""})
    if world.is_exact:
        many = tagged(**{f"k{number}": "v" for number in range(11)})
        refused(lambda: s3.put_object_tagging(**place, Tagging=many), "BadRequest", "Object tags cannot be greater than 10")
        refused(lambda: s3.put_object(**place, Body=b"x", Tagging="a=1&a=2"), "InvalidArgument")
        refused(lambda: s3.put_object(**place, Body=b"x", Tagging="aws:a=1"), "InvalidTag")
        refused(lambda: s3.put_object_tagging(**place, Tagging=tagged(a="<2>")), "InvalidTag",
                "The TagValue you have provided is invalid")
        twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
        refused(lambda: s3.put_object_tagging(**place, Tagging=twice), "InvalidTag")
        equal((tags(), s3.head_object(**place)["TagCount"]), ({"project": "the lake", "owner": ""}, 2))
    before = s3.head_object(**place)
    s3.put_object_tagging(**place, Tagging=tagged(a="1", b="b 2"))
    equal(tags(), {"a": "1", "b": "b 2"})
    after = s3.get_object(**place)
    equal((after["Body"].read(), after["ETag"]), (b"content", before["ETag"]))
    copy = lambda key, **more: s3.copy_object(Bucket=name, Key=key, CopySource=place, **more)
    copy("b")
    copy("c", Tagging="new=1", TaggingDirective="REPLACE")
    equal((tags("b"), tags("c")), ({"a": "1", "b": "b 2"}, {"new": "1"}))
    upload = s3.create_multipart_upload(Bucket=name, Key="d", Tagging="in=parts")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="d", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(
        Bucket=name, Key="d", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    equal(tags("d"), {"in": "parts"})
    s3.delete_object_tagging(**place)
    equal(tags(), {})
    assert "TagCount" not in s3.head_object(**place)


def case_an_object_comes_in_parts(world):
    s3, name = world.client("s3"), bucket(world)
    upload = s3.create_multipart_upload(Bucket=name, Key="large", ContentType="text/plain")["UploadId"]
    place = {"Bucket": name, "Key": "large", "UploadId": upload}
    parts = []
    for number, content in [(1, b"a" * PART), (2, b"b" * 10)]:
        tag = s3.upload_part(**place, PartNumber=number, Body=content)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    listed = s3.list_parts(**place)["Parts"]
    equal([(it["PartNumber"], it["Size"]) for it in listed], [(1, PART), (2, 10)])
    equal([it["Key"] for it in s3.list_multipart_uploads(Bucket=name)["Uploads"]], ["large"])
    refused(lambda: s3.get_object(Bucket=name, Key="large"), "NoSuchKey")
    if world.is_exact:
        wrong = [{"PartNumber": 1, "ETag": '"0"'}]
        refused(lambda: s3.complete_multipart_upload(**place, MultipartUpload={"Parts": wrong}), "InvalidPart")
        reverse = {"Parts": parts[::-1]}
        refused(lambda: s3.complete_multipart_upload(**place, MultipartUpload=reverse), "InvalidPartOrder")
    done = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.md5(content).digest() for content in [b"a" * PART, b"b" * 10])
    equal(done["ETag"], f'"{hashlib.md5(digests).hexdigest()}-2"')
    shown = s3.head_object(Bucket=name, Key="large")
    equal((shown["ContentLength"], shown["ContentType"], shown["ETag"]), (PART + 10, "text/plain", done["ETag"]))
    refused(lambda: s3.list_parts(**place), "NoSuchUpload", status=404)


def case_an_upload_may_be_given_up(world):
    s3, name = world.client("s3"), bucket(world)
    upload = s3.create_multipart_upload(Bucket=name, Key="a")["UploadId"]
    place = {"Bucket": name, "Key": "a", "UploadId": upload}
    tags = [s3.upload_part(**place, PartNumber=number, Body=b"x")["ETag"] for number in (1, 2)]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in zip((1, 2), tags)]
    refused(lambda: s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}), "EntityTooSmall")
    s3.abort_multipart_upload(**place)
    if world.is_exact:
        refused(lambda: s3.upload_part(**place, PartNumber=1, Body=b"x"), "NoSuchUpload")
    equal(keys(s3.list_objects_v2(Bucket=name)), [])


def case_files_are_transferred(world):
    """As `upload_file` and `download_file` do it: in parts, with checksums, several at a time."""
    s3, name = world.client("s3"), bucket(world)
    content = bytes(range(256)) * (4 * 9 * 1024)
    s3.upload_fileobj(io.BytesIO(content), name, "large")
    into = io.BytesIO()
    s3.download_fileobj(name, "large", into)
    assert into.getvalue() == content
    s3.copy({"Bucket": name, "Key": "large"}, name, "copy")
    assert s3.get_object(Bucket=name, Key="copy")["Body"].read() == content


def case_a_url_is_signed_for_somebody_else(world):
    s3, name = world.client("s3"), bucket(world)
    s3.put_object(Bucket=name, Key="a b", Body=b"content")
    url = s3.generate_presigned_url("get_object", {"Bucket": name, "Key": "a b", "ResponseContentType": "text/css"})
    with urllib.request.urlopen(url) as answer:
        equal((answer.read(), answer.headers["content-type"]), (b"content", "text/css"))
    url = s3.generate_presigned_url("put_object", {"Bucket": name, "Key": "c"})
    request = urllib.request.Request(url, data=b"new", method="PUT", headers={"content-type": "text/x"})
    urllib.request.urlopen(request).close()
    equal(s3.get_object(Bucket=name, Key="c")["Body"].read(), b"new")


def case_what_is_not_supported_is_refused_by_name(world):
    if not world.is_exact:
        return
    s3, name = world.client("s3"), bucket(world)
    put = lambda **members: (lambda: s3.put_object(Bucket=name, Key="a", Body=b"", **members))
    for members in [{"StorageClass": "GLACIER"}, {"SSEKMSKeyId": "k"}]:
        refused(put(**members), "NotImplemented", status=501)
    refused(put(ACL="public-read"), "AccessControlListNotSupported")
    versioning = refused(lambda: s3.get_bucket_versioning(Bucket=name), "NotImplemented", status=501)
    assert "versioning" in versioning["Error"]["Message"], versioning
    refused(lambda: s3.put_object(Bucket=name, Key="a//b", Body=b""), "NotImplemented", status=501)
    put(ACL="bucket-owner-full-control", ServerSideEncryption="AES256")()
    refused(lambda: s3.put_object(Bucket=name, Key="a/b", Body=b""), "NotImplemented", status=501)
    owner = lambda: s3.get_object(Bucket=name, Key="a", ExpectedBucketOwner="222222222222")
    refused(owner, "AccessDenied", status=403)
