"""What pyarrow, DuckDB and pandas read of a table of the lake, as one line of JSON.

    read.py parquet|csv|jsonl FOLDER          a folder of this machine
    read.py s3 BUCKET/PREFIX URL              the same of S3, by pyarrow

Partitions are those that each reader finds in the paths by itself.
"""

import base64
import collections
import datetime
import decimal
import glob
import json
import sys

import duckdb
import pandas
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.json
import pyarrow.parquet as pq

# Text says no types: what the tables of the tests declare, in the words of DuckDB and of pyarrow.
TYPES = {
    "id": ("BIGINT", pa.int64()),
    "line": ("INTEGER", pa.int32()),
    "name": ("VARCHAR", pa.string()),
    "ok": ("BOOLEAN", pa.bool_()),
    "amount": ("DECIMAL(38,9)", pa.decimal128(38, 9)),
    "price": ("DECIMAL(10,2)", pa.decimal128(10, 2)),
    "ratio": ("DOUBLE", pa.float64()),
    "day": ("DATE", pa.date32()),
    "at": ("TIMESTAMP WITH TIME ZONE", pa.timestamp("us", "UTC")),
    "raw": ("VARCHAR", pa.string()),
    "doc": ("JSON", None),
}
NESTED = {
    "tags": ("VARCHAR[]", pa.list_(pa.string())),
    "place": ("STRUCT(city VARCHAR, zip INTEGER)", pa.struct([("city", pa.string()), ("zip", pa.int32())])),
}


def plain(value):
    """A value in the words of the test."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def answer(schema, table):
    rows = [{name: plain(value) for name, value in row.items() if name != "run"} for row in table.to_pylist()]
    rows.sort(key=lambda row: row["id"])
    partitions = collections.Counter(json.dumps([row["dt"], row["region"]], ensure_ascii=False) for row in rows)
    return {"schema": schema, "rows": rows, "partitions": partitions}


def of_dataset(dataset):
    schema = {field.name: str(field.type) for field in dataset.schema}
    return answer(schema, dataset.to_table())


def of_duckdb(query):
    duckdb.sql("SET TimeZone = 'UTC'")
    relation = duckdb.sql(query)
    schema = {name: str(kind) for name, kind in zip(relation.columns, relation.types)}
    return answer(schema, relation.to_arrow_table())


def parquet(folder):
    files = glob.glob(f"{folder}/**/*.parquet", recursive=True)
    metadata = [pq.read_metadata(file) for file in files]
    # Left to itself, pandas makes categories of partitions, which know no NULL.
    frame = pandas.read_parquet(folder, partitioning=ds.partitioning(flavor="hive"))
    return {
        "pyarrow": of_dataset(ds.dataset(folder, partitioning="hive")),
        "duckdb": of_duckdb(f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"),
        "pandas": {"rows": len(frame), "sum": plain(frame["price"].dropna().sum())},
        "compression": sorted({
            group.column(column).compression
            for file in metadata for group in map(file.row_group, range(file.num_row_groups))
            for column in range(group.num_columns)
        }),
        "created_by": sorted({file.created_by for file in metadata}),
    }


def text(folder, extension, read, reader, types):
    """Files of text: pyarrow reads them one by one, and their paths by itself."""
    levels = pa.schema([(name, pa.string()) for name in ("dt", "region", "run")])
    hive = ds.partitioning(levels, flavor="hive")
    tables = []
    for file in sorted(glob.glob(f"{folder}/dt=*/**/*{extension}", recursive=True)):
        table = read(file)
        keys = ds.get_partition_keys(hive.parse(file.removeprefix(folder)))
        for name in levels.names:
            table = table.append_column(name, pa.array([keys.get(name)] * len(table), pa.string()))
        tables.append(table)
    table = pa.concat_tables(tables, promote_options="permissive")
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, (kind, _) in types.items()) + "}"
    return {
        "pyarrow": answer({field.name: str(field.type) for field in table.schema}, table),
        "duckdb": of_duckdb(
            f"SELECT * FROM {reader}('{folder}/dt=*/**/*{extension}', columns = {columns}, hive_partitioning = true)"
        ),
    }


def csv(folder):
    types = {name: kind or pa.string() for name, (_, kind) in TYPES.items()}
    convert = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    options = {"convert_options": convert, "parse_options": pa.csv.ParseOptions(newlines_in_values=True)}
    return text(folder, ".csv.gz", lambda file: pa.csv.read_csv(file, **options), "read_csv", TYPES)


def jsonl(folder):
    types = TYPES | NESTED
    # pyarrow makes no days of the texts in JSON.
    known = {name: kind for name, (_, kind) in types.items() if kind} | {"day": pa.string()}
    options = pa.json.ParseOptions(explicit_schema=pa.schema(known.items()))
    return text(folder, ".jsonl.gz", lambda file: pa.json.read_json(file, parse_options=options), "read_json", types)


def s3(folder, url):
    endpoint = url.removeprefix("http://")
    bucket = pa.fs.S3FileSystem(
        access_key="AKIAIOSFODNN7EXAMPLE", secret_key="x", region="eu-central-1", scheme="http", endpoint_override=endpoint
    )
    return {"pyarrow": of_dataset(ds.dataset(folder, filesystem=bucket, partitioning="hive"))}


READERS = {"parquet": parquet, "csv": csv, "jsonl": jsonl, "s3": s3}
print(json.dumps(READERS[sys.argv[1]](*sys.argv[2:])))
