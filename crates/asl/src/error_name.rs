//! Error names and how `ErrorEquals` matches them.

/// `States.ALL`, the wildcard; it must stand alone.
pub(crate) const ALL: &str = "States.ALL";

/// Matches any error of a task but a timeout.
const TASK_FAILED: &str = "States.TaskFailed";

const TIMEOUT: &str = "States.Timeout";
const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

/// The names that the language reserves, wildcards included.
pub(crate) const RESERVED: &[&str] = &[
    ALL,
    TASK_FAILED,
    TIMEOUT,
    HEARTBEAT_TIMEOUT,
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
];

/// The `ErrorEquals` of a Retrier or Catcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMatcher {
    names: Vec<String>,
}

impl ErrorMatcher {
    /// Matches what one of `names` matches.
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// Whether an error with this name is matched. `States.ALL` and `States.TaskFailed` do not match
    /// everything:
    ///
    /// | name | matches |
    /// | --- | --- |
    /// | `States.ALL` | all but `States.DataLimitExceeded` and `States.Runtime` |
    /// | `States.TaskFailed` | what `States.ALL` matches, but `States.Timeout` and `States.HeartbeatTimeout` |
    /// | `States.Timeout` | itself and `States.HeartbeatTimeout` |
    /// | any other | itself |
    ///
    /// Source: Step Functions Developer Guide, "Handling errors in Step Functions workflows".
    pub fn matches(&self, error: &str) -> bool {
        self.names.iter().any(|name| name_matches(name, error))
    }
}

fn name_matches(name: &str, error: &str) -> bool {
    match name {
        _ if name == error => true,
        ALL => !is_terminal(error),
        TASK_FAILED => !is_terminal(error) && !is_timeout(error),
        TIMEOUT => is_timeout(error),
        _ => false,
    }
}

/// Errors that only their own name matches.
fn is_terminal(error: &str) -> bool {
    matches!(error, "States.DataLimitExceeded" | "States.Runtime")
}

fn is_timeout(error: &str) -> bool {
    matches!(error, TIMEOUT | HEARTBEAT_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(name: &str, error: &str) -> bool {
        ErrorMatcher::new(vec![name.to_owned()]).matches(error)
    }

    #[test]
    fn the_reference_page_has_every_name() {
        let page = include_str!("../../../docs/reference/states-errors.md");
        let has = |name: &str| page.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
        let missing: Vec<_> = RESERVED.iter().filter(|name| !has(name)).collect();
        assert!(missing.is_empty(), "missing in the page: {missing:?}");
    }

    #[test]
    fn states_all_leaves_out_the_terminal_errors() {
        for error in ["Custom", "", "States.Timeout", "States.BranchFailed", "States.TaskFailed"] {
            assert!(matches(ALL, error), "{error}");
        }
        for error in ["States.Runtime", "States.DataLimitExceeded"] {
            assert!(!matches(ALL, error), "{error}");
            assert!(matches(error, error), "its own name matches {error}");
        }
    }

    #[test]
    fn states_task_failed_also_leaves_out_timeouts() {
        assert!(matches(TASK_FAILED, "Lambda.TooManyRequestsException"));
        let others = [
            "States.Timeout",
            "States.HeartbeatTimeout",
            "States.Runtime",
            "States.DataLimitExceeded",
        ];
        for error in others {
            assert!(!matches(TASK_FAILED, error), "{error}");
        }
    }

    #[test]
    fn a_timeout_covers_a_missed_heartbeat_and_not_the_reverse() {
        assert!(matches("States.Timeout", "States.HeartbeatTimeout"));
        assert!(!matches("States.HeartbeatTimeout", "States.Timeout"));
    }

    #[test]
    fn any_of_the_names_is_enough_and_names_are_exact() {
        let matcher = ErrorMatcher::new(vec!["A".to_owned(), "B".to_owned()]);
        assert!(matcher.matches("B"));
        assert!(!matcher.matches("b"));
        assert!(!ErrorMatcher::new(Vec::new()).matches("A"));
    }
}
