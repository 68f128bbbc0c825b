//! What the language has and this version does not: refused by name, never misread.

use super::Checker;
use super::place::Object;
use super::source::Field;
use crate::diagnostic::Code;

impl<'t> Checker<'t> {
    /// Reports `field` if it belongs to a part of the language that is not supported yet.
    pub(super) fn refuse_unsupported(&mut self, object: &Object<'t>, field: &'t Field) -> bool {
        let name = field.name.as_str();
        if !matches!(name, "ItemReader" | "ItemBatcher" | "ResultWriter" | "Label") {
            return false;
        }
        let message = format!("'{name}' belongs to a Distributed Map, which is not supported yet");
        self.findings
            .name(Code::DistributedMapUnsupported, &object.place.field(field), message)
            .help("use an inline Map: `\"ProcessorConfig\": {\"Mode\": \"INLINE\"}`");
        true
    }
}
