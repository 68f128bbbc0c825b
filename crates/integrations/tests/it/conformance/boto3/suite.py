"""What the suites share: clients for an endpoint, and a runner that says which cases failed.

A suite is a file with functions `case_...(world)`; `python suite.py FILE ENDPOINT REGION (exact|moto)` runs them all.
"""

import importlib.util
import itertools
import sys
import time
import traceback

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class World:
    """An endpoint. `is_exact` is false for moto, where the suite says what moto does not do as AWS."""

    _numbers = itertools.count()

    def __init__(self, endpoint, region, is_exact):
        self.endpoint, self.region, self.is_exact = endpoint, region, is_exact

    def client(self, service, **config):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="111111111111",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def unique(self, prefix):
        return f"{prefix}-{time.time_ns()}-{next(self._numbers)}"


def refused(call, code, message=None, status=None):
    """The error that a call must fail with."""
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, found
        assert message is None or found["Message"] == message, found
        actual = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status is None or actual == status, actual
        return error.response
    raise AssertionError(f"{code} was expected")


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def main(path, endpoint, region, kind):
    spec = importlib.util.spec_from_file_location("cases", path)
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)
    world = World(endpoint, region, kind == "exact")
    failed = 0
    for name, case in list(vars(cases).items()):
        if name.startswith("case_"):
            try:
                case(world)
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
