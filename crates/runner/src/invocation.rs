//! One call of a function and what comes of it.

use bytes::Bytes;
use serde_json::json;

/// A call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event: JSON.
    pub payload: Bytes,
    /// The client context: JSON.
    pub client_context: Option<String>,
}

impl Invocation {
    /// A call with an event.
    pub fn of(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), client_context: None }
    }
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// Names this invocation in logs and errors.
    pub request_id: String,
    /// What the function returned; for an error `{"errorMessage":"...","errorType":"..."}` and what else it said.
    pub payload: Bytes,
    /// The type of the error, if the function failed: its own, or one of Lambda's such as `Sandbox.Timedout`.
    pub error_type: Option<String>,
    /// The last 4 KiB of its log.
    pub log_tail: Vec<u8>,
}

/// What a process answered, or what is said in its place.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) payload: Bytes,
    pub(crate) error_type: Option<String>,
}

impl Reply {
    pub(crate) fn returned(payload: Bytes) -> Self {
        Self { payload, error_type: None }
    }

    /// What the runtime said of an error: the type of the payload, else of the header.
    pub(crate) fn failed(payload: Bytes, header: Option<&str>) -> Self {
        let said = serde_json::from_slice::<serde_json::Value>(&payload).ok();
        let said = said.and_then(|said| said.get("errorType")?.as_str().map(str::to_owned));
        let error_type = said.or_else(|| header.map(str::to_owned));
        Self {
            payload,
            error_type: Some(error_type.unwrap_or_else(|| "Lambda.Unknown".to_owned())),
        }
    }

    /// What Lambda says where the function cannot.
    fn of_lambda(error_type: &str, message: &str) -> Self {
        let payload = json!({"errorType": error_type, "errorMessage": message}).to_string();
        Self { payload: payload.into(), error_type: Some(error_type.to_owned()) }
    }

    pub(crate) fn timed_out(request_id: &str, seconds: u32) -> Self {
        let message =
            format!("RequestId: {request_id} Error: Task timed out after {seconds}.00 seconds");
        Self::of_lambda("Sandbox.Timedout", &message)
    }

    /// `how` is for instance `exit status 1`; nothing for a process that ended in peace.
    pub(crate) fn exited(request_id: &str, how: Option<&str>) -> Self {
        let reason = how.map_or("Runtime exited without providing a reason".to_owned(), |how| {
            format!("Runtime exited with error: {how}")
        });
        Self::of_lambda("Runtime.ExitError", &format!("RequestId: {request_id} Error: {reason}"))
    }

    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({bytes_max} bytes)."
        );
        Self::of_lambda("Function.ResponseSizeTooLarge", &message)
    }

    pub(crate) fn bad_entrypoint(request_id: &str, problem: &str) -> Self {
        Self::of_lambda(
            "Runtime.InvalidEntrypoint",
            &format!("RequestId: {request_id} Error: {problem}"),
        )
    }
}
