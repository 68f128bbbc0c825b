//! The context object of a state that is tested alone, as AWS fills it where the caller gives none.
//!
//! ```json
//! {
//!   "Execution": {
//!     "Id": "arn:aws:states:us-east-1:111111111111:express:0f0e:9c8d",
//!     "Input": {},
//!     "Name": "9c8d",
//!     "RoleArn": null,
//!     "StartTime": "2025-12-03T10:00:00.000Z"
//!   },
//!   "StateMachine": { "Id": "arn:aws:states:us-east-1:111111111111:stateMachine:0f0e", "Name": "0f0e" },
//!   "State": { "Name": "StateName", "EnteredTime": "2025-12-03T10:00:00.000Z", "RetryCount": 0 }
//! }
//! ```
//!
//! As recorded: the state is called `StateName` whatever its name is, and there is no `RedriveCount`.

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_asl::model::StateKind;

use super::{Names, STATE_NAME, Test};
use crate::context_object::time;

pub(super) fn of_test(test: &Test, names: &Names, now: Timestamp) -> Value {
    let now = time(now);
    let mut state = json!({ "Name": STATE_NAME, "EnteredTime": now });
    let kind = &test.machine.state(test.state).kind;
    if matches!(kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)) {
        state["RetryCount"] = test.retries.into();
    }
    json!({
        "Execution": {
            "Id": names.execution_arn,
            "Input": test.input.data(),
            "Name": names.execution_name,
            "RoleArn": test.role_arn,
            "StartTime": now,
        },
        "StateMachine": { "Id": names.state_machine_arn, "Name": names.state_machine_name },
        "State": state,
    })
}
