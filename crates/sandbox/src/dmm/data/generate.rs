//! Well-behaved agreements: providers with ports on S3 and Glue, consumers with a role, in both formats of documents.
//!
//! Four agreements share a provider product, one for each of its ports. Of ten agreements seven are active, one begins in a month,
//! one has ended, and one is only requested.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::dmm::organization::Organization;
use crate::dmm::organization::access::Status;
use crate::dmm::organization::feed::Principal;

const DOMAINS: &[&str] = &["orders", "payments", "shipping", "catalogue", "returns", "customers"];

const CONSUMERS: &[&str] = &["billing", "forecast", "fraud", "marketing", "reporting"];

const PORTS_PER_PRODUCT: usize = 4;

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "eu-central-1";

pub(super) fn populate(
    organization: &mut Organization,
    agreements: usize,
    consumers: Option<usize>,
) {
    if agreements == 0 {
        return;
    }
    let consumers = consumers.unwrap_or(agreements / 5).max(1);
    let providers = agreements.div_ceil(PORTS_PER_PRODUCT);
    for name in DOMAINS.iter().chain(CONSUMERS) {
        organization.put_team(team(name), Principal::User);
    }
    for number in 0..providers {
        organization.put_data_product(provider(number), Principal::User);
    }
    for number in 0..consumers {
        organization.put_data_product(consumer(number), Principal::User);
    }
    for number in 0..agreements {
        add_agreement(organization, number, consumers);
    }
}

fn add_agreement(organization: &mut Organization, number: usize, consumers: usize) {
    let id = format!("acc-{number:04}");
    let provider = number / PORTS_PER_PRODUCT;
    let port = format!("port_{}", number % PORTS_PER_PRODUCT);
    let access = access(&id, &provider_id(provider), &port, &consumer_id(number % consumers));
    let today = organization.today();
    match number % 10 {
        7 => {
            let start = today.saturating_add(1.months());
            put(organization, begun(access, start), Status::Approved);
        }
        8 => {
            put(organization, begun(access, today.saturating_sub(2.months())), Status::Approved);
            organization.set_active(&id, false).expect("it was put a moment ago");
        }
        9 => put(organization, access, Status::Requested),
        _ => put(organization, begun(access, today.saturating_sub(1.months())), Status::Approved),
    }
}

fn put(organization: &mut Organization, access: Value, status: Status) {
    organization.put_access(access, status, Principal::User);
}

fn begun(mut access: Value, start: Date) -> Value {
    access["info"]["startDate"] = json!(start.to_string());
    access
}

/// An access without dates.
pub(super) fn access(id: &str, product: &str, port: &str, consumer: &str) -> Value {
    json!({
        "id": id,
        "info": {"purpose": format!("{consumer} computes with {product}")},
        "provider": {"teamId": "orders", "dataProductId": product, "outputPortId": port},
        "consumer": {"teamId": "billing", "dataProductId": consumer},
        "roles": [],
        "tags": ["reviewed"],
        "links": {},
        "custom": {"cost-centre": "4711"},
    })
}

pub(super) fn team(name: &str) -> Value {
    json!({
        "id": name, "name": format!("Team {name}"), "type": "Team",
        "members": [{"emailAddress": format!("{name}@acme.example"), "role": "Owner"}],
        "tags": [], "links": {}, "custom": {},
    })
}

fn domain(number: usize) -> &'static str {
    DOMAINS[number % DOMAINS.len()]
}

fn provider_id(number: usize) -> String {
    format!("{}_{number}_dp", domain(number))
}

fn consumer_id(number: usize) -> String {
    format!("{}_{number}_dp", CONSUMERS[number % CONSUMERS.len()])
}

/// Every third is an ODPS document.
fn provider(number: usize) -> Value {
    let ports = (0..PORTS_PER_PRODUCT).map(|port| {
        let name = format!("port_{port}");
        let place = format!("{}_{number}_{port}", domain(number));
        let (kind, custom) =
            if port % 2 == 0 { ("S3", s3(&place)) } else { ("Athena", glue(&place)) };
        (name, kind, custom)
    });
    let id = provider_id(number);
    if number % 3 == 2 {
        let ports = ports.map(|(name, kind, custom)| {
            json!({"name": name, "version": "1.0.0", "type": kind, "customProperties": listed(&custom)})
        });
        odps(&id, &ports.collect::<Vec<_>>(), &json!({}))
    } else {
        let ports = ports
            .map(|(name, kind, custom)| json!({"id": name, "name": name, "type": kind, "custom": custom}));
        dps(&id, domain(number), &ports.collect::<Vec<_>>(), &json!({}))
    }
}

/// Every fourth is an ODPS document.
fn consumer(number: usize) -> Value {
    let (id, team) = (consumer_id(number), CONSUMERS[number % CONSUMERS.len()]);
    let custom = json!({"aws-role-name": format!("{team}-consumer-{number}")});
    if number % 4 == 3 { odps(&id, &[], &custom) } else { dps(&id, team, &[], &custom) }
}

pub(super) fn dps(id: &str, owner: &str, ports: &[Value], custom: &Value) -> Value {
    json!({
        "dataProductSpecification": "0.0.1", "id": id,
        "info": {"title": format!("Product {id}"), "owner": owner, "status": "active"},
        "outputPorts": ports, "custom": custom, "tags": [],
    })
}

pub(super) fn odps(id: &str, ports: &[Value], custom: &Value) -> Value {
    json!({
        "apiVersion": "v1.0.0", "kind": "DataProduct", "id": id, "status": "active",
        "outputPorts": ports, "customProperties": listed(custom),
    })
}

/// `{"a": "b"}` as `[{"property": "a", "value": "b"}]`.
fn listed(custom: &Value) -> Value {
    let fields = custom.as_object().into_iter().flatten();
    fields.map(|(name, value)| json!({"property": name, "value": value})).collect()
}

pub(super) fn s3(place: &str) -> Value {
    json!({
        "output-port-type": "s3_bucket",
        "aws-s3-bucket-arn": format!("arn:aws:s3:::acme-{}-prod-eu", place.replace('_', "-")),
    })
}

pub(super) fn glue(place: &str) -> Value {
    json!({
        "output-port-type": "glue_table",
        "aws-s3-folder-arn": format!("arn:aws:s3:::acme-lake-prod-eu/{place}/v1"),
        "aws-glue-catalog-arn": format!("arn:aws:glue:{REGION}:{ACCOUNT}:catalog"),
        "aws-glue-database-arn": format!("arn:aws:glue:{REGION}:{ACCOUNT}:database/{place}_db"),
        "aws-glue-table-arn": format!("arn:aws:glue:{REGION}:{ACCOUNT}:table/{place}_db/{place}_v1"),
        "aws-athena-workgroup-arn": format!("arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/consumers"),
    })
}
