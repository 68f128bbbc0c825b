//! The `Resource` of a Task state.

use super::Checker;
use super::place::Place;
use crate::diagnostic::Code;
use crate::model::{Resource, WorkflowType, Written};

impl<'t> Checker<'t> {
    pub(super) fn resource(&mut self, place: &Place<'t>) -> Option<(Resource, Written)> {
        let text = self.string(place)?;
        let resource = parse(text);
        if resource.is_none() {
            let help = if text.contains("${") {
                "placeholders such as `${Function}` must be replaced before the definition is used"
            } else {
                "a function is `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, an activity \
                 `arn:aws:states:REGION:ACCOUNT:activity:NAME`, a service \
                 `arn:aws:states:::SERVICE:ACTION`"
            };
            self.findings
                .value(Code::InvalidResource, place, "Value is not a valid resource ARN")
                .help(help);
        }
        let resource = resource?;
        if self.workflow == WorkflowType::Express {
            self.check_express(place, &resource);
        }
        Some((resource, place.written()))
    }

    /// Reports what an Express state machine cannot wait for.
    fn check_express(&mut self, place: &Place<'t>, resource: &Resource) {
        let what = match resource {
            Resource::Activity(_) => "Activity ARN",
            // The blank at the end is AWS's.
            Resource::Service { action, .. } if action.ends_with(".waitForTaskToken") => {
                "'.waitForTaskToken' service integration "
            }
            Resource::Service { action, .. } if is_sync(action) => "'.sync' service integration",
            Resource::Service { .. } | Resource::Lambda(_) => return,
        };
        let message = format!("Express state machine does not support {what}");
        self.findings
            .value(Code::NotInExpress, place, message)
            .help("only a Standard state machine can wait for work that goes on by itself");
    }
}

/// `.sync` or `.sync:2`
fn is_sync(action: &str) -> bool {
    action
        .strip_suffix(":2")
        .unwrap_or(action)
        .rsplit_once('.')
        .is_some_and(|(_, last)| last == "sync")
}

fn parse(text: &str) -> Option<Resource> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition) = (parts.next()?, parts.next()?);
    let (service, region, account, rest) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if arn != "arn" || partition.is_empty() || text.contains(char::is_whitespace) {
        return None;
    }
    match service {
        "lambda" => is_named(rest, "function:").then(|| Resource::Lambda(text.into())),
        "states" if region.is_empty() && account.is_empty() => integration(text, rest),
        "states" => is_named(rest, "activity:").then(|| Resource::Activity(text.into())),
        _ => None,
    }
}

fn is_named(rest: &str, prefix: &str) -> bool {
    rest.strip_prefix(prefix).is_some_and(|name| !name.is_empty())
}

/// `SERVICE:ACTION[.PATTERN]`, or `aws-sdk:SERVICE:ACTION[.PATTERN]`; of the patterns, `.sync:2` has a colon.
fn integration(arn: &str, rest: &str) -> Option<Resource> {
    let unversioned = rest.strip_suffix(":2").filter(|rest| is_sync(rest));
    let (service, _) = unversioned.unwrap_or(rest).rsplit_once(':')?;
    let action = &rest[service.len() + 1..];
    let complete = !service.is_empty() && !action.is_empty() && !service.ends_with(':');
    complete.then(|| Resource::Service {
        arn: arn.into(),
        service: service.into(),
        action: action.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_functions_activities_and_services() {
        let function = "arn:aws:lambda:us-east-1:123456789012:function:load:live";
        assert_eq!(parse(function), Some(Resource::Lambda(function.into())));
        let activity = "arn:aws-cn:states:cn-north-1:123456789012:activity:review";
        assert_eq!(parse(activity), Some(Resource::Activity(activity.into())));
        let nested = "arn:aws:states:::states:startExecution.sync:2";
        let Some(Resource::Service { service, action, .. }) = parse(nested) else {
            panic!("a service")
        };
        assert_eq!((&*service, &*action), ("states", "startExecution.sync:2"));
        let service = "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken";
        assert_eq!(
            parse(service),
            Some(Resource::Service {
                arn: service.into(),
                service: "aws-sdk:dynamodb".into(),
                action: "putItem.waitForTaskToken".into(),
            })
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "load",
            "arn:aws:s3:::bucket",
            "arn:aws:lambda:us-east-1:123456789012:function:",
            "arn:aws:states:::lambda",
            "arn:aws:states:::lambda:",
            "arn:aws:states:us-east-1:123456789012:stateMachine:x",
            "${LoadFunction.Arn}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
