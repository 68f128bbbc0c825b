//! What the operations on aliases share.

use serde::{Deserialize, Serialize};

use crate::constraints::{ARN, Constraints};

/// Characters of the name of an alias, in the words of the service model: no name is a number, so that aliases and
/// versions cannot be mistaken.
const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";

/// `{"stateMachineVersionArn": "arn:aws:states:...:stateMachine:name:1", "weight": 100}`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireRoute {
    state_machine_version_arn: Option<String>,
    weight: Option<i64>,
}

impl From<(String, u8)> for WireRoute {
    fn from((arn, weight): (String, u8)) -> Self {
        Self { state_machine_version_arn: Some(arn), weight: Some(weight.into()) }
    }
}

/// The name of an alias in a request.
pub(crate) fn name(constraints: &mut Constraints, name: Option<String>) -> String {
    let name = constraints.required("name", name, crate::constraints::NAME);
    constraints.shape(
        "name",
        Some(&name).filter(|name| !name.is_empty()).map(String::as_str),
        NAME_PATTERN,
        has_pattern,
    );
    name
}

fn has_pattern(name: &str) -> bool {
    let other = |byte: u8| b"_-.".contains(&byte);
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
        && name.bytes().any(|byte| byte.is_ascii_alphabetic() || other(byte))
}

/// The routes of a request: one or two.
pub(crate) fn routes(constraints: &mut Constraints, routes: Vec<WireRoute>) -> Vec<(String, u8)> {
    constraints.count("routingConfiguration", routes.len(), 1..=2);
    let route = |(index, route): (usize, WireRoute)| {
        let place = format!("routingConfiguration.{}.member", index + 1);
        let member = format!("{place}.stateMachineVersionArn");
        let arn = constraints.required(&member, route.state_machine_version_arn, ARN);
        let weight = constraints.present(&format!("{place}.weight"), route.weight);
        constraints.range(&format!("{place}.weight"), Some(weight), 0..=100);
        (arn, u8::try_from(weight).unwrap_or_default())
    };
    routes.into_iter().enumerate().map(route).collect()
}
