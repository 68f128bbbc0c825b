//! Keeps a Parquet data lake in step with DynamoDB, Salesforce and Mambu, and proves it.

pub mod reconcile;
pub mod report;
pub mod source;
