//! Reports of provisioning: any transition from any state, the latest wins.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dmm::problem::{Problem, Violation};

/// A step that is reported: the last segment of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transition {
    ProvisioningStarted,
    ProvisioningSucceeded,
    ProvisioningFailed,
    DeprovisioningStarted,
    DeprovisioningSucceeded,
    DeprovisioningFailed,
}

impl Transition {
    /// The status, the event's name without its `Access`, and the time stamp that it sets.
    fn effect(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ProvisioningStarted => {
                ("provisioning", "ProvisioningStarted", "provisioningStartedAt")
            }
            Self::ProvisioningSucceeded => ("provisioned", "Provisioned", "provisionedAt"),
            Self::ProvisioningFailed => ("provisioning-failed", "ProvisioningFailed", "failedAt"),
            Self::DeprovisioningStarted => {
                ("deprovisioning", "DeprovisioningStarted", "deprovisioningStartedAt")
            }
            Self::DeprovisioningSucceeded => ("deprovisioned", "Deprovisioned", "deprovisionedAt"),
            Self::DeprovisioningFailed => {
                ("deprovisioning-failed", "DeprovisioningFailed", "failedAt")
            }
        }
    }

    fn all() -> [Self; 6] {
        [
            Self::ProvisioningStarted,
            Self::ProvisioningSucceeded,
            Self::ProvisioningFailed,
            Self::DeprovisioningStarted,
            Self::DeprovisioningSucceeded,
            Self::DeprovisioningFailed,
        ]
    }

    /// The record after this step: what the report leaves out keeps its value; a success clears the diagnostics.
    pub(crate) fn apply(self, earlier: Option<&Value>, report: &Value, now: &str) -> Value {
        let (status, _, stamp) = self.effect();
        let mut record = earlier.cloned().unwrap_or_else(|| json!({}));
        for name in FIELDS {
            if let Some(value) = report.get(*name).filter(|value| !value.is_null()) {
                record[*name] = value.clone();
            }
        }
        if matches!(self, Self::ProvisioningSucceeded | Self::DeprovisioningSucceeded)
            && let Some(record) = record.as_object_mut()
        {
            record.shift_remove("diagnostics");
        }
        record["status"] = json!(status);
        record[stamp] = json!(now);
        record
    }

    /// `AccessProvisioned`
    pub(crate) fn event(self) -> String {
        format!("Access{}", self.effect().1)
    }
}

/// What a report may say.
const FIELDS: &[&str] =
    &["platform", "executor", "reference", "diagnostics", "note", "customProperties", "links"];

/// The step that leads to a status, for a record that is put.
pub(crate) fn step_to(record: &Value) -> Result<Transition, Problem> {
    let status = record["status"].as_str();
    let found = Transition::all().into_iter().find(|step| Some(step.effect().0) == status);
    found.ok_or_else(|| {
        let violation = Violation::new("status", "must be one of the states of provisioning");
        Problem::of_violations(vec![violation]).expect_err("there is one")
    })
}

/// What an event about provisioning says besides.
pub(crate) fn event_data(record: &Value) -> Value {
    json!({"status": record["status"], "platform": record["platform"]})
}
