//! Reading single fields: types, ranges, paths, templates.

use std::collections::HashSet;
use std::time::Duration;

use super::Checker;
use super::allowed::{self, Fields};
use super::place::{Object, Place};
use super::source::{Field, Shape};
use crate::diagnostic::Code;
use crate::eval::{Expression, ExpressionError};
use crate::intrinsic::SyntaxError;
use crate::jsonpath::{Path, PathError, ReferencePath};
use crate::model::{Dynamic, ResultPath, Selector};
use crate::template::{Template, TemplateError, TemplateProblem};
use crate::{Diagnostic, Reading};

/// The longest time that can be written, in seconds (about three years).
pub(super) const SECONDS_MAX: u64 = 99_999_999;

impl<'t> Checker<'t> {
    pub(super) fn object(&mut self, place: &Place<'t>) -> Option<Object<'t>> {
        let Shape::Object(fields) = &place.node.shape else {
            return self.wrong_type(place, "an object");
        };
        let object = Object { place: place.clone(), fields };
        self.check_duplicate_fields(&object);
        Some(object)
    }

    fn check_duplicate_fields(&mut self, object: &Object<'t>) {
        let mut seen = HashSet::new();
        for field in object.fields {
            if !seen.insert(field.name.as_str()) {
                let place = object.place.field(field);
                let message = format!("Duplicate field '{}'", field.name);
                self.findings.name(Code::DuplicateField, &place, message).help(
                    "of two fields with the same name only one can count: remove or rename one",
                );
            }
        }
    }

    pub(super) fn array(&mut self, place: &Place<'t>) -> Option<Vec<Place<'t>>> {
        match &place.node.shape {
            Shape::Array(items) => {
                Some(items.iter().enumerate().map(|(i, node)| place.item(i, node)).collect())
            }
            _ => self.wrong_type(place, "an array"),
        }
    }

    /// An array with at least one element.
    pub(super) fn non_empty_array(&mut self, place: &Place<'t>) -> Option<Vec<Place<'t>>> {
        let items = self.array(place)?;
        if items.is_empty() {
            self.findings.value(Code::EmptyValue, place, "Value cannot be empty");
            return None;
        }
        Some(items)
    }

    pub(super) fn string(&mut self, place: &Place<'t>) -> Option<&'t str> {
        match &place.node.shape {
            Shape::String(text) => Some(text),
            _ => self.wrong_type(place, "a string"),
        }
    }

    pub(super) fn boolean(&mut self, place: &Place<'t>) -> Option<bool> {
        match place.node.shape {
            Shape::Bool(boolean) => Some(boolean),
            _ => self.wrong_type(place, "a boolean"),
        }
    }

    /// A whole number within `min..=max`.
    pub(super) fn integer(&mut self, place: &Place<'t>, min: u64, max: u64) -> Option<u64> {
        let Shape::Number(number) = &place.node.shape else {
            return self.wrong_type(place, "an integer");
        };
        if number.is_f64() {
            return self.wrong_type(place, "an integer");
        }
        match number.as_u64() {
            Some(integer) if integer > max => {
                self.out_of_range(place, format!("Maximum value is {max}"))
            }
            Some(integer) if integer >= min => Some(integer),
            _ => self.out_of_range(place, format!("Minimum value is {min}")),
        }
    }

    pub(super) fn seconds(&mut self, place: &Place<'t>) -> Option<u64> {
        self.integer(place, 1, SECONDS_MAX)
    }

    pub(super) fn duration(&mut self, place: &Place<'t>) -> Option<Duration> {
        self.seconds(place).map(Duration::from_secs)
    }

    /// A number of at least `min`.
    pub(super) fn float(&mut self, place: &Place<'t>, min: f64) -> Option<f64> {
        let Shape::Number(number) = &place.node.shape else {
            return self.wrong_type(place, "a number");
        };
        match number.as_f64() {
            Some(float) if float >= min => Some(float),
            _ => self.out_of_range(place, format!("Minimum value is {min:?}")),
        }
    }

    /// A number within `0..=max`.
    pub(super) fn number(&mut self, place: &Place<'t>, max: u64) -> Option<f64> {
        let float = self.float(place, 0.0)?;
        if float > max as f64 {
            return self.out_of_range(place, format!("Maximum value is {max}"));
        }
        Some(float)
    }

    fn out_of_range<T>(&mut self, place: &Place<'t>, message: String) -> Option<T> {
        self.findings.value(Code::OutOfRange, place, message);
        None
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type<T>(&mut self, place: &Place<'t>, expected: &str) -> Option<T> {
        let found = place.node.kind();
        let message = format!("Expected {expected}, but found {found}");
        self.findings.value(Code::WrongType, place, message);
        None
    }

    /// Reports fields that this object does not have.
    pub(super) fn check_fields(&mut self, object: &Object<'t>, fields: Fields) {
        for field in object.fields {
            self.check_field(object, field, fields);
        }
    }

    /// Reports a field that this object does not have.
    pub(super) fn check_field(&mut self, object: &Object<'t>, field: &'t Field, fields: Fields) {
        let language = self.current.language;
        let known: Vec<&str> = fields.known(language).collect();
        if known.contains(&field.name.as_str()) {
            return;
        }
        if fields.is_only(language.other(), &field.name) {
            return self.of_other_language(object, field);
        }
        let help = allowed::advice(&field.name, &known);
        let message = format!("Field '{}' is not supported", field.name);
        // AWS names the object as the place; the span is the field's.
        let finding = self.findings.name(Code::UnknownField, &object.place.field(field), message);
        finding.location = Some(object.place.aws_location());
        finding.help(help);
    }

    /// Reports those of `required` that are missing, in one finding.
    pub(super) fn require(&mut self, object: &Object<'t>, required: &[&str]) {
        let missing: Vec<&str> =
            required.iter().filter(|name| !object.has(name)).copied().collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.findings.object(Code::MissingField, &object.place, message);
        }
    }

    /// The one of `names` that is there; reports more than one, and none if one is `required`.
    pub(super) fn one_of(
        &mut self,
        object: &Object<'t>,
        names: &[&str],
        required: bool,
    ) -> Option<Place<'t>> {
        let present: Vec<Place<'t>> = names.iter().filter_map(|name| object.get(name)).collect();
        match present.as_slice() {
            [] if required => {
                let message = format!("One of these fields is required: [{}]", names.join(", "));
                self.findings.object(Code::MissingField, &object.place, message);
                None
            }
            [] => None,
            [one] => Some(one.clone()),
            [_, second, ..] => {
                let message = format!(
                    "There should only be one of the following fields: [{}]",
                    present.iter().map(Place::field_name).collect::<Vec<_>>().join(", ")
                );
                let finding = self.findings.name(Code::ConflictingFields, second, message);
                finding.location = Some(object.place.aws_location());
                None
            }
        }
    }

    pub(super) fn path(&mut self, place: &Place<'t>) -> Option<Path> {
        let text = self.string(place)?;
        match Path::parse(text) {
            Ok(path) => {
                self.refer_to_paths(place, [&path]);
                Some(path)
            }
            Err(error) => self.invalid_path(place, text, &error),
        }
    }

    fn invalid_path<T>(&mut self, place: &Place<'t>, text: &str, error: &PathError) -> Option<T> {
        let message = format!("Value is not a valid JSONPath: {error}");
        let finding = self.findings.value(Code::InvalidPath, place, message);
        finding.narrow(text, error.at);
        let bare = !text.is_empty() && !text.starts_with('$');
        finding.maybe_help(bare.then(|| format!("did you mean `$.{text}`?")));
        None
    }

    /// A reference path on the input or on a variable.
    pub(super) fn reference_path(&mut self, place: &Place<'t>) -> Option<ReferencePath> {
        let path = self.path(place)?;
        let reference = ReferencePath::new(path);
        if reference.is_none() {
            self.not_a_reference_path(place);
        }
        reference
    }

    pub(super) fn not_a_reference_path(&mut self, place: &Place<'t>) {
        self.findings.value(Code::NotAReferencePath, place, "Value is not a Reference Path").help(
            "a reference path names one place of the input: names and indexes only, as in `$.a.b[0]`",
        );
    }

    /// A field that holds a literal, or its `...Path` twin that holds a reference path.
    pub(super) fn or_path<T>(
        &mut self,
        object: &Object<'t>,
        literal: &str,
        path: &str,
        read: impl FnOnce(&mut Self, &Place<'t>) -> Option<T>,
    ) -> Option<Dynamic<T>> {
        let place = self.one_of(object, &[literal, path], false)?;
        if place.field_name() == literal {
            return self.literal_or_query(&place, read);
        }
        self.reference_path(&place).map(|path| Dynamic::Path(path.into_path()))
    }

    /// A literal, or the expression that stands in its place.
    pub(super) fn literal_or_query<T>(
        &mut self,
        place: &Place<'t>,
        read: impl FnOnce(&mut Self, &Place<'t>) -> Option<T>,
    ) -> Option<Dynamic<T>> {
        if self.is_expression(place) {
            return self.query_at(place).map(Dynamic::Query);
        }
        read(self, place).map(Dynamic::Literal)
    }

    /// `InputPath` or `OutputPath`.
    pub(super) fn selector(&mut self, object: &Object<'t>, name: &str) -> Selector {
        match object.get(name) {
            None => Selector::Path(Path::root()),
            Some(place) if matches!(place.node.shape, Shape::Null) => Selector::Discard,
            Some(place) => Selector::Path(self.path(&place).unwrap_or_else(Path::root)),
        }
    }

    /// `ResultPath`.
    pub(super) fn result_path(&mut self, object: &Object<'t>) -> ResultPath {
        let Some(place) = object.get("ResultPath") else {
            return ResultPath::Path(ReferencePath::root());
        };
        if matches!(place.node.shape, Shape::Null) {
            return ResultPath::Discard;
        }
        let path = self.reference_path(&place).unwrap_or_else(ReferencePath::root);
        if !path.is_on_input() {
            self.findings
                .value(Code::NotAReferencePath, &place, "Value is not a Reference Path")
                .help(
                    "a result is put into the input; what goes into a variable stands in `Assign`",
                );
        }
        ResultPath::Path(path)
    }

    /// `Parameters`, `ItemSelector` or `ResultSelector`.
    pub(super) fn template(&mut self, object: &Object<'t>, name: &str) -> Option<Template> {
        let place = object.get(name)?;
        self.object(&place)?;
        if self.reading == Reading::New {
            self.check_names_once(&place);
        }
        match Template::parse_as(&place.node.to_value(), self.reading) {
            Ok(template) => {
                self.warn_of_literals(&place);
                self.refer_to_paths(&place, template.paths());
                Some(template)
            }
            Err(errors) => {
                for error in errors {
                    self.template_error(&place, &error);
                }
                None
            }
        }
    }

    /// A field and its twin whose name ends in `.$` would be one field of the payload.
    fn check_names_once(&mut self, place: &Place<'t>) {
        if let Shape::Object(fields) = &place.node.shape {
            for field in fields {
                let twin = field.name.strip_suffix(".$");
                if twin.is_some_and(|twin| fields.iter().any(|other| other.name == twin)) {
                    let message =
                        format!("Duplicate field '{}'", field.name.trim_end_matches(".$"));
                    self.findings
                        .name(Code::DuplicateField, &place.field(field), message)
                        .help("both fill the same field of the payload: remove or rename one");
                }
            }
        }
        for inner in inner(place) {
            self.check_names_once(&inner);
        }
    }

    /// Warns of texts that look like an expression in fields whose name lacks the `.$`.
    fn warn_of_literals(&mut self, place: &Place<'t>) {
        for place in inner(place) {
            let name = place.field_name();
            if let Shape::String(text) = &place.node.shape
                && place.name.is_some()
                && !name.ends_with(".$")
                && looks_like_an_expression(text)
            {
                let message = format!("The value of the field '{name}' is taken as it is written");
                let help = format!("to have it evaluated call the field `{name}.$`");
                self.findings.name(Code::LiteralExpression, &place, message).warning().help(help);
            }
            self.warn_of_literals(&place);
        }
    }

    /// Warns of what looks like an expression in a `Result`, where nothing is evaluated.
    pub(super) fn warn_of_static_result(&mut self, place: &Place<'t>) {
        if let Shape::String(text) = &place.node.shape
            && looks_like_an_expression(text)
        {
            let message = "The Result of a Pass state is taken as it is written";
            self.findings
                .value(Code::StaticResult, place, message)
                .warning()
                .help("use `Parameters`, with names that end in `.$`, to have it evaluated");
        }
        for inner in inner(place) {
            self.warn_of_static_result(&inner);
        }
    }

    /// Warns of a path in a field that has a twin `path` which would read it.
    pub(super) fn warn_of_literal_path(&mut self, place: &Place<'t>, path: &str) {
        if let Shape::String(text) = &place.node.shape
            && !self.is_jsonata()
            && looks_like_an_expression(text)
        {
            let name = place.field_name();
            let message = format!("The value of the field '{name}' is taken as it is written");
            let help = format!("to have it evaluated call the field `{path}`");
            self.findings.name(Code::LiteralPath, place, message).warning().help(help);
        }
    }

    fn template_error(&mut self, template: &Place<'t>, error: &TemplateError) {
        let place = template.descend(&error.place);
        match &error.problem {
            TemplateProblem::NotText => {
                let found = place.node.kind();
                self.invalid_expression(&place, &format!("it holds {found}"), None);
            }
            TemplateProblem::Expression(error) => self.expression_error(&place, error),
        }
    }

    /// A field that holds a path or an intrinsic function.
    pub(super) fn expression(&mut self, place: &Place<'t>) -> Option<Expression> {
        let text = self.string(place)?;
        match Expression::parse_as(place.field_name(), text, self.reading) {
            Ok(expression) => {
                self.refer_to_paths(place, expression.paths());
                Some(expression)
            }
            Err(error) => {
                self.expression_error(place, &error);
                None
            }
        }
    }

    /// A field that holds a path or an intrinsic function that gives a text.
    pub(super) fn text_expression(&mut self, place: &Place<'t>) -> Option<Expression> {
        let expression = self.expression(place)?;
        if expression.may_give_text() {
            return Some(expression);
        }
        self.invalid_expression(place, "this function gives no text", None);
        None
    }

    fn expression_error(&mut self, place: &Place<'t>, error: &ExpressionError) {
        let help = match error {
            ExpressionError::Intrinsic(SyntaxError::UnknownFunction { suggestion, .. }) => {
                suggestion.map(|suggestion| format!("did you mean `{suggestion}`?"))
            }
            _ => None,
        };
        let finding = self.invalid_expression(place, &error.to_string(), help);
        if let (Some(at), Shape::String(text)) = (error.at(), &place.node.shape) {
            finding.narrow(text, at);
        }
    }

    fn invalid_expression(
        &mut self,
        place: &Place<'t>,
        reason: &str,
        help: Option<String>,
    ) -> &mut Diagnostic {
        let field = place.field_name();
        let message = format!(
            "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function \
             call"
        );
        let help = help.map_or_else(|| reason.to_owned(), |help| format!("{reason}; {help}"));
        self.findings.value(Code::InvalidExpression, place, message).help(help)
    }
}

/// Whether a text was probably meant to be evaluated.
fn looks_like_an_expression(text: &str) -> bool {
    let is_path = text.starts_with("$.") || text.starts_with("$$.");
    let is_call = text.starts_with("States.") && text.ends_with(')');
    (is_path && !text.contains(char::is_whitespace) || is_call)
        && Expression::parse("", text).is_ok()
}

/// The values right below a value.
fn inner<'t>(place: &Place<'t>) -> Vec<Place<'t>> {
    match &place.node.shape {
        Shape::Object(fields) => fields.iter().map(|field| place.field(field)).collect(),
        Shape::Array(items) => {
            items.iter().enumerate().map(|(i, node)| place.item(i, node)).collect()
        }
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::String(_) => Vec::new(),
    }
}
