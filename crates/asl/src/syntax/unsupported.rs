//! What the language has and this version does not: refused by name, never misread.

use super::Checker;
use super::place::Object;
use super::source::Field;
use crate::diagnostic::Code;

impl<'t> Checker<'t> {
    /// Reports `field` if it belongs to a part of the language that is not supported yet.
    pub(super) fn refuse_unsupported(&mut self, object: &Object<'t>, field: &'t Field) -> bool {
        let name = field.name.as_str();
        let (code, message, help) = match name {
            "Credentials" => (
                Code::CredentialsUnsupported,
                "Credentials are not supported yet".to_owned(),
                "let the handler of the task assume the role",
            ),
            "ItemReader" | "ItemBatcher" | "ResultWriter" | "Label" => (
                Code::DistributedMapUnsupported,
                format!("'{name}' belongs to a Distributed Map, which is not supported yet"),
                "use an inline Map: `\"ProcessorConfig\": {\"Mode\": \"INLINE\"}`",
            ),
            _ => return false,
        };
        self.findings.name(code, &object.place.field(field), message).help(help);
        true
    }
}
