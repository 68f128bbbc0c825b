"""Calls functions of ioos_qc: one request a line on stdin, one answer a line on stdout.

{"function": "qartod.spike_test", "args": {"inp": {"f64": [bits, ...]}, "suspect_threshold": 3}}
{"flags": [2, 1, 2]} or {"error": "IndexError"}
"""

import json
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

from ioos_qc import argo, axds, qartod  # noqa: E402

MODULES = {"argo": argo, "axds": axds, "qartod": qartod}


def decoded(value):
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "f64" in value:
        return np.array(value["f64"], dtype=np.uint64).view(np.float64)
    if "ns" in value:
        return np.array(value["ns"], dtype=np.int64).astype("datetime64[ns]")
    if "texts" in value:
        return np.array(value["texts"], dtype=str)
    if "tuple" in value:
        return tuple(decoded(item) for item in value["tuple"])
    if "float" in value:
        return float(value["float"])
    if "u8" in value:
        return np.array(value["u8"], dtype=np.uint8)
    return {key: decoded(item) for key, item in value.items()}


def answer(request):
    module, name = request["function"].split(".")
    try:
        flags = getattr(MODULES[module], name)(**decoded(request["args"]))
    except Exception as error:
        return {"error": type(error).__name__}
    return {"flags": [int(flag) for flag in np.asarray(flags).tolist()]}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
