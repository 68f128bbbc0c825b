//! Task tokens: who has one may say how the task ended.
//!
//! A token is made when its task is scheduled and recorded with it, so that it survives a restart and folding
//! never draws again. It names the execution and the event, which makes it cheap to find the task of one among
//! any number; what cannot be guessed is its last part, 128 bits that a one-way function makes of a secret that nothing
//! else in the decision depends on.
//!
//! ```text
//! base64 of   1 | sync:run-1 | 5 | 6f1ed002ab5595859014ebf0951522d9
//! ```
//!
//! Left to others: whether the task is still open, and whether the token is the recorded one ([`crate::Run`]).

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::event::EventId;

/// Stands first in every token; another form gets another number.
const VERSION: &str = "1";

/// What a token says of its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskToken {
    /// What follows `execution:` in the ARN of the execution: a store may be opened for another region or account.
    pub execution: String,
    /// The id of the task's scheduled event.
    pub scheduled: EventId,
}

impl TaskToken {
    /// Reads a token, which may be forged: whether it is the recorded one is for [`crate::Run::has_token`] to say.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let parts = std::str::from_utf8(&bytes).ok()?;
        let mut parts = parts.splitn(4, '|');
        let (version, execution) = (parts.next()?, parts.next()?);
        let (scheduled, _) = (parts.next()?.parse().ok()?, parts.next()?);
        (version == VERSION).then(|| Self { execution: execution.to_owned(), scheduled })
    }
}

/// The token of the task that event `scheduled` of an execution schedules.
pub(crate) fn make(secret: u128, execution_arn: &str, scheduled: EventId) -> Arc<str> {
    let execution = execution_arn.splitn(7, ':').nth(6).unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(secret.to_be_bytes())
        .chain_update(scheduled.to_be_bytes())
        .chain_update(execution_arn)
        .finalize();
    let mut text = format!("{VERSION}|{execution}|{scheduled}|");
    for byte in &digest[..16] {
        write!(text, "{byte:02x}").expect("a text takes all");
    }
    STANDARD.encode(text).into()
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
pub(crate) fn is_same(left: &str, right: &str) -> bool {
    let difference =
        left.bytes().zip(right.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:111111111111:execution:sync:run-1";

    #[test]
    fn a_token_names_its_task() {
        let token = TaskToken::parse(&make(7, ARN, 5)).unwrap();
        assert_eq!(token, TaskToken { execution: "sync:run-1".to_owned(), scheduled: 5 });
    }

    #[test]
    fn other_secrets_and_other_tasks_have_other_tokens() {
        let tokens = [make(7, ARN, 5), make(8, ARN, 5), make(7, ARN, 6)];
        assert!(!is_same(&tokens[0], &tokens[1]) && !is_same(&tokens[0], &tokens[2]));
        assert!(is_same(&tokens[0], &make(7, ARN, 5)));
        assert!(!is_same(&tokens[0], &tokens[0][..8]));
    }

    #[test]
    fn what_is_no_token_is_none() {
        let encoded = ["2|a|5|00", "1|a|x|00", "1|a|5"].map(|text| STANDARD.encode(text));
        for text in ["", "?", "e30="].into_iter().chain(encoded.iter().map(String::as_str)) {
            assert_eq!(TaskToken::parse(text), None, "{text}");
        }
    }
}
