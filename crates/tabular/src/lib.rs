//! Tables in files: CSV, JSON lines and Parquet, read and written as Arrow record batches.
