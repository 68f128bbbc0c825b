//! What real catalogues hold besides: agreements that must not be granted, and some that must in spite of how they look.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::generate::{access, dps, glue, s3, team};
use crate::dmm::organization::Organization;
use crate::dmm::organization::access::Status;
use crate::dmm::organization::feed::Principal;

/// In which way an agreement is awkward. All of them are approved and active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awkward {
    /// The consumer product has no `aws-role-name`.
    MissingRoleName,
    /// Its `aws-role-name` is an ARN.
    RoleArnAsName,
    /// It names the role of an administrator.
    AdministratorRole,
    /// The port has no `output-port-type`.
    MissingPortType,
    /// It is neither a bucket nor a table.
    UnsupportedPortType,
    /// A bucket without `aws-s3-bucket-arn`.
    MissingBucketArn,
    /// A table without its folder and its database.
    IncompleteTable,
    /// `arn:aws:s3:::*`
    WildcardBucket,
    /// A wildcard within the name of a bucket.
    WildcardInBucket,
    /// A table of another account.
    ForeignAccount,
    /// A bucket of another partition.
    OtherPartition,
    /// A text that is no ARN.
    NoArn,
    /// The provider is `unknown`, as after its deletion.
    UnknownProvider,
    /// The product has no such port.
    PortGone,
    /// The consumer product is gone.
    ConsumerGone,
    /// The consumer is a team without a role.
    TeamWithoutRole,
    /// The consumer is a single user.
    UserConsumer,
    /// An id that IAM takes into no name of a policy.
    IdThatIamRefuses,
    /// The consumer is a team with a role.
    TeamConsumer,
    /// Texts in several scripts, everywhere but in names of AWS.
    UnicodeTexts,
    /// Custom fields that are numbers, lists and nothing, besides good ones.
    CustomFieldsThatAreNoTexts,
    /// The ARN of a folder ends with a slash.
    TrailingSlash,
    /// A further ARN of a service whose name begins like S3's.
    LookAlikeService,
}

impl Awkward {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::MissingRoleName,
        Self::RoleArnAsName,
        Self::AdministratorRole,
        Self::MissingPortType,
        Self::UnsupportedPortType,
        Self::MissingBucketArn,
        Self::IncompleteTable,
        Self::WildcardBucket,
        Self::WildcardInBucket,
        Self::ForeignAccount,
        Self::OtherPartition,
        Self::NoArn,
        Self::UnknownProvider,
        Self::PortGone,
        Self::ConsumerGone,
        Self::TeamWithoutRole,
        Self::UserConsumer,
        Self::IdThatIamRefuses,
        Self::TeamConsumer,
        Self::UnicodeTexts,
        Self::CustomFieldsThatAreNoTexts,
        Self::TrailingSlash,
        Self::LookAlikeService,
    ];

    /// Whether it is to be granted all the same. An id that IAM refuses is not, unless the policy gets another name.
    pub fn is_grantable(self) -> bool {
        matches!(
            self,
            Self::TeamConsumer
                | Self::UnicodeTexts
                | Self::CustomFieldsThatAreNoTexts
                | Self::TrailingSlash
                | Self::LookAlikeService
        )
    }

    /// `missing-role-name`
    fn slug(self) -> String {
        let name = json!(self).as_str().unwrap_or_default().to_owned();
        name.replace('_', "-")
    }
}

/// The documents of one agreement, before they are put.
struct Case {
    access: Value,
    provider: Value,
    consumer: Option<Value>,
    team: Option<Value>,
}

impl Case {
    /// A good one.
    fn new(slug: &str) -> Self {
        let (provider, consumer) = (format!("provider-{slug}"), format!("consumer-{slug}"));
        let port = json!({"id": "port", "name": "port", "type": "S3", "custom": s3(slug)});
        Self {
            access: access(&format!("acc-{slug}"), &provider, "port", &consumer),
            provider: dps(&provider, "orders", &[port], &json!({})),
            consumer: Some(dps(
                &consumer,
                "billing",
                &[],
                &json!({"aws-role-name": format!("{slug}-consumer")}),
            )),
            team: None,
        }
    }

    fn set_role(&mut self, role: &str) {
        let consumer = self.consumer.as_mut().expect("a new case has a consumer");
        consumer["custom"]["aws-role-name"] = json!(role);
    }

    fn port(&mut self) -> &mut Value {
        &mut self.provider["outputPorts"][0]["custom"]
    }

    fn set_port_field(&mut self, name: &str, value: impl Into<Value>) {
        self.port()[name] = value.into();
    }

    fn remove_port_field(&mut self, name: &str) {
        self.port().as_object_mut().expect("custom is an object").shift_remove(name);
    }

    /// The consumer is a team, with these custom fields.
    fn consume_as_team(&mut self, slug: &str, custom: Value) {
        let id = format!("team-{slug}");
        let mut consuming = team(&id);
        consuming["custom"] = custom;
        self.access["consumer"] = json!({"teamId": id});
        (self.team, self.consumer) = (Some(consuming), None);
    }
}

/// Adds an agreement of this kind; returns its id.
pub(super) fn add(organization: &mut Organization, kind: Awkward) -> String {
    let slug = kind.slug();
    let mut case = Case::new(&slug);
    spoil(&mut case, kind, &slug);
    let Case { access, provider, consumer, team } = case;
    for product in [Some(provider), consumer].into_iter().flatten() {
        organization.put_data_product(product, Principal::User);
    }
    if let Some(team) = team {
        organization.put_team(team, Principal::User);
    }
    let id = access["id"].as_str().expect("an access has an id").to_owned();
    organization.put_access(access, Status::Approved, Principal::User);
    id
}

fn spoil(case: &mut Case, kind: Awkward, slug: &str) {
    match kind {
        Awkward::MissingRoleName => {
            case.consumer.as_mut().expect("a new case has a consumer")["custom"] = json!({});
        }
        Awkward::RoleArnAsName => case.set_role("arn:aws:iam::123456789012:role/billing-consumer"),
        Awkward::AdministratorRole => case.set_role("AWSAdministratorAccess"),
        Awkward::UnknownProvider => {
            case.access["provider"]["dataProductId"] = json!("unknown");
            case.access["provider"]["outputPortId"] = json!("unknown");
        }
        Awkward::PortGone => case.access["provider"]["outputPortId"] = json!("port-of-yesterday"),
        Awkward::ConsumerGone => case.consumer = None,
        Awkward::TeamWithoutRole => case.consume_as_team(slug, json!({})),
        Awkward::TeamConsumer => {
            case.consume_as_team(slug, json!({"aws-role-name": "team-consumer"}));
        }
        Awkward::UserConsumer => {
            case.access["consumer"] = json!({"userId": "ana@acme.example"});
            case.consumer = None;
        }
        Awkward::IdThatIamRefuses => case.access["id"] = json!("acc:ünïcode 17"),
        Awkward::UnicodeTexts => {
            case.access["info"]["purpose"] = json!("Zahlungen prüfen — 支払い 🧾 \u{202e}txt");
            case.access["tags"] = json!(["geprüft", "確認済み"]);
            case.access["custom"] = json!({"Kostenstelle ö": "naïve\n\"quoted\""});
            case.provider["info"]["title"] = json!("Bestellungen “Süd”");
        }
        Awkward::MissingPortType
        | Awkward::UnsupportedPortType
        | Awkward::MissingBucketArn
        | Awkward::IncompleteTable
        | Awkward::WildcardBucket
        | Awkward::WildcardInBucket
        | Awkward::ForeignAccount
        | Awkward::OtherPartition
        | Awkward::NoArn
        | Awkward::CustomFieldsThatAreNoTexts
        | Awkward::TrailingSlash
        | Awkward::LookAlikeService => spoil_port(case, kind, slug),
    }
}

fn spoil_port(case: &mut Case, kind: Awkward, slug: &str) {
    const BUCKET: &str = "aws-s3-bucket-arn";
    match kind {
        Awkward::MissingPortType => case.remove_port_field("output-port-type"),
        Awkward::UnsupportedPortType => case.set_port_field("output-port-type", "kafka_topic"),
        Awkward::MissingBucketArn => case.remove_port_field(BUCKET),
        Awkward::IncompleteTable => {
            *case.port() = glue(slug);
            case.remove_port_field("aws-s3-folder-arn");
            case.remove_port_field("aws-glue-database-arn");
        }
        Awkward::WildcardBucket => case.set_port_field(BUCKET, "arn:aws:s3:::*"),
        Awkward::WildcardInBucket => case.set_port_field(BUCKET, "arn:aws:s3:::acme-*-prod-eu"),
        Awkward::ForeignAccount => {
            *case.port() = glue(slug);
            let foreign = format!("arn:aws:glue:eu-central-1:999999999999:table/{slug}_db/{slug}");
            case.set_port_field("aws-glue-table-arn", foreign);
        }
        Awkward::OtherPartition => case.set_port_field(BUCKET, "arn:aws-cn:s3:::acme-orders"),
        Awkward::NoArn => case.set_port_field(BUCKET, "s3://acme-orders/v1"),
        Awkward::CustomFieldsThatAreNoTexts => {
            case.set_port_field("retention-days", 30);
            case.set_port_field("owners", json!(["orders", null]));
            case.set_port_field("aws-kms-key-arn", Value::Null);
            case.set_port_field("certified", true);
        }
        Awkward::TrailingSlash => {
            *case.port() = glue(slug);
            let folder = format!("arn:aws:s3:::acme-lake-prod-eu/{slug}/v1/");
            case.set_port_field("aws-s3-folder-arn", folder);
        }
        Awkward::LookAlikeService => {
            let table = "arn:aws:s3tables:eu-central-1:123456789012:bucket/acme";
            case.set_port_field("aws-s3-tables-arn", table);
        }
        other => unreachable!("{other:?} is not about a port"),
    }
}
