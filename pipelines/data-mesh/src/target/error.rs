//! What a failure of the target means for a function.

use stepwell_integrations::aws::CallError;
use stepwell_integrations::iam::Error;
use stepwell_pipeline::HandlerError;

/// What may pass is retryable; missing rights and wrong settings are the configuration's; the rest is the role's or
/// the document's.
pub(crate) fn handler_error(error: &Error) -> HandlerError {
    let message = error.to_string();
    match error {
        error if error.is_retryable() => HandlerError::Retryable(message),
        Error::Call(CallError::AccessDenied { .. } | CallError::Misconfigured { .. })
        | Error::Store(_) => HandlerError::Config(message),
        _ => HandlerError::Data(message),
    }
}
