"""Compares two folders of Parquet files by key: `peer.py duckdb|pandas FOLDER`. Prints the time and what was found."""

import json
import sys
import time

COLUMNS = ["day", "amount", "quantity", "weight", "status", "note", "modified"]


def duckdb_found(folder):
    import duckdb

    started = time.perf_counter()
    database = duckdb.connect(config={"threads": 2})
    differs = " OR ".join(f's."{name}" IS DISTINCT FROM l."{name}"' for name in COLUMNS)
    rows = database.execute(
        f"""SELECT coalesce(s.id, l.id) AS id, s.id IS NULL AS extra, l.id IS NULL AS missing
            FROM '{folder}/source/*.parquet' s FULL OUTER JOIN '{folder}/lake/*.parquet' l ON s.id = l.id
            WHERE s.id IS NULL OR l.id IS NULL OR {differs}"""
    ).fetchall()
    found = {
        "missing": sorted(id for id, extra, missing in rows if missing),
        "extra": sorted(id for id, extra, missing in rows if extra),
        "different": sorted(id for id, extra, missing in rows if not extra and not missing),
    }
    return time.perf_counter() - started, found


def pandas_found(folder):
    import pandas

    started = time.perf_counter()
    source = pandas.read_parquet(f"{folder}/source")
    lake = pandas.read_parquet(f"{folder}/lake")
    both = source.merge(lake, on="id", how="outer", suffixes=("_s", "_l"), indicator=True)
    paired = both[both["_merge"] == "both"]
    differs = None
    for name in COLUMNS:
        one, other = paired[f"{name}_s"], paired[f"{name}_l"]
        column = (one != other) & ~(one.isna() & other.isna())
        differs = column if differs is None else differs | column
    ids = lambda rows: sorted(int(id) for id in rows["id"])
    found = {
        "missing": ids(both[both["_merge"] == "left_only"]),
        "extra": ids(both[both["_merge"] == "right_only"]),
        "different": ids(paired[differs]),
    }
    return time.perf_counter() - started, found


compare = {"duckdb": duckdb_found, "pandas": pandas_found}[sys.argv[1]]
seconds, found = compare(sys.argv[2])
print(json.dumps({"seconds": seconds, "found": found}))
