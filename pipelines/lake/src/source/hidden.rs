//! Secrets, taken out of what others say: a server, or a gateway before it, may repeat what it was sent.

use std::fmt;

use form_urlencoded::byte_serialize;
use stepwell_pipeline::HandlerError;

/// What stands in the place of a secret.
const MASK: &str = "[secret]";

/// Secrets that nobody is told, in every form in which they are sent and repeated.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Vec<String>);

impl Hidden {
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut all: Vec<_> = secrets.into_iter().flat_map(forms).collect();
        all.retain(|form| !form.is_empty());
        // A form may be a part of another one.
        all.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self(all)
    }

    /// A text without them.
    pub(crate) fn out_of(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }

    /// An error without them.
    pub(crate) fn out_of_error(&self, error: HandlerError) -> HandlerError {
        match error {
            HandlerError::Config(text) => HandlerError::Config(self.out_of(&text)),
            HandlerError::Retryable(text) => HandlerError::Retryable(self.out_of(&text)),
            HandlerError::Data(text) => HandlerError::Data(self.out_of(&text)),
            HandlerError::Fatal(text) => HandlerError::Fatal(self.out_of(&text)),
        }
    }
}

/// As it is, as a value of a form, and within a text of JSON.
fn forms(secret: &str) -> [String; 3] {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    [secret.to_owned(), byte_serialize(secret.as_bytes()).collect(), json]
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let hidden = Hidden::new(["a+b \"c\"", "a+b", ""]);
        let told = r#"{"told": "a+b \"c\"", "form": "x=a%2Bb+%22c%22&y=a%2Bb", "plain": a+b "c"}"#;
        let expected =
            r#"{"told": "[secret]", "form": "x=[secret]&y=[secret]", "plain": [secret]}"#;
        assert_eq!(hidden.out_of(told), expected);
        assert!(!format!("{hidden:?}").contains("a+b"));
    }
}
