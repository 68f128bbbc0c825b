//! What the language has and this version does not: refused by name, never misread.

use super::Checker;
use super::place::Object;
use super::source::Field;
use crate::diagnostic::Code;

impl<'t> Checker<'t> {
    /// Whether the machine or state is written in another query language than JSONPath; reported once.
    pub(super) fn refuse_jsonata(&mut self, object: &Object<'t>) -> bool {
        let Some(place) = object.get("QueryLanguage") else { return false };
        match self.string(&place) {
            Some("JSONPath") | None => false,
            Some("JSONata") => {
                let message = "The query language JSONata is not supported yet";
                self.findings
                    .value(Code::JsonataUnsupported, &place, message)
                    .help("write the state machine in the query language JSONPath, the default");
                true
            }
            Some(_) => {
                let message = "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]";
                self.findings.value(Code::InvalidValue, &place, message);
                false
            }
        }
    }

    /// Reports `field` if it belongs to a part of the language that is not supported yet.
    pub(super) fn refuse_unsupported(&mut self, object: &Object<'t>, field: &'t Field) -> bool {
        let name = field.name.as_str();
        let (code, message) = match name {
            "Arguments" | "Output" | "Items" | "Condition" => (
                Code::JsonataUnsupported,
                format!(
                    "The QueryLanguage is set to 'JSONPath', but field '{name}' is only supported for \
                     the 'JSONata' QueryLanguage"
                ),
            ),
            "Credentials" => {
                (Code::CredentialsUnsupported, "Credentials are not supported yet".to_owned())
            }
            "ItemReader"
            | "ItemBatcher"
            | "ResultWriter"
            | "Label"
            | "ToleratedFailureCount"
            | "ToleratedFailureCountPath"
            | "ToleratedFailurePercentage"
            | "ToleratedFailurePercentagePath" => (
                Code::DistributedMapUnsupported,
                format!("'{name}' belongs to a Distributed Map, which is not supported yet"),
            ),
            _ => return false,
        };
        let help = match code {
            Code::JsonataUnsupported => {
                "JSONPath states use Parameters, ResultSelector, ResultPath, ItemsPath and Variable"
            }
            Code::CredentialsUnsupported => "let the handler of the task assume the role",
            _ => "use an inline Map: `\"ProcessorConfig\": {\"Mode\": \"INLINE\"}`",
        };
        self.findings.name(code, &object.place.field(field), message).help(help);
        true
    }
}
