//! What the results of `startExecution` tell of the response that they came in.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use super::members::instant;

/// Adds `SdkHttpMetadata` and `SdkResponseMetadata` to a result.
pub(super) fn add(result: &mut Value, response: &Value, request_id: &str, at: Timestamp) {
    let length = length(response).to_string();
    let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default();
    let content_type = "application/x-amz-json-1.0";
    result["SdkHttpMetadata"] = json!({
        "AllHttpHeaders": {
            "connection": ["keep-alive"],
            "Content-Length": [length],
            "Content-Type": [content_type],
            "Date": [date],
            "x-amzn-RequestId": [request_id],
        },
        "HttpHeaders": {
            "connection": "keep-alive",
            "Content-Length": length,
            "Content-Type": content_type,
            "Date": date,
            "x-amzn-RequestId": request_id,
        },
        "HttpStatusCode": 200,
    });
    result["SdkResponseMetadata"] = json!({ "RequestId": request_id });
}

/// Bytes of a response as AWS writes it: instants as `1.767225600123E9`. All that is recorded has the same length for
/// ARNs of the same length, so that zeros at the end count.
fn length(response: &Value) -> usize {
    let dates = response.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let seconds = instant(name, value)?.as_millisecond() as f64 / 1_000.0;
        Some(format!("{seconds:.12E}").len() as isize - value.to_string().len() as isize)
    });
    response.to_string().len().saturating_add_signed(dates.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length is one that AWS answered with, of an ARN as long as this.
    #[test]
    fn the_length_is_that_of_aws() {
        let machine = "statemachine_create_and_record_execution_abcdef01";
        let arn =
            format!("arn:aws:states:us-east-1:111111111111:execution:{machine}:TestStartTarget");
        for seconds in [1_721_038_834.683, 1_721_038_834.68, 1_721_038_834.0] {
            let response = json!({"executionArn": arn, "startDate": seconds});
            assert_eq!(length(&response), 161);
        }
    }
}
