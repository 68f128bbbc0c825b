//! Why nothing does the work of a resource, and what does.

use stepwell_integrations::aws::catalogue;
use stepwell_integrations::installation::EMBEDDED;
use stepwell_task::invoke::INVOKE;

/// The reason for a resource that belongs to no service of the project.
pub(crate) fn reason(resource: &str) -> String {
    let action = resource.strip_prefix("arn:aws:states:::");
    let sdk = action.and_then(|action| action.strip_prefix("aws-sdk:")?.split_once(':'));
    match (action, sdk) {
        (_, Some((service, _))) => of_sdk(service),
        (Some(action), None) => {
            format!("the integration `{action}` is not there yet; {}", supported())
        }
        (None, None) => supported(),
    }
}

fn of_sdk(service: &str) -> String {
    match catalogue::find(service) {
        None => format!("`aws-sdk` has no service `{service}`"),
        Some(model) if model.json.is_some() => format!(
            "`{service}` is not embedded; it is called at AWS with `{service} = \"aws\"` in [services] of stepwell.toml"
        ),
        Some(model) => format!(
            "`{service}` speaks {}, and only services that speak AWS's JSON protocol can be called at AWS",
            model.protocol
        ),
    }
}

fn supported() -> String {
    let services: Vec<_> = EMBEDDED.iter().map(|facts| facts.name).collect();
    format!(
        "supported are `{INVOKE}`, `arn:aws:states:::states:startExecution`, `arn:aws:states:::aws-sdk:sfn:*`, actions of {}, \
         and the ARN of a Lambda function or an activity",
        services.join(", ")
    )
}
