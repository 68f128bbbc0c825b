//! Which fields stand where, and what to say of those that do not.

use super::language::Language;
use crate::suggest;

/// The fields of an object: those that it has in any case, and those of one query language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    any: &'static [&'static str],
    jsonpath: &'static [&'static str],
    jsonata: &'static [&'static str],
}

impl Fields {
    const fn plain(any: &'static [&'static str]) -> Self {
        Self { any, jsonpath: &[], jsonata: &[] }
    }

    /// Those that stand there in a query language.
    pub(super) fn known(self, language: Language) -> impl Iterator<Item = &'static str> {
        self.any.iter().chain(self.only(language)).copied()
    }

    /// Whether only `language` has the field `name`.
    pub(super) fn is_only(self, language: Language, name: &str) -> bool {
        self.only(language).contains(&name)
    }

    fn only(self, language: Language) -> &'static [&'static str] {
        match language {
            Language::JsonPath => self.jsonpath,
            Language::Jsonata => self.jsonata,
        }
    }

    fn all(self) -> impl Iterator<Item = &'static str> {
        self.any.iter().chain(self.jsonpath).chain(self.jsonata).copied()
    }
}

pub(super) const MACHINE: Fields =
    Fields::plain(&["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"]);
pub(super) const BRANCH: Fields = Fields::plain(&["Comment", "StartAt", "States"]);
pub(super) const PROCESSOR: Fields =
    Fields::plain(&["Comment", "ProcessorConfig", "StartAt", "States"]);
pub(super) const PROCESSOR_CONFIG: Fields = Fields::plain(&["ExecutionType", "Mode"]);
pub(super) const ITEM_READER: Fields = Fields {
    any: &["ReaderConfig", "Resource"],
    jsonpath: &["Parameters"],
    jsonata: &["Arguments"],
};
pub(super) const READER_CONFIG: Fields = Fields {
    any: &[
        "CSVDelimiter",
        "CSVHeaderLocation",
        "CSVHeaders",
        "InputType",
        "ItemsPointer",
        "ManifestType",
        "MaxItems",
        "Transformation",
    ],
    jsonpath: &["MaxItemsPath"],
    jsonata: &[],
};
pub(super) const ITEM_BATCHER: Fields = Fields {
    any: &["BatchInput", "MaxInputBytesPerBatch", "MaxItemsPerBatch"],
    jsonpath: &["MaxInputBytesPerBatchPath", "MaxItemsPerBatchPath"],
    jsonata: &[],
};
pub(super) const RESULT_WRITER: Fields = Fields {
    any: &["Resource", "WriterConfig"],
    jsonpath: &["Parameters"],
    jsonata: &["Arguments"],
};
pub(super) const WRITER_CONFIG: Fields = Fields::plain(&["OutputType", "Transformation"]);
pub(super) const RETRIER: Fields = Fields::plain(&[
    "BackoffRate",
    "Comment",
    "ErrorEquals",
    "IntervalSeconds",
    "JitterStrategy",
    "MaxAttempts",
    "MaxDelaySeconds",
]);
pub(super) const CREDENTIALS: Fields =
    Fields { any: &["RoleArn"], jsonpath: &["RoleArn.$"], jsonata: &[] };
pub(super) const CATCHER: Fields = Fields {
    any: &["Assign", "Comment", "ErrorEquals", "Next"],
    jsonpath: &["ResultPath"],
    jsonata: &["Output"],
};
/// A rule of a Choice state in JSONata; those in JSONPath are read by `rules`.
pub(super) const CONDITION: Fields = Fields {
    any: &["Assign", "Comment", "Next"],
    jsonpath: &["And", "Not", "Or", "Variable"],
    jsonata: &["Condition", "Output"],
};

/// The state types and their fields; `Comment`, `QueryLanguage` and `Type` are in every one.
const STATES: &[(&str, Fields)] = &[
    (
        "Task",
        Fields {
            any: &[
                "Assign",
                "Catch",
                "Comment",
                "Credentials",
                "End",
                "HeartbeatSeconds",
                "Next",
                "QueryLanguage",
                "Resource",
                "Retry",
                "TimeoutSeconds",
                "Type",
            ],
            jsonpath: &[
                "HeartbeatSecondsPath",
                "InputPath",
                "OutputPath",
                "Parameters",
                "ResultPath",
                "ResultSelector",
                "TimeoutSecondsPath",
            ],
            jsonata: &["Arguments", "Output"],
        },
    ),
    (
        "Wait",
        Fields {
            any: &[
                "Assign",
                "Comment",
                "End",
                "Next",
                "QueryLanguage",
                "Seconds",
                "Timestamp",
                "Type",
            ],
            jsonpath: &["InputPath", "OutputPath", "SecondsPath", "TimestampPath"],
            jsonata: &["Output"],
        },
    ),
    (
        "Pass",
        Fields {
            any: &["Assign", "Comment", "End", "Next", "QueryLanguage", "Type"],
            jsonpath: &["InputPath", "OutputPath", "Parameters", "Result", "ResultPath"],
            jsonata: &["Output"],
        },
    ),
    (
        "Succeed",
        Fields {
            any: &["Comment", "QueryLanguage", "Type"],
            jsonpath: &["InputPath", "OutputPath"],
            jsonata: &["Output"],
        },
    ),
    (
        "Fail",
        Fields {
            any: &["Cause", "Comment", "Error", "QueryLanguage", "Type"],
            jsonpath: &["CausePath", "ErrorPath"],
            jsonata: &[],
        },
    ),
    (
        "Choice",
        Fields {
            any: &["Assign", "Choices", "Comment", "Default", "QueryLanguage", "Type"],
            jsonpath: &["InputPath", "OutputPath"],
            jsonata: &["Output"],
        },
    ),
    (
        "Parallel",
        Fields {
            any: &[
                "Assign",
                "Branches",
                "Catch",
                "Comment",
                "End",
                "Next",
                "QueryLanguage",
                "Retry",
                "Type",
            ],
            jsonpath: &["InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector"],
            jsonata: &["Arguments", "Output"],
        },
    ),
    (
        "Map",
        Fields {
            any: &[
                "Assign",
                "Catch",
                "Comment",
                "End",
                "ItemBatcher",
                "ItemProcessor",
                "ItemReader",
                "ItemSelector",
                "Iterator",
                "Label",
                "MaxConcurrency",
                "Next",
                "QueryLanguage",
                "ResultWriter",
                "Retry",
                "ToleratedFailureCount",
                "ToleratedFailurePercentage",
                "Type",
            ],
            jsonpath: &[
                "InputPath",
                "ItemsPath",
                "MaxConcurrencyPath",
                "OutputPath",
                "Parameters",
                "ResultPath",
                "ResultSelector",
                "ToleratedFailureCountPath",
                "ToleratedFailurePercentagePath",
            ],
            jsonata: &["Items", "Output"],
        },
    ),
];

/// The names of the state types, in the order in which AWS lists them.
pub(super) fn state_types() -> impl Iterator<Item = &'static str> {
    STATES.iter().map(|(name, _)| *name)
}

/// The fields of a state type.
pub(super) fn fields_of(state_type: &str) -> Option<Fields> {
    STATES.iter().find(|(name, _)| *name == state_type).map(|(_, fields)| *fields)
}

/// What to do about the field `name`, which is not one of `known`.
pub(super) fn advice(name: &str, known: &[&'static str]) -> String {
    if let Some(meant) = suggest::closest(name, known.iter().copied()) {
        return format!("did you mean `{meant}`?");
    }
    let types: Vec<&str> = STATES
        .iter()
        .filter(|(_, fields)| fields.all().any(|field| field == name))
        .map(|(state_type, _)| *state_type)
        .collect();
    if types.is_empty() {
        return format!("fields that can stand here: {}", known.join(", "));
    }
    format!("`{name}` can stand in states of type {}", types.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference page of fields says of each what it does.
    #[test]
    fn the_reference_page_has_every_field() {
        let page = include_str!("../../../../docs/reference/fields.md");
        let first_cell =
            |line: &str| line.strip_prefix("| ")?.split(" | ").next().map(str::to_owned);
        let cells: Vec<String> = page.lines().filter_map(first_cell).collect();
        let objects = [
            MACHINE,
            BRANCH,
            PROCESSOR,
            PROCESSOR_CONFIG,
            ITEM_READER,
            READER_CONFIG,
            ITEM_BATCHER,
            RESULT_WRITER,
            WRITER_CONFIG,
            RETRIER,
            CREDENTIALS,
            CATCHER,
            CONDITION,
        ];
        let states = STATES.iter().map(|(_, fields)| *fields);
        let missing: Vec<&str> = objects
            .into_iter()
            .chain(states)
            .flat_map(Fields::all)
            .filter(|name| !cells.iter().any(|cell| cell.contains(&format!("`{name}`"))))
            .collect();
        assert!(missing.is_empty(), "missing in the page: {missing:?}");
    }

    /// The reference page has a row for every state type, and no field too many or too few.
    #[test]
    fn the_reference_page_lists_the_fields_of_every_state() {
        let page = include_str!("../../../../docs/reference/language.md");
        let list = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        for (state_type, fields) in STATES {
            let Fields { any, jsonpath, jsonata } = fields;
            let in_every_state = ["Comment", "QueryLanguage", "Type"];
            let own: Vec<&str> =
                any.iter().copied().filter(|name| !in_every_state.contains(name)).collect();
            let (own, jsonpath, jsonata) = (list(&own), list(jsonpath), list(jsonata));
            let row = format!("| {state_type} | {own} | {jsonpath} | {jsonata} |");
            let row = row.replace("|  |", "| |").replace("|  |", "| |");
            assert!(page.lines().any(|line| line == row), "missing in the page:\n{row}");
        }
    }
}
