//! ARNs of the resources that a port may name, each by the grammar of its service.
//!
//! Catalogue text is written by people who may not administer the account: what is not exactly one resource
//! (wildcards, policy variables, another form) is refused.
//!
//! Source: AWS Service Authorization Reference, resource types of S3, Glue, Athena and KMS.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arn {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Nothing for S3.
    pub region: Option<String>,
    /// Nothing for S3.
    pub account: Option<String>,
    /// What it names.
    pub resource: Resource,
}

/// What an ARN names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A bucket, or a folder in it (`prefix`, without `/` at its end).
    S3 {
        /// The bucket.
        bucket: String,
        /// The folder.
        prefix: Option<String>,
    },
    /// The Glue catalog of an account.
    GlueCatalog,
    /// A Glue database.
    GlueDatabase(String),
    /// A Glue table, `database/table`.
    GlueTable(String),
    /// An Athena workgroup.
    AthenaWorkgroup(String),
    /// A KMS key.
    KmsKey(String),
}

/// Why a text is not taken as an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// `*`, `?` or `${` in it.
    #[error("`{0}` has a wildcard or a variable; name one bucket, folder, table or workgroup")]
    Wildcard(String),
    /// Not of the grammar of its service.
    #[error("`{0}` is no ARN of the form {1}")]
    Form(String, &'static str),
    /// Of a service that output ports do not use.
    #[error("`{0}` is of a service that output ports do not use")]
    Service(String),
}

/// The partitions of AWS that are known here.
pub(crate) const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

const FORMS: [(&str, &str, &str); 6] = [
    (
        "s3",
        r"^::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^\x00-\x1f]{1,1024}))?$",
        "arn:aws:s3:::BUCKET or arn:aws:s3:::BUCKET/FOLDER",
    ),
    ("glue", r"^REGION:ACCOUNT:(catalog)$", GLUE),
    ("glue", r"^REGION:ACCOUNT:database/([^\s/:]{1,255})$", GLUE),
    ("glue", r"^REGION:ACCOUNT:table/([^\s/:]{1,255}/[^\s/:]{1,255})$", GLUE),
    (
        "athena",
        r"^REGION:ACCOUNT:workgroup/([A-Za-z0-9._-]{1,128})$",
        "arn:aws:athena:REGION:ACCOUNT:workgroup/NAME",
    ),
    ("kms", r"^REGION:ACCOUNT:key/([A-Za-z0-9-]{1,64})$", "arn:aws:kms:REGION:ACCOUNT:key/ID"),
];

const GLUE: &str = "arn:aws:glue:REGION:ACCOUNT:catalog, …:database/DB or …:table/DB/TABLE";

/// Region and account behind the service; S3 has neither.
const REGION: &str = r"((?:[a-z]{2}|us-gov|us-iso[a-z]?)-[a-z]+-\d)";
const ACCOUNT: &str = r"(\d{12})";

static GRAMMAR: LazyLock<Vec<(&str, Regex, &str)>> = LazyLock::new(|| {
    let compile = |(service, pattern, form): &(&'static str, &str, &'static str)| {
        let pattern = pattern.replace("REGION", REGION).replace("ACCOUNT", ACCOUNT);
        (*service, Regex::new(&pattern).expect("the grammar is well-formed"), *form)
    };
    FORMS.iter().map(compile).collect()
});

impl Arn {
    /// Reads an ARN. A `/` at the end of a folder is no part of it.
    ///
    /// # Errors
    /// [`ArnError`] that says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, ArnError> {
        if text.contains(['*', '?']) || text.contains("${") {
            return Err(ArnError::Wildcard(text.to_owned()));
        }
        let mut parts = text.trim_end_matches('/').splitn(4, ':');
        let (arn, partition) = (parts.next(), parts.next().unwrap_or_default());
        let (service, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if arn != Some("arn") || !PARTITIONS.contains(&partition) {
            let form = "arn:PARTITION:SERVICE:… with the partition aws, aws-cn or aws-us-gov";
            return Err(ArnError::Form(text.to_owned(), form));
        }
        let forms: Vec<_> = GRAMMAR.iter().filter(|(of, _, _)| *of == service).collect();
        let form = forms.first().ok_or_else(|| ArnError::Service(text.to_owned()))?.2;
        let refused = || ArnError::Form(text.to_owned(), form);
        let found = forms.iter().find_map(|(_, grammar, _)| grammar.captures(rest));
        let found = found.ok_or_else(refused)?;
        let part = |at: usize| found.get(at).map(|it| it.as_str().to_owned());
        if service == "s3" {
            let bucket = part(1).ok_or_else(refused)?;
            let resource = Resource::S3 { bucket, prefix: part(2) };
            return Ok(Self {
                partition: partition.to_owned(),
                region: None,
                account: None,
                resource,
            });
        }
        let region =
            part(1).filter(|region| is_region_of(partition, region)).ok_or_else(refused)?;
        let name = part(3).ok_or_else(refused)?;
        let resource = match (service, rest.rsplit(':').next().unwrap_or_default()) {
            ("glue", "catalog") => Resource::GlueCatalog,
            ("glue", it) if it.starts_with("database/") => Resource::GlueDatabase(name),
            ("glue", _) => Resource::GlueTable(name),
            ("athena", _) => Resource::AthenaWorkgroup(name),
            _ => Resource::KmsKey(name),
        };
        Ok(Self {
            partition: partition.to_owned(),
            region: Some(region),
            account: part(2),
            resource,
        })
    }
}

/// Regions of China and of the US government have partitions of their own.
fn is_region_of(partition: &str, region: &str) -> bool {
    let home = match region {
        it if it.starts_with("cn-") => "aws-cn",
        it if it.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    home == partition
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, resource) = match &self.resource {
            Resource::S3 { bucket, prefix: None } => ("s3", bucket.clone()),
            Resource::S3 { bucket, prefix: Some(prefix) } => ("s3", format!("{bucket}/{prefix}")),
            Resource::GlueCatalog => ("glue", "catalog".to_owned()),
            Resource::GlueDatabase(name) => ("glue", format!("database/{name}")),
            Resource::GlueTable(name) => ("glue", format!("table/{name}")),
            Resource::AthenaWorkgroup(name) => ("athena", format!("workgroup/{name}")),
            Resource::KmsKey(id) => ("kms", format!("key/{id}")),
        };
        let Self { partition, region, account, .. } = self;
        let (region, account) = (region.as_deref(), account.as_deref());
        let (region, account) = (region.unwrap_or_default(), account.unwrap_or_default());
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_resource_is_taken_and_written_as_it_was() {
        for text in [
            "arn:aws:s3:::acme-orders-prod-eu",
            "arn:aws:s3:::acme-orders-prod-eu/orders/v1",
            "arn:aws-cn:s3:::acme",
            "arn:aws:glue:eu-central-1:123456789012:catalog",
            "arn:aws-us-gov:glue:us-gov-west-1:123456789012:database/orders_db",
            "arn:aws-cn:glue:cn-north-1:123456789012:table/orders_db/orders_v1",
            "arn:aws:athena:ap-southeast-2:123456789012:workgroup/consumers",
            "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ] {
            assert_eq!(Arn::read(text).unwrap().to_string(), text);
        }
        let folder = Arn::read("arn:aws:s3:::acme/orders/").unwrap();
        assert_eq!(folder.to_string(), "arn:aws:s3:::acme/orders");
    }

    #[test]
    fn what_is_more_than_one_resource_or_of_another_form_is_refused() {
        for text in [
            "arn:aws:s3:::*",
            "arn:aws:s3:::acme/*",
            "arn:aws:s3:::${aws:username}",
            "arn:aws:s3:::acm?",
        ] {
            assert!(matches!(Arn::read(text), Err(ArnError::Wildcard(_))), "{text}");
        }
        for text in [
            "TODO",
            "arn:aws:s3:::Acme",
            "arn:aws:s3:eu-central-1:123456789012:accesspoint/x",
            "arn:aws:glue:eu-central-1:123:catalog",
            "arn:aws:glue:eu-central-1:123456789012:table/orders_db",
            "arn:aws:glue:cn-north-1:123456789012:catalog",
            "arn:aws-iso:s3:::acme",
            "arn:aws:athena:eu-central-1:123456789012:datacatalog/x",
        ] {
            assert!(matches!(Arn::read(text), Err(ArnError::Form(..))), "{text}");
        }
        for service in ["s3-object-lambda", "s3tables", "iam"] {
            let text = format!("arn:aws:{service}:eu-central-1:123456789012:x");
            assert!(matches!(Arn::read(&text), Err(ArnError::Service(_))), "{text}");
        }
    }
}
