//! The comparison from outside: what it finds, beside a naive one, and what it refuses.

mod found;
mod naive;
mod parquet;
mod table;
