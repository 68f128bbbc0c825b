//! `stepwell-data-mesh-write-back`: tells the owner of an access what was done.
//!
//! Through the provisioning endpoints; where the service has none, through the tags and custom fields that the
//! reference writes. There only our own keys are touched, and nothing is written that stands there already: there is
//! no optimistic concurrency, so the less is written the less can be lost.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Value, json};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::{Examined, apply};
use crate::dmm::{Report, Resource, Transition};
use crate::service::Service;

/// On every access that we have dealt with.
const TAG: &str = "aws-integration";
/// One of these says how it stands.
const TAGS: [(Transition, &str); 3] = [
    (Transition::ProvisioningSucceeded, "aws-integration-active"),
    (Transition::DeprovisioningSucceeded, "aws-integration-inactive"),
    (Transition::ProvisioningFailed, "aws-integration-failed"),
];
/// The custom field with the name of the policy.
const POLICY: &str = "aws-policy-name";
/// The custom field that says why nothing is granted.
const DIAGNOSTICS: &str = "aws-integration-diagnostics";

/// Writes back.
pub struct WriteBack {
    pub(crate) service: Arc<Service>,
}

/// How the owner was told.
///
/// ```json
/// {"through":"provisioning"}
/// ```
#[derive(Debug, Serialize)]
pub struct Written {
    /// `provisioning`, `tags`, or nothing: the owner knew already, or there is none.
    through: Option<&'static str>,
}

#[async_trait]
impl Function for WriteBack {
    type Input = Examined;
    type Output = Written;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-write-back"
    }

    async fn call(&self, task: Examined, ctx: &Context) -> Result<Written, HandlerError> {
        let of_work = task.work.as_ref().and_then(|done| done.report.as_ref());
        let of_fetched = task.fetched.as_ref().and_then(|fetched| fetched.report.as_ref());
        let Some(report) = of_work.or(of_fetched).filter(|_| !task.plan) else {
            return Ok(Written { through: None });
        };
        let ledger = &self.service.world(&task.run, false).await?.ledger;
        let text = apply::text(report);
        if ledger.last_report(&task.access).await?.as_deref() == Some(&text) {
            return Ok(Written { through: None });
        }
        let resource = ledger.resource(&task.access).await?;
        let resource = resource.unwrap_or(self.service.dmm.resource());
        let through = self.tell(resource, &task.access, report, ctx).await?;
        ledger.reported(&task.access, &text).await?;
        Ok(Written { through })
    }
}

impl WriteBack {
    async fn tell(
        &self,
        resource: Resource,
        access: &str,
        report: &Report,
        ctx: &Context,
    ) -> Result<Option<&'static str>, HandlerError> {
        let dmm = &self.service.dmm;
        if dmm.report(resource, access, report, ctx).await? {
            return Ok(Some("provisioning"));
        }
        // A 404 may mean that the access is gone.
        let Some(mut access) = dmm.access(access, Some(resource), None, ctx).await? else {
            return Ok(None);
        };
        if merge(&mut access.document, report) {
            dmm.put_access(&access, ctx).await?;
        }
        Ok(Some("tags"))
    }
}

/// Sets our own tags and custom fields; false if they stood there already.
fn merge(document: &mut Value, report: &Report) -> bool {
    let before = document.clone();
    let state = TAGS.iter().find(|(of, _)| *of == report.transition).map(|(_, tag)| *tag);
    let is_ours = |tag: &Value| TAGS.iter().any(|(_, it)| tag == it) || tag == TAG;
    let tags = document["tags"].as_array().cloned().unwrap_or_default();
    let wanted: Vec<Value> = [Some(TAG), state].into_iter().flatten().map(Value::from).collect();
    let ours: Vec<_> = tags.iter().filter(|tag| is_ours(tag)).cloned().collect();
    if ours != wanted {
        let others = tags.into_iter().filter(|tag| !is_ours(tag));
        document["tags"] = Value::Array(others.chain(wanted).collect());
    }
    let policy = match report.transition {
        Transition::DeprovisioningSucceeded => None,
        _ => {
            report.reference.as_deref().and_then(|it| it.split_once('#')).map(|(_, policy)| policy)
        }
    };
    for (field, value) in [(POLICY, policy), (DIAGNOSTICS, report.diagnostics.as_deref())] {
        set(document, field, value);
    }
    *document != before
}

fn set(document: &mut Value, field: &str, value: Option<&str>) {
    match value {
        Some(value) => {
            if !document["custom"].is_object() {
                document["custom"] = json!({});
            }
            document["custom"][field] = value.into();
        }
        None => {
            if let Some(custom) = document["custom"].as_object_mut() {
                custom.shift_remove(field);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(transition: Transition) -> Report {
        Report { transition, reference: Some("arn#P".into()), diagnostics: None, note: None }
    }

    #[test]
    fn only_our_own_tags_and_fields_change_and_only_once() {
        let mut access = json!({"tags": ["pii", "aws-integration-inactive"], "custom": {"theirs": "x"}, "other": [1]});
        assert!(merge(&mut access, &report(Transition::ProvisioningSucceeded)));
        let expected = json!({"tags": ["pii", "aws-integration", "aws-integration-active"],
            "custom": {"theirs": "x", "aws-policy-name": "P"}, "other": [1]});
        assert_eq!(access, expected);
        assert!(!merge(&mut access, &report(Transition::ProvisioningSucceeded)));
        assert!(merge(&mut access, &report(Transition::DeprovisioningSucceeded)));
        let expected = json!({"tags": ["pii", "aws-integration", "aws-integration-inactive"],
            "custom": {"theirs": "x"}, "other": [1]});
        assert_eq!(access, expected);
    }

    #[test]
    fn a_failure_is_told_where_there_was_nothing() {
        let mut access = json!({"id": "a"});
        let failed = Report {
            diagnostics: Some("why".into()),
            reference: None,
            ..report(Transition::ProvisioningFailed)
        };
        assert!(merge(&mut access, &failed));
        assert_eq!(access["custom"], json!({"aws-integration-diagnostics": "why"}));
        assert_eq!(access["tags"], json!(["aws-integration", "aws-integration-failed"]));
    }
}
