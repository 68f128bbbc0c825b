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


def by_pylist():
    import gzip
    import json
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    def plain(value):
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

    schema = pa.schema(
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
    count = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for file in files:
            rows = []
            for line in gzip.open(file, "rt"):
                row = {name: plain(it) for name, it in json.loads(line)["Item"].items()}
                row["quantity"] = int(row["quantity"])
                row["address"] = json.dumps(row["address"], sort_keys=True, default=float)
                rows.append(row)
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


print({"duckdb": by_duckdb, "pyarrow": by_pyarrow, "pylist": by_pylist}[mode]())
