//! What a Catcher puts into the state.

use serde::Deserialize;

/// The error output of a function.
///
/// ```json
/// {"Error":"Data","Cause":"{\"errorMessage\":\"...\",\"errorType\":\"Data\"}"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Caught {
    /// The error name.
    #[serde(rename = "Error")]
    pub(crate) error: String,
    /// What the function said.
    #[serde(rename = "Cause")]
    cause: Option<String>,
}

impl Caught {
    /// The text for people: functions put it into JSON.
    pub(crate) fn message(&self) -> String {
        #[derive(Deserialize)]
        struct Cause {
            #[serde(rename = "errorMessage")]
            message: String,
        }
        let cause = self.cause.as_deref().unwrap_or("no cause given");
        serde_json::from_str(cause).map_or_else(|_| cause.to_owned(), |cause: Cause| cause.message)
    }
}
