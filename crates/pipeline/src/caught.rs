//! The error output that a Catcher puts into the state, as functions that summarise a run read it.

use serde::Deserialize;

/// What failed, and why.
///
/// ```json
/// {"Error":"Data","Cause":"{\"errorMessage\":\"a row has no key\",\"errorType\":\"Data\"}"}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Caught {
    /// The error name, for instance `Data` or `States.Timeout`.
    #[serde(rename = "Error")]
    pub error: String,
    /// A text, or the JSON into which functions put theirs.
    #[serde(rename = "Cause")]
    pub cause: Option<String>,
}

impl Caught {
    /// The text for people.
    ///
    /// ```
    /// use stepwell_pipeline::Caught;
    ///
    /// let caught = |cause: &str| Caught { error: "Data".into(), cause: Some(cause.into()) };
    /// assert_eq!(caught(r#"{"errorMessage":"a row has no key"}"#).message(), "a row has no key");
    /// assert_eq!(caught("it took too long").message(), "it took too long");
    /// ```
    pub fn message(&self) -> String {
        #[derive(Deserialize)]
        struct Cause {
            #[serde(rename = "errorMessage")]
            message: String,
        }
        let cause = self.cause.as_deref().unwrap_or("no cause given");
        serde_json::from_str(cause).map_or_else(|_| cause.to_owned(), |cause: Cause| cause.message)
    }
}
