"""Rate of change: the series does not jump."""

import os
from datetime import datetime
from decimal import Decimal

from qc_table import finish, read_series, value_of

FAIL_PER_SECOND = float(os.environ["RATE_FAIL"])


def lambda_handler(event, context):
    errors, before = [], None
    for row in read_series(event["Source"]):
        value, at = value_of(row), datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
        if value is not None and before is not None:
            seconds = (at - before[0]).total_seconds()
            if seconds > 0 and abs(value - before[1]) / seconds > FAIL_PER_SECOND:
                errors.append({"Test": "rate_of_change", "Time": row["time"], "Value": Decimal(row["value"])})
        before = None if value is None else (at, value)
    return finish(event, 3, errors)
