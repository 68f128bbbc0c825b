//! The two query languages: which one a state is written in, and the fields that hold expressions.

use super::Checker;
use super::place::{Object, Place};
use super::source::{Field, Shape};
use crate::Reading;
use crate::diagnostic::Code;
use crate::jsonata::{self, expression_in};
use crate::query::Query;

/// `QueryLanguage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    #[default]
    JsonPath,
    Jsonata,
}

impl Language {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::JsonPath => Self::Jsonata,
            Self::Jsonata => Self::JsonPath,
        }
    }
}

/// The state that is being read, as far as its fields need to know.
#[derive(Debug, Clone, Default)]
pub(super) struct Current {
    pub(super) language: Language,
    /// Its place in the text.
    pub(super) start: usize,
    /// Whether it gets a result that `$states.result` stands for.
    has_result: bool,
    /// Where it stands, as AWS writes it.
    location: String,
}

impl<'t> Checker<'t> {
    /// `QueryLanguage` of the machine, which its states have if they do not say another one.
    pub(super) fn machine_language(&mut self, object: &Object<'t>) {
        self.machine_language = self.written_language(object).unwrap_or_default();
    }

    /// Enters a state; gives the one around it, to go back to.
    pub(super) fn enter_state(&mut self, object: &Object<'t>, state_type: &str) -> Current {
        let language = self.state_language(object);
        let state = Current {
            language,
            start: object.place.node.span.start,
            has_result: matches!(state_type, "Task" | "Parallel" | "Map"),
            location: object.place.aws_location(),
        };
        std::mem::replace(&mut self.current, state)
    }

    fn state_language(&mut self, object: &Object<'t>) -> Language {
        let machine = self.machine_language;
        let state = self.written_language(object).unwrap_or(machine);
        if machine == Language::Jsonata && state == Language::JsonPath {
            let message =
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            self.findings.object(Code::MixedLanguages, &object.place, message).help(
                "let the machine be written in JSONPath, the default, and single states in JSONata",
            );
            return machine;
        }
        state
    }

    fn written_language(&mut self, object: &Object<'t>) -> Option<Language> {
        let place = object.get("QueryLanguage")?;
        match self.string(&place)? {
            "JSONPath" => Some(Language::JsonPath),
            "JSONata" => Some(Language::Jsonata),
            _ => {
                let message = "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]";
                self.findings.value(Code::InvalidValue, &place, message);
                None
            }
        }
    }

    /// Whether the state that is being read is written in JSONata.
    pub(super) fn is_jsonata(&self) -> bool {
        self.current.language == Language::Jsonata
    }

    /// Reports a field that only the other query language has.
    pub(super) fn of_other_language(&mut self, object: &Object<'t>, field: &'t Field) {
        let (language, name) = (self.current.language, field.name.as_str());
        let message = format!(
            "The QueryLanguage is set to '{}', but field '{name}' is only supported for the '{}' \
             QueryLanguage",
            language.as_str(),
            language.other().as_str(),
        );
        let help = match language {
            Language::JsonPath => {
                "JSONPath states use Parameters, ResultSelector, ResultPath, ItemsPath and Variable"
            }
            Language::Jsonata => {
                "JSONata states use Arguments, Output, Items and Condition, and expressions \
                 `{% ... %}` in place of paths"
            }
        };
        self.findings.name(Code::OtherLanguage, &object.place.field(field), message).help(help);
    }

    /// A field of a JSONata state that holds any JSON, with expressions in it.
    pub(super) fn query(&mut self, object: &Object<'t>, name: &str) -> Option<Query> {
        let place = object.get(name)?;
        self.query_at(&place)
    }

    /// JSON with expressions in it.
    pub(super) fn query_at(&mut self, place: &Place<'t>) -> Option<Query> {
        self.check_duplicates_within(place);
        match jsonata::Template::parse(&place.node.to_value()) {
            Ok(template) => {
                let location = self.location_in_state(place);
                self.check_context(place, &template);
                self.check_states_fields(place, &location, &template);
                for (_, expression) in template.expressions() {
                    self.refer_to_names(expression);
                }
                Some(Query::new(&location, template))
            }
            Err(errors) => {
                for error in errors {
                    self.invalid_jsonata(&place.descend(&error.place), &error.problem);
                }
                None
            }
        }
    }

    fn invalid_jsonata(&mut self, place: &Place<'t>, error: &jsonata::SyntaxError) {
        let finding = self.findings.value(Code::InvalidJsonata, place, error.message.clone());
        if let Shape::String(text) = &place.node.shape {
            let blanks = text.trim_start_matches("{%").trim_start();
            finding.narrow(text, text.len() - blanks.len() + error.at);
        }
    }

    /// There is no context item in a state machine.
    ///
    /// Source: reported by users in public issues, not documented.
    fn check_context(&mut self, place: &Place<'t>, template: &jsonata::Template) {
        for (within, expression) in template.expressions() {
            for name in expression.top_level_references() {
                let place = place.descend(&within);
                let message = format!("Reference to '{name}' at the top level is not supported.");
                let help =
                    "read the input of the state as `$states.input`, and variables as `$name`";
                self.findings.value(Code::UnsupportedJsonata, &place, message).help(help);
            }
        }
    }

    /// `$states.result` is there once a state has its result, `$states.errorOutput` in a Catcher.
    ///
    /// Source: Step Functions Developer Guide, "Transforming data with JSONata in Step Functions": references from
    /// elsewhere are caught when the definition is created.
    fn check_states_fields(
        &mut self,
        place: &Place<'t>,
        location: &str,
        template: &jsonata::Template,
    ) {
        if self.reading == Reading::Kept {
            return;
        }
        let follows = |field: &str| {
            let rest = location.strip_prefix(field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
        };
        let in_catcher = follows("Catch");
        let after_result = self.current.has_result && (follows("Output") || follows("Assign"));
        for (within, expression) in template.expressions() {
            for field in expression.states_fields() {
                let help = match field {
                    "result" if !after_result => {
                        "the result of a Task, Parallel or Map state is there in its `Output` and `Assign`"
                    }
                    "errorOutput" if !in_catcher => {
                        "the error output is there in the `Output` and `Assign` of a Catcher"
                    }
                    _ => continue,
                };
                let message = format!("$states.{field} is not available in the field '{location}'");
                let place = place.descend(&within);
                self.findings.value(Code::StatesFieldNotHere, &place, message).help(help);
            }
        }
    }

    /// Whether an expression stands in place of a literal.
    pub(super) fn is_expression(&self, place: &Place<'t>) -> bool {
        match &place.node.shape {
            Shape::String(text) => self.is_jsonata() && expression_in(text).is_some(),
            _ => false,
        }
    }

    fn check_duplicates_within(&mut self, place: &Place<'t>) {
        match &place.node.shape {
            Shape::Object(fields) => {
                self.object(place);
                for field in fields {
                    self.check_duplicates_within(&place.field(field));
                }
            }
            Shape::Array(items) => {
                for (index, node) in items.iter().enumerate() {
                    self.check_duplicates_within(&place.item(index, node));
                }
            }
            Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::String(_) => {}
        }
    }

    /// `Choices[0]/Output`
    fn location_in_state(&self, place: &Place<'t>) -> String {
        let location = place.aws_location();
        let within = location.strip_prefix(&self.current.location).unwrap_or(&location);
        within.trim_start_matches('/').to_owned()
    }
}
