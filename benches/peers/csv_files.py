"""CSV in gzip -> Parquet with zstd, by DuckDB or pyarrow: MODE FOLDER TARGET. Prints the number of rows."""

import glob
import sys

mode, folder, target = sys.argv[1:]


def by_duckdb():
    import duckdb

    columns = """{id: 'BIGINT', customer: 'VARCHAR', region: 'VARCHAR', quantity: 'INTEGER', amount: 'DECIMAL(18,2)',
        weight: 'DOUBLE', ordered: 'DATE', modified: 'TIMESTAMPTZ', paid: 'BOOLEAN', note: 'VARCHAR'}"""
    duckdb.sql(f"""
        COPY (SELECT * FROM read_csv('{folder}/*.csv.gz', header = true, columns = {columns}))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")
    return duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall()[0][0]


def by_pyarrow():
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    types = {
        "id": pa.int64(),
        "customer": pa.string(),
        "region": pa.string(),
        "quantity": pa.int32(),
        "amount": pa.decimal128(18, 2),
        "weight": pa.float64(),
        "ordered": pa.date32(),
        "modified": pa.timestamp("us", "UTC"),
        "paid": pa.bool_(),
        "note": pa.string(),
    }
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    count = 0
    with pq.ParquetWriter(target, pa.schema(types.items()), compression="zstd") as writer:
        for file in sorted(glob.glob(f"{folder}/*.csv.gz")):
            for batch in csv.open_csv(file, convert_options=options):
                writer.write_batch(batch)
                count += batch.num_rows
    return count


print({"duckdb": by_duckdb, "pyarrow": by_pyarrow}[mode]())
