//! How a Task state waits for the work of a service: the suffix of its `Resource`.

/// What a Task state waits for. Source: Developer Guide, "Service integration patterns".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// No suffix: for the response of the service.
    RequestResponse,
    /// `.sync`: for the end of the job that the request started.
    RunJob,
    /// `.sync:2`: the same; JSON texts in the result are given as what they say.
    RunJobParsed,
    /// `.waitForTaskToken`: for whoever has the task token to say how the task ended.
    WaitForTaskToken,
}

impl Pattern {
    /// Takes a `Resource`, or the action in it, apart: what is without its suffix, and what the suffix says.
    ///
    /// ```
    /// use stepwell_task::Pattern;
    /// let (plain, pattern) = Pattern::split("arn:aws:states:::states:startExecution.sync:2");
    /// assert_eq!(plain, "arn:aws:states:::states:startExecution");
    /// assert_eq!(pattern, Pattern::RunJobParsed);
    /// ```
    pub fn split(resource: &str) -> (&str, Self) {
        let suffixes = [
            (".sync", Self::RunJob),
            (".sync:2", Self::RunJobParsed),
            (".waitForTaskToken", Self::WaitForTaskToken),
        ];
        let found = suffixes
            .into_iter()
            .find_map(|(suffix, pattern)| Some((resource.strip_suffix(suffix)?, pattern)));
        found.unwrap_or((resource, Self::RequestResponse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_tells_the_pattern() {
        for (resource, plain, pattern) in [
            ("sqs:sendMessage", "sqs:sendMessage", Pattern::RequestResponse),
            ("states:startExecution.sync", "states:startExecution", Pattern::RunJob),
            ("states:startExecution.sync:2", "states:startExecution", Pattern::RunJobParsed),
            ("sqs:sendMessage.waitForTaskToken", "sqs:sendMessage", Pattern::WaitForTaskToken),
            ("sqs:sendMessage.sync:3", "sqs:sendMessage.sync:3", Pattern::RequestResponse),
        ] {
            assert_eq!(Pattern::split(resource), (plain, pattern));
        }
    }
}
