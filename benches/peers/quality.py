"""Four tests of ioos_qc and their roll-up on the series in a folder; prints how long they took and their flags' sums."""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")

from ioos_qc import qartod  # noqa: E402

folder = Path(sys.argv[1])
times = np.fromfile(folder / "times", dtype="<i8").astype("datetime64[ns]")
values = np.fromfile(folder / "values", dtype="<f8")

started = time.perf_counter()
flags = [
    qartod.gross_range_test(values, (0, 25), (5, 13)),
    qartod.spike_test(values, 2, 5, "average"),
    qartod.rate_of_change_test(values, times, 0.005, 0.02),
    qartod.flat_line_test(values, times, 1800, 3000, 0.05),
]
flags.append(qartod.qartod_compare([np.ma.asarray(flag) for flag in flags]))
seconds = time.perf_counter() - started

places = np.arange(1, len(values) + 1, dtype=np.uint64)
sums = [int((np.asarray(flag).astype(np.uint64) * places).sum(dtype=np.uint64)) for flag in flags]
print(json.dumps({"seconds": seconds, "flags": sums}))
