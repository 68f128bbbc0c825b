//! The comparison of two sides of a table: counts, keys and checksums, down to the rows that differ.
