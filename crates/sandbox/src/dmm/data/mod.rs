//! What the organization holds: made data, and the truth about it.

mod awkward;
mod backlog;
mod generate;

use serde::Serialize;
use serde_json::Value;

use super::Options;
use super::organization::{Organization, ports};

pub use awkward::Awkward;
pub(crate) use backlog::add_backlog;

/// An agreement as its documents have it now.
///
/// A right pipeline grants it while it is active, unless it is awkward in a way that cannot be granted:
/// `active && awkward.is_none_or(Awkward::is_grantable)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// `acc-0001`
    pub id: String,
    /// Approved, and today lies in its dates.
    pub active: bool,
    /// How it was made awkward.
    pub awkward: Option<Awkward>,
    /// `aws-role-name` of the consumer: of its data product, or of its team.
    pub role: Option<String>,
    /// `output-port-type` of the provider's port.
    pub port_type: Option<String>,
    /// The values of the port's custom fields that begin with `aws` and end with `arn`, sorted.
    pub arns: Vec<String>,
}

/// Makes all data; returns which accesses were made awkward, and how.
pub(crate) fn populate(
    organization: &mut Organization,
    options: &Options,
) -> Vec<(String, Awkward)> {
    generate::populate(organization, options.agreements, options.consumers);
    let make = |kind: &Awkward| (awkward::add(organization, *kind), *kind);
    options.awkward.iter().map(make).collect()
}

/// All agreements as they are now, in the order of their creation.
pub(crate) fn agreements(
    organization: &Organization,
    awkward: &[(String, Awkward)],
) -> Vec<Agreement> {
    let today = organization.today();
    let agreement = |(id, access): (&str, &super::organization::access::Access)| {
        let consumer = match access.consumer_product() {
            "" => organization.teams.get(access.consumer_team()),
            product => organization.data_products.get(product),
        };
        let product = organization.data_products.get(access.provider_product());
        let ports = product.map(ports).unwrap_or_default();
        let port = ports.iter().find(|(port, _)| port == access.provider_port());
        let port_fields = port.map(|(_, port)| custom_fields(port)).unwrap_or_default();
        let field = |fields: &[(String, String)], name: &str| {
            fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
        };
        Agreement {
            id: id.to_owned(),
            active: access.is_active(today),
            awkward: awkward.iter().find(|(found, _)| found == id).map(|(_, kind)| *kind),
            role: consumer.and_then(|it| field(&custom_fields(it), "aws-role-name")),
            port_type: field(&port_fields, "output-port-type"),
            arns: arns(port_fields),
        }
    };
    organization.accesses().map(agreement).collect()
}

fn arns(fields: Vec<(String, String)>) -> Vec<String> {
    let is_arn = |name: &str| name.starts_with("aws") && name.ends_with("arn");
    let found = fields.into_iter().filter(|(name, _)| is_arn(name));
    let mut arns: Vec<_> = found.map(|(_, value)| value).collect();
    arns.sort();
    arns
}

/// The texts among the custom fields, of DPS and of ODPS.
fn custom_fields(document: &Value) -> Vec<(String, String)> {
    let map = document["custom"].as_object().into_iter().flatten();
    let map = map.map(|(name, value)| (name.as_str(), value));
    let list = document["customProperties"].as_array().into_iter().flatten();
    let list = list.filter_map(|it| Some((it["property"].as_str()?, &it["value"])));
    let texts = map.chain(list);
    texts.filter_map(|(name, value)| Some((name.to_owned(), value.as_str()?.to_owned()))).collect()
}
