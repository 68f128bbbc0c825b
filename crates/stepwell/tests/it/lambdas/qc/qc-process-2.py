"""Gross range: what no instrument of this kind can measure."""

import os
from decimal import Decimal

from qc_table import finish, read_series, value_of

LOWEST, HIGHEST = (float(bound) for bound in os.environ["FAIL_SPAN"].split(","))


def lambda_handler(event, context):
    errors = []
    for row in read_series(event["Source"]):
        value = value_of(row)
        if value is not None and not LOWEST <= value <= HIGHEST:
            found = {"Test": "gross_range", "Time": row["time"], "Value": Decimal(row["value"])}
            errors.append(found)
    return finish(event, 2, errors)
