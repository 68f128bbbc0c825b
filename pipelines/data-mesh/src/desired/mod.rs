//! What should be: from an access, its provider's port and its consumer to a role and the statements of a policy.
//!
//! Responsible for: the custom fields of the catalogue, which texts of them are taken, and what they come to. Left
//! to others: reading the documents ([`crate::dmm`]), the account of the role and the size of its policies
//! ([`crate::target`]).
//!
//! | Where | Custom field | Value |
//! | --- | --- | --- |
//! | consumer's data product or team | `aws-role-name` | name of an IAM role |
//! | port | `output-port-type` | `s3_bucket` or `glue_table` |
//! | port | every key that begins with `aws` and ends with `arn` | an ARN, sorted by its service |
//!
//! Source: the reference integration for AWS; its README never lists the fields.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Rules;
use crate::dmm::{Access, Consumer, Port, Product, Team};

pub mod arn;
pub mod document;
pub mod role;

pub use document::{PortKind, Profile, Statement};

use arn::{Arn, ArnError, Resource};
use document::Resources;

/// The custom field that names the role.
pub const ROLE_NAME: &str = "aws-role-name";
/// The custom field that says what a port is.
pub const PORT_TYPE: &str = "output-port-type";

/// What an access should lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// A policy on a role.
    Grant(Wanted),
    /// No policy anywhere, for this reason; nobody has to mend anything.
    Nothing(String),
    /// Somebody has to mend the catalogue first.
    Refused {
        /// All that is wrong.
        reasons: Vec<String>,
        /// The one role that may keep what it was granted before: the consumer is the same, and only the port's
        /// description does not do.
        keep: Option<String>,
    },
}

/// A policy on a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The role's name.
    pub role: String,
    /// The partition of all resources.
    pub partition: String,
    /// What is allowed.
    pub statements: Vec<Statement>,
    /// The resources, for people.
    pub arns: Vec<String>,
    /// What somebody should know though it is no failure.
    pub warnings: Vec<String>,
}

/// The consumer's side, as it was read.
#[derive(Debug)]
pub(crate) enum Consuming {
    Product(Option<Arc<Product>>),
    Team(Option<Team>),
    /// A person, or nobody.
    Other,
}

/// What this access should lead to.
pub(crate) fn desired(
    access: &Access,
    provider: Option<&Product>,
    consuming: &Consuming,
    rules: &Rules,
) -> Desired {
    if !access.active {
        return Desired::Nothing("the access is not active".to_owned());
    }
    let (Some(product), Some(port)) = (&access.provider_product, &access.provider_port) else {
        return Desired::Nothing("the data product or port that provided is deleted".to_owned());
    };
    let Some(provider) = provider else {
        return Desired::Nothing(format!("the data product `{product}` is deleted"));
    };
    let role = role_of(access, consuming, rules);
    let wanted = match provider.ports_of(port)[..] {
        [] => {
            return Desired::Refused {
                reasons: vec![format!("the data product `{product}` has no output port `{port}`")],
                keep: None,
            };
        }
        [found] => port_resources(found, rules).and_then(|grant| {
            owned(access, &grant.1, rules).map_or(Ok(grant), |reason| Err(vec![reason]))
        }),
        _ => Err(vec![format!(
            "the data product `{product}` has several output ports named `{port}`"
        )]),
    };
    match (role, wanted) {
        (Ok(role), Ok((kind, resources, warnings))) => {
            grant(role, kind, &resources, warnings, rules)
        }
        (role, wanted) => {
            let keep = role.as_ref().ok().cloned();
            let of_port = wanted.err().into_iter().flatten();
            let of_port =
                of_port.map(|reason| format!("output port `{port}` of `{product}`: {reason}"));
            Desired::Refused { reasons: role.err().into_iter().chain(of_port).collect(), keep }
        }
    }
}

fn grant(
    role: String,
    kind: PortKind,
    resources: &Resources,
    warnings: Vec<String>,
    rules: &Rules,
) -> Desired {
    let arns: Vec<_> = resources.all().collect();
    Desired::Grant(Wanted {
        role,
        partition: arns[0].partition.clone(),
        statements: document::statements(rules.profile, kind, resources, rules.lake_formation),
        arns: arns.iter().map(ToString::to_string).collect(),
        warnings,
    })
}

/// The role that the consumer names.
fn role_of(access: &Access, consuming: &Consuming, rules: &Rules) -> Result<String, String> {
    let missing = |place: String| format!("{place} misses the custom field `{ROLE_NAME}`");
    let named = match (&access.consumer, consuming) {
        (Consumer::DataProduct(id), Consuming::Product(Some(product))) => {
            let missing = missing(format!("the consumer's data product `{id}`"));
            product.custom.get(ROLE_NAME).cloned().ok_or(missing)
        }
        (Consumer::DataProduct(id), _) => {
            Err(format!("the consumer's data product `{id}` does not exist"))
        }
        (Consumer::Team(id), Consuming::Team(Some(team))) => team
            .custom
            .get(ROLE_NAME)
            .cloned()
            .ok_or_else(|| missing(format!("the consumer's team `{id}`"))),
        (Consumer::Team(id), _) => Err(format!("the consumer's team `{id}` does not exist")),
        (Consumer::User(id), _) => rules.users.get(id).cloned().ok_or_else(|| {
            format!(
                "the consumer is the user `{id}`, who has no role; map one in the setting `users`"
            )
        }),
        (Consumer::Unknown, _) => Err("the access names no consumer".to_owned()),
    }?;
    role::check(&named, &rules.role_patterns).map_err(|error| error.to_string())?;
    Ok(named)
}

type Found = (PortKind, Resources, Vec<String>);

/// What a port's custom fields come to; or all that is wrong with them.
fn port_resources(port: &Port, rules: &Rules) -> Result<Found, Vec<String>> {
    let kind = match port.custom.get(PORT_TYPE).map(String::as_str) {
        Some("s3_bucket") => Ok(PortKind::S3Bucket),
        Some("glue_table") => Ok(PortKind::GlueTable),
        Some(other) => Err(format!(
            "the custom field `{PORT_TYPE}` is `{other}`, not `s3_bucket` or `glue_table`"
        )),
        None => Err(format!("misses the custom field `{PORT_TYPE}`")),
    };
    let (mut resources, mut warnings, mut wrong) = (Resources::default(), Vec::new(), Vec::new());
    for (key, value) in port.custom.iter().filter(|(key, _)| is_arn_field(key)) {
        match Arn::read(value) {
            Ok(arn) => match refused(&arn, rules) {
                Some(reason) => wrong.push(format!("`{key}`: {reason}")),
                None => resources.add(key, arn),
            },
            Err(error @ ArnError::Service(_)) => {
                warnings.push(format!("`{key}`: {error}; it is left out"));
            }
            Err(error) => wrong.push(format!("`{key}`: {error}")),
        }
    }
    let kind = match kind {
        Ok(kind) => kind,
        Err(reason) => {
            wrong.insert(0, reason);
            return Err(wrong);
        }
    };
    if kind == PortKind::S3Bucket || rules.profile == Profile::Reference {
        // A location of results is something to the athena profile only.
        resources.data.append(&mut resources.results);
    }
    if wrong.is_empty() {
        wrong.extend(
            resources.missing(kind).map(|field| format!("misses the custom field `{field}`")),
        );
    }
    let partitions: BTreeSet<_> = resources.all().map(|arn| arn.partition.as_str()).collect();
    if partitions.len() > 1 {
        wrong.push("its ARNs are of several partitions".to_owned());
    }
    if wrong.is_empty() { Ok((kind, resources, warnings)) } else { Err(wrong) }
}

fn is_arn_field(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("aws") && key.ends_with("arn")
}

/// Why the configuration does not allow a resource.
fn refused(arn: &Arn, rules: &Rules) -> Option<String> {
    let not_in = |what: &str, value: &str, setting: &str| {
        format!("`{arn}` is of the {what} {value}, which `{setting}` does not allow")
    };
    if let Some(account) = arn.account.as_ref().filter(|it| !rules.resource_accounts.contains(*it))
    {
        return Some(not_in("account", account, "resource_accounts"));
    }
    let regions = &rules.regions;
    if let Some(region) =
        arn.region.as_ref().filter(|it| !regions.is_empty() && !regions.contains(*it))
    {
        return Some(not_in("region", region, "regions"));
    }
    match &arn.resource {
        Resource::S3 { bucket, .. } if !rules.buckets.iter().any(|it| it.matches(bucket)) => {
            Some(format!(
                "the bucket `{bucket}` is not among the `buckets` that the configuration allows"
            ))
        }
        _ => None,
    }
}

/// Why the provider's team may not hand out resources of that account.
fn owned(access: &Access, resources: &Resources, rules: &Rules) -> Option<String> {
    let team = access.provider_team.as_ref()?;
    let accounts = rules.team_accounts.get(team)?;
    let foreign =
        resources.all().find_map(|arn| arn.account.as_ref().filter(|it| !accounts.contains(it)))?;
    Some(format!("the account {foreign} does not belong to the provider's team `{team}`"))
}

impl Resources {
    fn add(&mut self, key: &str, arn: Arn) {
        let of = match &arn.resource {
            Resource::S3 { .. } if key.to_ascii_lowercase().contains("result") => &mut self.results,
            Resource::S3 { .. } => &mut self.data,
            Resource::GlueCatalog | Resource::GlueDatabase(_) | Resource::GlueTable(_) => {
                &mut self.glue
            }
            Resource::AthenaWorkgroup(_) => &mut self.athena,
            Resource::KmsKey(_) => &mut self.keys,
        };
        if !of.contains(&arn) {
            of.push(arn);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arn> {
        let Self { data, results, glue, athena, keys } = self;
        data.iter().chain(results).chain(glue).chain(athena).chain(keys)
    }

    /// The fields that a port of this kind needs and does not have.
    fn missing(&self, kind: PortKind) -> impl Iterator<Item = &'static str> {
        let glue = |is: fn(&Resource) -> bool| self.glue.iter().any(|arn| is(&arn.resource));
        let bucket = ("aws-s3-bucket-arn", !self.data.is_empty());
        let table = [
            ("aws-s3-folder-arn", !self.data.is_empty()),
            ("aws-glue-catalog-arn", glue(|it| matches!(it, Resource::GlueCatalog))),
            ("aws-glue-database-arn", glue(|it| matches!(it, Resource::GlueDatabase(_)))),
            ("aws-glue-table-arn", glue(|it| matches!(it, Resource::GlueTable(_)))),
            ("aws-athena-workgroup-arn", !self.athena.is_empty()),
        ];
        let needed = match kind {
            PortKind::S3Bucket => vec![bucket],
            PortKind::GlueTable => table.to_vec(),
        };
        needed.into_iter().filter(|(_, is_there)| !is_there).map(|(field, _)| field)
    }
}
