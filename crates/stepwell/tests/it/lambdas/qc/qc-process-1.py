"""Completeness: every row has a time of its own, and a value."""

from qc_table import finish, read_series


def lambda_handler(event, context):
    seen, errors = set(), []
    for row in read_series(event["Source"]):
        if row["time"] in seen:
            errors.append({"Test": "duplicate_time", "Time": row["time"]})
        if not row["value"]:
            errors.append({"Test": "completeness", "Time": row["time"]})
        seen.add(row["time"])
    return finish(event, 1, errors)
