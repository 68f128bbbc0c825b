//! The objects of the organization and their fields, as describe tells them.

use serde_json::{Value, json};

/// An object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) key_prefix: &'static str,
    pub(crate) fields: Vec<Field>,
    /// Whether the Bulk API takes it.
    pub(crate) bulk: bool,
    /// Whether there are lists of updated and deleted records.
    pub(crate) replicateable: bool,
    /// Fields of which one must be compared for equality in every query.
    pub(crate) needs_filter: &'static [&'static str],
}

/// A field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) length: u32,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    pub(crate) calculated: bool,
    pub(crate) reference_to: &'static [&'static str],
    pub(crate) nillable: bool,
    /// Deprecated and hidden.
    pub(crate) hidden: bool,
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field that says when a record changed last.
    pub(crate) fn stamp(&self) -> Option<usize> {
        ["SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime"]
            .iter()
            .find_map(|name| self.field(name))
    }

    /// As it stands in the list of objects.
    pub(crate) fn summary(&self, version: &str) -> Value {
        json!({
            "name": self.name, "label": self.name, "labelPlural": format!("{}s", self.name),
            "keyPrefix": self.key_prefix, "custom": self.name.ends_with("__c"), "customSetting": false,
            "queryable": true, "retrieveable": true, "replicateable": self.replicateable,
            "createable": true, "updateable": true, "deletable": true, "searchable": true,
            "deprecatedAndHidden": false,
            "urls": {
                "sobject": format!("/services/data/{version}/sobjects/{}", self.name),
                "describe": format!("/services/data/{version}/sobjects/{}/describe", self.name),
            },
        })
    }

    pub(crate) fn describe(&self, version: &str) -> Value {
        let mut whole = self.summary(version);
        whole["fields"] = self.fields.iter().map(Field::describe).collect();
        whole
    }
}

impl Field {
    fn describe(&self) -> Value {
        let is_compound = matches!(self.kind, "address" | "location");
        let part_of = |prefix: &str, compound: &'static str| {
            let part = self.name.strip_prefix(prefix)?;
            matches!(part, "Street" | "City" | "PostalCode" | "Latitude__s" | "Longitude__s")
                .then_some(compound)
        };
        let compound =
            part_of("Billing", "BillingAddress").or_else(|| part_of("Place__", "Place__c"));
        json!({
            "name": self.name, "label": self.name, "type": self.kind, "length": self.length,
            "precision": self.precision, "scale": self.scale, "digits": 0,
            "nillable": self.nillable, "custom": self.name.contains("__"), "calculated": self.calculated,
            "compoundFieldName": compound, "deprecatedAndHidden": self.hidden,
            "referenceTo": self.reference_to, "filterable": !is_compound && self.kind != "textarea",
            "sortable": !is_compound, "createable": !self.calculated, "updateable": !self.calculated,
        })
    }
}

fn field(name: &'static str, kind: &'static str) -> Field {
    Field {
        name,
        kind,
        length: if matches!(kind, "string" | "textarea") { 255 } else { 0 },
        precision: 0,
        scale: 0,
        calculated: false,
        reference_to: &[],
        nillable: true,
        hidden: false,
    }
}

fn number(name: &'static str, kind: &'static str, precision: u32, scale: u32) -> Field {
    Field { precision, scale, ..field(name, kind) }
}

fn required(mut field: Field) -> Field {
    field.nillable = false;
    field
}

fn reference(name: &'static str, to: &'static [&'static str]) -> Field {
    Field { reference_to: to, length: 18, ..field(name, "reference") }
}

/// `Id`, `IsDeleted` and the three times that nearly every object has.
fn system_fields() -> Vec<Field> {
    vec![
        Field { length: 18, ..required(field("Id", "id")) },
        required(field("IsDeleted", "boolean")),
        required(field("CreatedDate", "datetime")),
        required(field("LastModifiedDate", "datetime")),
        required(field("SystemModstamp", "datetime")),
    ]
}

fn object(name: &'static str, key_prefix: &'static str, own: Vec<Field>) -> Object {
    let mut fields = system_fields();
    fields.extend(own);
    Object { name, key_prefix, fields, bulk: true, replicateable: true, needs_filter: &[] }
}

/// All objects.
pub(crate) fn objects() -> Vec<Object> {
    vec![
        account(),
        contact(),
        opportunity(),
        activity(),
        invoice(),
        login_history(),
        case_status(),
        link(),
    ]
}

fn account() -> Object {
    let own = vec![
        reference("MasterRecordId", &["Account"]),
        // It says that there is always a value; old rows have none.
        required(field("Name", "string")),
        field("Type", "picklist"),
        field("BillingStreet", "textarea"),
        field("BillingCity", "string"),
        field("BillingPostalCode", "string"),
        field("BillingAddress", "address"),
        field("Phone", "phone"),
        field("Website", "url"),
        number("AnnualRevenue", "currency", 18, 0),
        field("NumberOfEmployees", "int"),
        field("Description", "textarea"),
        field("LastActivityDate", "date"),
        number("Balance__c", "currency", 18, 2),
        number("Margin__c", "percent", 5, 2),
        number("Rate__c", "double", 18, 9),
        field("Serial__c", "long"),
        field("Opens__c", "time"),
        field("Regions__c", "multipicklist"),
        field("Code__c", "encryptedstring"),
        field("Place__c", "location"),
        number("Place__Latitude__s", "double", 11, 8),
        number("Place__Longitude__s", "double", 11, 8),
        Field { calculated: true, ..number("Health__c", "double", 18, 4) },
        field("Logo__c", "base64"),
        field("Anything__c", "anyType"),
        Field { hidden: true, ..field("Retired__c", "string") },
    ];
    object("Account", "001", own)
}

fn contact() -> Object {
    let own = vec![
        reference("AccountId", &["Account"]),
        required(field("LastName", "string")),
        field("FirstName", "string"),
        field("Email", "email"),
        field("Birthdate", "date"),
        required(field("HasOptedOut", "boolean")),
        field("Title", "combobox"),
    ];
    object("Contact", "003", own)
}

fn opportunity() -> Object {
    let own = vec![
        reference("AccountId", &["Account"]),
        required(field("Name", "string")),
        required(field("StageName", "picklist")),
        number("Amount", "currency", 18, 2),
        number("Probability", "percent", 3, 0),
        required(field("CloseDate", "date")),
        required(field("IsClosed", "boolean")),
        Field { calculated: true, ..number("ExpectedRevenue", "currency", 18, 2) },
    ];
    object("Opportunity", "006", own)
}

/// Half of them are archived.
fn activity() -> Object {
    let own = vec![
        reference("WhoId", &["Contact"]),
        field("Subject", "combobox"),
        field("ActivityDateTime", "datetime"),
        field("DurationInMinutes", "int"),
        required(field("IsArchived", "boolean")),
    ];
    object("Event", "00U", own)
}

fn invoice() -> Object {
    let own = vec![
        required(field("Name", "string")),
        reference("Account__c", &["Account"]),
        number("Total__c", "currency", 18, 2),
        number("Tax__c", "double", 16, 8),
        field("Due__c", "date"),
        required(field("Paid__c", "boolean")),
        field("Note__c", "textarea"),
    ];
    object("Invoice__c", "a00", own)
}

/// Has neither `SystemModstamp` nor `IsDeleted`.
fn login_history() -> Object {
    let fields = vec![
        Field { length: 18, ..required(field("Id", "id")) },
        reference("UserId", &["User"]),
        required(field("LoginTime", "datetime")),
        field("Status", "string"),
        field("SourceIp", "string"),
    ];
    Object {
        name: "LoginHistory",
        key_prefix: "0Ya",
        fields,
        bulk: true,
        replicateable: false,
        needs_filter: &[],
    }
}

/// The Bulk API does not take it.
fn case_status() -> Object {
    let fields = vec![
        Field { length: 18, ..required(field("Id", "id")) },
        required(field("MasterLabel", "string")),
        field("SortOrder", "int"),
        required(field("IsDefault", "boolean")),
        required(field("SystemModstamp", "datetime")),
    ];
    Object {
        name: "CaseStatus",
        key_prefix: "01J",
        fields,
        bulk: false,
        replicateable: false,
        needs_filter: &[],
    }
}

/// Cannot be read without naming one side of the link.
fn link() -> Object {
    let mut link = object(
        "ContentDocumentLink",
        "06A",
        vec![
            reference("ContentDocumentId", &["ContentDocument"]),
            reference("LinkedEntityId", &[]),
        ],
    );
    link.needs_filter = &["Id", "ContentDocumentId", "LinkedEntityId"];
    link
}
