"""What Trino's own client makes of the sandbox: one scenario by name, its findings as JSON.

Arguments: scenario, URL of the cluster, user, password.
"""

import json
import sys
from urllib.parse import urlparse

import trino
from trino.auth import BasicAuthentication
from trino.exceptions import TrinoUserError

SCENARIO, URL, USER, PASSWORD = sys.argv[1:]


def connect(**more):
    address = urlparse(URL)
    return trino.dbapi.connect(
        host=address.hostname,
        port=address.port,
        http_scheme="http",
        user=USER,
        auth=BasicAuthentication(USER, PASSWORD),
        # The sandbox has no certificate.
        allow_insecure_auth=True,
        **more,
    )


def run(connection, sql, parameters=None):
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    return cursor.fetchall()


def ddl():
    connection = connect(catalog="hive_dp", schema="official")
    run(connection, 'CREATE SCHEMA IF NOT EXISTS "hive_dp"."official"')
    run(connection, "CREATE TABLE source (id bigint, amount decimal(10,2), at timestamp(3) with time zone)")
    run(connection, "CREATE OR REPLACE VIEW \"a \"\"view\"\"\" COMMENT 'it''s' AS SELECT id, amount, at FROM source")
    run(connection, "COMMENT ON COLUMN \"a \"\"view\"\"\".id IS 'the id'")
    cursor = connection.cursor()
    cursor.execute('SELECT * FROM "a ""view""" LIMIT 0')
    rows = cursor.fetchall()
    return {
        "rows": rows,
        "columns": [(column.name, column.type_code, column.precision) for column in cursor.description],
        "tables": run(connection, "SHOW TABLES"),
        "definition": run(connection, 'SHOW CREATE VIEW "a ""view"""')[0][0],
    }


def rows():
    connection = connect()
    sql = "SELECT table_schema, table_name FROM lake.information_schema.tables ORDER BY table_name"
    cursor = connection.cursor()
    cursor.execute(sql)
    first = cursor.fetchone()
    return {"first": first, "rows": 1 + len(cursor.fetchall()), "state": cursor.stats["state"]}


def errors():
    connection = connect()
    found = []
    for sql in [
        "SELECT * FROM hive_dp.handmade.none",
        "CREATE VIEW hive_dp.none.v AS SELECT 1",
        "SELECT * FROM ..",
        "DROP TABLE hive_dp.handmade.none",
    ]:
        try:
            run(connection, sql)
        except TrinoUserError as error:
            found.append([error.error_name, error.error_type, error.message])
    return found


def wrong_password():
    global PASSWORD
    PASSWORD = "wrong"
    try:
        run(connect(), "SELECT 1")
    except trino.exceptions.HttpError as error:
        return str(error)


def cancel():
    cursor = connect().cursor()
    cursor.execute("CREATE SCHEMA hive_dp.kept")
    cursor.fetchall()
    cursor = connect().cursor()
    # `execute` of the client runs a statement to its end unless it has rows; these have some.
    cursor.execute("SELECT table_name FROM lake.information_schema.tables")
    cursor.cancel()
    return True


def prepared():
    found = []
    for legacy in [None, True]:
        connection = connect(legacy_prepared_statements=legacy)
        found.append(run(connection, "SELECT ?, ?", [7, "it's"]))
        schema = run(
            connection,
            "SELECT schema_name FROM hive_dp.information_schema.schemata WHERE schema_name = ?",
            ["handmade"],
        )
        found.append(schema)
    return found


def use():
    connection = connect()
    run(connection, "USE hive_dp.handmade")
    run(connection, "CREATE TABLE here (id bigint)")
    return run(connection, "SHOW TABLES")


print(json.dumps(globals()[SCENARIO]()))
