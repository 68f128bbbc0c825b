//! What the failure of a service means for a function.

use stepwell_integrations::aws::CallError;
use stepwell_integrations::{athena, dynamodb, glue, kinesis, s3, sns, sqs};
use stepwell_pipeline::HandlerError;

/// An error of a service that a function can fail with.
pub trait ToHandlerError {
    /// The same, by what should happen next.
    fn to_handler_error(&self) -> HandlerError;
}

/// What is neither retryable nor of the configuration is of the data.
fn classed(error: &dyn std::error::Error, is_retryable: bool, is_config: bool) -> HandlerError {
    let message = error.to_string();
    match (is_retryable, is_config) {
        (true, _) => HandlerError::Retryable(message),
        (false, true) => HandlerError::Config(message),
        (false, false) => HandlerError::Data(message),
    }
}

fn is_config(error: &CallError) -> bool {
    matches!(error, CallError::AccessDenied { .. } | CallError::Misconfigured { .. })
}

macro_rules! to_handler_error {
    ($($error:ty: $($config:pat_param)|+, calls in $call:path;)*) => {
        $(impl ToHandlerError for $error {
            fn to_handler_error(&self) -> HandlerError {
                let is_config = matches!(self, $($config)|+)
                    || matches!(self, $call(error) if is_config(error));
                classed(self, self.is_retryable(), is_config)
            }
        })*
    };
}

to_handler_error! {
    athena::Error:
        athena::Error::Invalid { .. } | athena::Error::Failed { fault: athena::Fault::Query, .. },
        calls in athena::Error::Call;
    dynamodb::Error:
        dynamodb::Error::NoSuchTable { .. } | dynamodb::Error::OtherKeys { .. } | dynamodb::Error::Store(_),
        calls in dynamodb::Error::Call;
    glue::Error: glue::Error::NotFound { .. } | glue::Error::Unreadable { .. }, calls in glue::Error::Call;
    kinesis::Error: kinesis::Error::NotFound { .. }, calls in kinesis::Error::Call;
    s3::Error: s3::Error::InvalidName { .. } | s3::Error::Folder { .. }, calls in s3::Error::Call;
    sns::Error: sns::Error::NoSuchTopic { .. } | sns::Error::Store(_), calls in sns::Error::Call;
    sqs::Error:
        sqs::Error::NoSuchQueue { .. } | sqs::Error::NoDeadLetterQueue { .. } | sqs::Error::Store(_),
        calls in sqs::Error::Call;
}

impl ToHandlerError for CallError {
    fn to_handler_error(&self) -> HandlerError {
        classed(self, self.is_retryable(), is_config(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_happen_next_decides_the_class() {
        let denied = CallError::AccessDenied { operation: "glue:GetTable", message: "no".into() };
        assert!(matches!(denied.to_handler_error(), HandlerError::Config(_)));
        let denied = glue::Error::from(denied);
        assert!(matches!(denied.to_handler_error(), HandlerError::Config(_)));
        let throttled = CallError::Throttled { operation: "glue:GetTable", message: "slow".into() };
        let throttled = glue::Error::from(throttled).to_handler_error();
        assert!(matches!(throttled, HandlerError::Retryable(_)));
        let missing = sns::Error::NoSuchTopic { topic: "alerts".into() }.to_handler_error();
        assert!(matches!(missing, HandlerError::Config(_)));
        let bad = sns::Error::InvalidMessage { problem: "its text is empty".into() };
        assert!(matches!(bad.to_handler_error(), HandlerError::Data(_)));
    }
}
