//! One suite per service, run by every implementation.
//!
//! `moto` stands for AWS. Where moto itself differs from AWS, the case says so and holds only the part that moto keeps.

mod boto3;
mod dynamodb;
mod events_wire;
mod glue;
mod iam;
mod logs_wire;
mod s3;
mod secrets_wire;
mod sns;
mod sns_wire;
mod sqs;
mod sqs_wire;
mod ssm_wire;

/// Makes a test of each case for each implementation: `implementations!(embedded, moto; case, ...)`.
///
/// `embedded()` gives a fixture; `moto()` gives one or nothing, if there is no moto.
macro_rules! implementations {
    ($($case:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test] async fn $case() { super::$case(&super::embedded().await).await; })*
        }
        mod moto {
            $(#[tokio::test] async fn $case() {
                if let Some(fixture) = super::moto().await {
                    super::$case(&fixture).await;
                }
            })*
        }
    };
}
pub(crate) use implementations;
