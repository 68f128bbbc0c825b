//! The item processor of a Map state, and what only a Map in DISTRIBUTED mode has.

use std::sync::Arc;

use serde_json::Value;

use super::place::{Object, Place};
use super::{Checker, allowed};
use crate::Reading;
use crate::diagnostic::Code;
use crate::model::{
    Distributed, Dynamic, ItemBatcher, ItemReader, Payload, ResultWriter, StateId, WorkflowType,
    Written,
};

/// The fields that an inline Map does not have.
const FIELDS: [&str; 4] = ["ItemBatcher", "ItemReader", "Label", "ResultWriter"];

/// What reads items.
const READERS: [&str; 2] = ["arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"];

/// What writes results.
const WRITERS: [&str; 1] = ["arn:aws:states:::s3:putObject"];

impl<'t> Checker<'t> {
    /// `ItemProcessor`, or `Iterator`, its older name: where it starts, and the type of its executions if it has some of
    /// its own.
    pub(super) fn item_processor(
        &mut self,
        place: &Place<'t>,
    ) -> (Option<StateId>, Option<WorkflowType>) {
        let Some(object) = self.object(place) else { return (None, None) };
        self.check_fields(&object, allowed::PROCESSOR);
        self.comment(&object);
        let children =
            object.get("ProcessorConfig").and_then(|config| self.processor_config(&config));
        let around = self.workflow;
        self.workflow = children.unwrap_or(around);
        let start_at = self.scope(&object);
        self.workflow = around;
        (start_at, children)
    }

    fn processor_config(&mut self, place: &Place<'t>) -> Option<WorkflowType> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::PROCESSOR_CONFIG);
        let mode = object.get("Mode")?;
        if self.word(&mode, &["INLINE", "DISTRIBUTED"])? == "INLINE" {
            return None;
        }
        if self.workflow == WorkflowType::Express {
            let message = "Express state machine does not support a Map in DISTRIBUTED mode";
            self.findings.value(Code::NotInExpress, &mode, message);
        }
        self.require(&object, &["ExecutionType"]);
        let execution_type = object.get("ExecutionType")?;
        match self.word(&execution_type, &["STANDARD", "EXPRESS"])? {
            "EXPRESS" => Some(WorkflowType::Express),
            _ => Some(WorkflowType::Standard),
        }
    }

    /// The fields of a Map in DISTRIBUTED mode; those of an inline one are reported.
    pub(super) fn distributed(
        &mut self,
        object: &Object<'t>,
        children: Option<WorkflowType>,
    ) -> Option<Box<Distributed>> {
        let Some(execution_type) = children else {
            self.refuse_distributed_fields(object);
            return None;
        };
        let reader = object.get("ItemReader").and_then(|place| self.item_reader(&place));
        let batcher = object.get("ItemBatcher").and_then(|place| self.item_batcher(&place));
        let writer = object.get("ResultWriter").and_then(|place| self.result_writer(&place));
        let label = object.get("Label").and_then(|place| self.label(&place));
        Some(Box::new(Distributed { execution_type, label, reader, batcher, writer }))
    }

    fn refuse_distributed_fields(&mut self, object: &Object<'t>) {
        for place in FIELDS.iter().filter_map(|name| object.get(name)) {
            let message = format!("'{}' is only supported in DISTRIBUTED mode", place.field_name());
            self.findings.name(Code::OnlyInDistributedMap, &place, message).help(
                "say `\"ProcessorConfig\": {\"Mode\": \"DISTRIBUTED\", \"ExecutionType\": \"STANDARD\"}`",
            );
        }
    }

    fn item_reader(&mut self, place: &Place<'t>) -> Option<ItemReader> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::ITEM_READER);
        self.require(&object, &["Resource"]);
        let arguments = self.call_arguments(&object);
        let config = object.get("ReaderConfig");
        let config = config.and_then(|place| self.object(&place));
        let max_items = config.as_ref().and_then(|config| self.reader_config(config));
        let config = config.map_or(Value::Null, |config| config.place.node.to_value());
        let (resource, resource_at) =
            object.get("Resource").and_then(|place| self.data_resource(&place, &READERS))?;
        Some(ItemReader { resource, resource_at, arguments, config: config.into(), max_items })
    }

    /// Checks a `ReaderConfig`, and gives its `MaxItems`.
    fn reader_config(&mut self, object: &Object<'t>) -> Option<Dynamic<u64>> {
        self.check_fields(object, allowed::READER_CONFIG);
        for (name, words) in [
            ("InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"][..]),
            ("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]),
            ("CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]),
            ("ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]),
            ("Transformation", &["NONE", "LOAD_AND_FLATTEN"]),
        ] {
            if let Some(place) = object.get(name) {
                self.word(&place, words);
            }
        }
        if let Some(headers) = object.get("CSVHeaders") {
            for header in self.array(&headers).unwrap_or_default() {
                self.string(&header);
            }
        }
        if let Some(pointer) = object.get("ItemsPointer") {
            self.items_pointer(&pointer);
        }
        self.or_path(object, "MaxItems", "MaxItemsPath", |this, place| {
            this.integer(place, 1, ITEMS_MAX)
        })
    }

    /// `ItemsPointer`: a JSON pointer.
    fn items_pointer(&mut self, place: &Place<'t>) {
        let Some(pointer) = self.string(place) else { return };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let message = "Value is not a valid JSON Pointer";
            self.findings.value(Code::InvalidValue, place, message).help("write `/orders/items`");
        }
    }

    fn item_batcher(&mut self, place: &Place<'t>) -> Option<ItemBatcher> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::ITEM_BATCHER);
        let max_items =
            self.or_path(&object, "MaxItemsPerBatch", "MaxItemsPerBatchPath", |this, place| {
                this.integer(place, 1, ITEMS_MAX)
            });
        let max_bytes = self.or_path(
            &object,
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            |this, place| this.integer(place, 1, BATCH_BYTES_MAX),
        );
        let batch_input = self.payload(&object, "BatchInput");
        let bounds = [
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
        ];
        self.one_at_least(&object, &bounds);
        Some(ItemBatcher { max_items, max_bytes, batch_input })
    }

    fn result_writer(&mut self, place: &Place<'t>) -> Option<ResultWriter> {
        let object = self.object(place)?;
        self.check_fields(&object, allowed::RESULT_WRITER);
        self.one_at_least(&object, &["Resource", "WriterConfig"]);
        let arguments = self.call_arguments(&object);
        let config = object.get("WriterConfig").and_then(|place| self.object(&place));
        if let Some(config) = &config {
            self.check_fields(config, allowed::WRITER_CONFIG);
            for (name, words) in [
                ("OutputType", &["JSON", "JSONL"][..]),
                ("Transformation", &["NONE", "COMPACT", "FLATTEN"]),
            ] {
                if let Some(place) = config.get(name) {
                    self.word(&place, words);
                }
            }
        }
        let config = config.map_or(Value::Null, |config| config.place.node.to_value());
        let resource =
            object.get("Resource").and_then(|place| self.data_resource(&place, &WRITERS));
        Some(ResultWriter { resource, arguments, config: config.into() })
    }

    /// `Parameters`, or `Arguments` in JSONata.
    fn call_arguments(&mut self, object: &Object<'t>) -> Option<Payload> {
        self.payload(object, if self.is_jsonata() { "Arguments" } else { "Parameters" })
    }

    fn payload(&mut self, object: &Object<'t>, name: &str) -> Option<Payload> {
        if self.is_jsonata() {
            return self.query(object, name).map(Payload::Jsonata);
        }
        self.template(object, name).map(Payload::JsonPath)
    }

    fn one_at_least(&mut self, object: &Object<'t>, names: &[&str]) {
        if !names.iter().any(|name| object.has(name)) {
            let message = format!("One of these fields is required: [{}]", names.join(", "));
            self.findings.object(Code::MissingField, &object.place, message);
        }
    }

    fn data_resource(&mut self, place: &Place<'t>, known: &[&str]) -> Option<(Arc<str>, Written)> {
        let resource = self.string(place)?;
        if known.contains(&resource) {
            return Some((resource.into(), place.written()));
        }
        let message = "Value is not a valid resource ARN";
        let help = format!("what is served here: {}", known.join(", "));
        self.findings.value(Code::InvalidResource, place, message).help(help);
        None
    }

    /// `Label`: at most 40 characters, which stand in ARNs; no other Map state of the machine has the same.
    ///
    /// Source: Developer Guide, "Using Map state in Distributed mode", `Label`.
    fn label(&mut self, place: &Place<'t>) -> Option<Arc<str>> {
        const LENGTH_MAX: usize = 40;
        let label = self.string(place)?;
        let is_fine = |c: char| {
            !c.is_whitespace() && !c.is_control() && !"?*<>{}[]:;,\\|^~$#%&`\"/".contains(c)
        };
        if label.is_empty() || label.chars().count() > LENGTH_MAX || !label.chars().all(is_fine) {
            let message =
                format!("Label must be 1 to {LENGTH_MAX} characters of those that ARNs can have");
            self.findings.value(Code::InvalidLabel, place, message);
            return None;
        }
        if !self.labels.insert(label) && self.reading == Reading::New {
            let message = format!("Duplicate label name: {label}");
            self.findings
                .value(Code::DuplicateLabel, place, message)
                .help("a label names the Map runs of one Map state: give each its own");
        }
        Some(label.into())
    }

    /// A text that is one of `words`.
    fn word(&mut self, place: &Place<'t>, words: &[&str]) -> Option<&'t str> {
        let word = self.string(place)?;
        if words.contains(&word) {
            return Some(word);
        }
        let field = place.field_name();
        let message =
            format!("The field '{field}' should have one of these values: [{}]", words.join(", "));
        self.findings.value(Code::InvalidValue, place, message);
        None
    }
}

/// Source: Developer Guide, "ReaderConfig", `MaxItems`.
const ITEMS_MAX: u64 = 100_000_000;

/// Source: Developer Guide, "ItemBatcher": as many bytes as an execution may have for its input.
const BATCH_BYTES_MAX: u64 = 262_144;
