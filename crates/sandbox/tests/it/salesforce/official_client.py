"""What simple-salesforce makes of the sandbox: one scenario by name, its findings as JSON.

Arguments: scenario, URL of the sandbox, credentials as JSON. The client knows hosts below salesforce.com with TLS
only; an adapter of its own HTTP library sends what goes there to the sandbox.
"""

import decimal
import json
import sys
import time
from urllib.parse import urlparse

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

SCENARIO, URL, CREDENTIALS = sys.argv[1:]
CREDENTIALS = json.loads(CREDENTIALS)


class ToSandbox(HTTPAdapter):
    def send(self, request, **more):
        address = urlparse(request.url)
        request.url = URL + address.path + ("?" + address.query if address.query else "")
        return super().send(request, **more)


def session():
    session = requests.Session()
    session.mount("https://", ToSandbox())
    return session


def connect(**more):
    return Salesforce(
        consumer_key=CREDENTIALS["client_id"],
        consumer_secret=CREDENTIALS["client_secret"],
        domain="acme.my",
        version="60.0",
        session=session(),
        **more,
    )


def flows():
    names = ["client-credentials", "jwt-bearer", "password"]
    user = CREDENTIALS["username"]
    connections = [
        connect(),
        Salesforce(
            username=user,
            consumer_key=CREDENTIALS["client_id"],
            privatekey=CREDENTIALS["private_key"],
            session=session(),
        ),
        connect(username=user, password=CREDENTIALS["password"]),
    ]
    for connection in connections:
        assert connection.limits()["DailyApiRequests"]["Max"] == 15000
    return names


def query_all():
    connection = connect(parse_float=decimal.Decimal)
    soql = "SELECT Id, Balance__c FROM Account ORDER BY Id"
    live = connection.query_all(soql)["records"]
    every = connection.query_all(soql, include_deleted=True)["records"]
    large = [record["Balance__c"] for record in every if record["Balance__c"] is not None]
    exact = any(str(number).startswith("9999999999999999.") for number in large)
    return {
        "live": [record["Id"] for record in live],
        "all": [record["Id"] for record in every],
        "decimal": str(exact),
    }


def bulk():
    import csv
    import io

    pages = list(connect().bulk2.Account.query("SELECT Id, Name, Description FROM Account ORDER BY Id"))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page, newline=""))]
    return {
        "ids": [row["Id"] for row in rows],
        "pages": len(pages),
        "nul": any("\0" in page for page in pages),
    }


def others():
    import datetime

    connection = connect()
    fields = len(connection.Account.describe()["fields"])
    end = datetime.datetime(2026, 3, 1, 9, tzinfo=datetime.timezone.utc)
    deleted = connection.Account.deleted(end - datetime.timedelta(days=20), end)
    connection.query("SELECT COUNT() FROM Account")
    usage = connection.api_usage["api-usage"]
    errors = []

    def expire():
        connection.headers["Authorization"] = "Bearer expired"
        connection._salesforce_login_partial = None
        connection.query("SELECT Id FROM Account")

    for attempt in (
        lambda: connection.query("SELECT Nope FROM Account"),
        connection.limits,
        expire,
    ):
        try:
            attempt()
        except SalesforceError as error:
            errors.append(type(error).__name__)
    return {
        "fields": fields,
        "deleted": len(deleted["deletedRecords"]),
        "usage": {"used": usage.used, "total": usage.total},
        "errors": errors,
    }


json.dump(globals()[SCENARIO](), sys.stdout)
