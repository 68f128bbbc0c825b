"""DynamoDB JSON in gzip -> Parquet with zstd, by DuckDB or pyarrow: MODE FOLDER TARGET. Prints the number of rows."""

import glob
import sys

mode, folder, target = sys.argv[1:]
files = sorted(glob.glob(f"{folder}/data/*.json.gz"))


def by_duckdb():
    import duckdb

    columns = """{Item: 'STRUCT(pk STRUCT(S VARCHAR), sk STRUCT(S VARCHAR), total STRUCT(N VARCHAR), quantity STRUCT(N VARCHAR),
        paid STRUCT(BOOL BOOLEAN), created STRUCT(S VARCHAR), tags STRUCT(SS VARCHAR[]),
        address STRUCT(M STRUCT(street STRUCT(S VARCHAR), city STRUCT(S VARCHAR), zip STRUCT(N VARCHAR))),
        note STRUCT(S VARCHAR))'}"""
    duckdb.sql(f"""
        COPY (
            SELECT Item.pk.S AS pk, Item.sk.S AS sk, Item.total.N::DECIMAL(18, 2) AS total, Item.quantity.N::BIGINT AS quantity,
                Item.paid.BOOL AS paid, Item.created.S AS created, list_sort(Item.tags.SS) AS tags,
                to_json({{city: Item.address.M.city.S, street: Item.address.M.street.S, zip: Item.address.M.zip.N::DOUBLE}})
                    AS address,
                Item.note.S AS note
            FROM read_json('{folder}/data/*.json.gz', format = 'newline_delimited', columns = {columns})
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")
    return duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall()[0][0]


def by_pyarrow():
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.json
    import pyarrow.parquet as pq

    count, writer = 0, None
    for file in files:
        with pa.CompressedInputStream(pa.OSFile(file), "gzip") as stream:
            table = pyarrow.json.read_json(stream, read_options=pyarrow.json.ReadOptions(block_size=16 << 20))
        item = table["Item"].combine_chunks()

        def part(*path):
            return pc.struct_field(item, list(path))

        address = part("address", "M")
        table = pa.table(
            {
                "pk": part("pk", "S"),
                "sk": part("sk", "S"),
                "total": pc.cast(part("total", "N"), pa.decimal128(18, 2)),
                "quantity": pc.cast(part("quantity", "N"), pa.int64()),
                "paid": part("paid", "BOOL"),
                "created": part("created", "S"),
                "tags": part("tags", "SS"),
                # There is no JSON to write with: the map stays what it is.
                "address": address,
                "note": part("note", "S"),
            }
        )
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
        count += table.num_rows
    writer.close()
    return count


def plain(value):
    from decimal import Decimal

    ((tag, inner),) = value.items()
    if tag == "N":
        return Decimal(inner)
    if tag == "NULL":
        return None
    if tag == "SS":
        return sorted(inner)
    if tag == "M":
        return {name: plain(it) for name, it in inner.items()}
    return inner


def schema():
    import pyarrow as pa

    return pa.schema(
        [
            ("pk", pa.string()),
            ("sk", pa.string()),
            ("total", pa.decimal128(18, 2)),
            ("quantity", pa.int64()),
            ("paid", pa.bool_()),
            ("created", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("address", pa.string()),
            ("note", pa.string()),
        ]
    )


def written(table_of):
    """Writes a table of each file; `table_of` makes it of the items."""
    import gzip
    import json

    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(target, schema(), compression="zstd") as writer:
        for file in files:
            table = table_of([json.loads(line)["Item"] for line in gzip.open(file, "rt")])
            writer.write_table(table)
            count += table.num_rows
    return count


def by_pylist(items):
    """The generic way: every value in its Python type, then rows into columns."""
    import json

    import pyarrow as pa

    def row_of(item):
        row = {name: plain(it) for name, it in item.items()}
        row["quantity"] = int(row["quantity"])
        row["address"] = json.dumps(row["address"], sort_keys=True, default=float)
        return row

    return pa.Table.from_pylist([row_of(item) for item in items], schema=schema())


def by_columns(items):
    """The columns that are known, one by one; Arrow reads the numbers."""
    import json

    import pyarrow as pa
    import pyarrow.compute as pc

    def column(name, tag):
        return [item[name].get(tag) for item in items]

    def address(item):
        return json.dumps({name: plain(it) for name, it in item["address"]["M"].items()}, sort_keys=True, default=float)

    arrays = [
        pa.array(column("pk", "S")),
        pa.array(column("sk", "S")),
        pc.cast(pa.array(column("total", "N")), pa.decimal128(18, 2)),
        pc.cast(pa.array(column("quantity", "N")), pa.int64()),
        pa.array(column("paid", "BOOL")),
        pa.array(column("created", "S")),
        pa.array([sorted(tags) for tags in column("tags", "SS")]),
        pa.array([address(item) for item in items]),
        pa.array(column("note", "S")),
    ]
    return pa.Table.from_arrays(arrays, schema=schema())


ways = {
    "duckdb": by_duckdb,
    "pyarrow": by_pyarrow,
    "columns": lambda: written(by_columns),
    "pylist": lambda: written(by_pylist),
}
print(ways[mode]())
