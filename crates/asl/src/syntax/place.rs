//! Values with the way that led to them, and the findings about them.

use std::fmt::Write as _;

use super::source::{Field, Node, Shape};
use crate::diagnostic::Code;
use crate::model::Written;
use crate::template::Segment;
use crate::{Diagnostic, Severity, Span};

/// A value of the definition and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Place<'t> {
    pub(super) node: &'t Node,
    /// The name of the field it is the value of.
    pub(super) name: Option<&'t Field>,
    pointer: String,
    location: String,
}

/// An object of the definition.
#[derive(Debug, Clone)]
pub(super) struct Object<'t> {
    pub(super) place: Place<'t>,
    pub(super) fields: &'t [Field],
}

impl<'t> Place<'t> {
    pub(super) fn root(node: &'t Node) -> Self {
        Self { node, name: None, pointer: String::new(), location: String::new() }
    }

    pub(super) fn field(&self, field: &'t Field) -> Self {
        let mut pointer = self.pointer.clone();
        push_field(&mut pointer, &field.name);
        let location = format!("{}/{}", self.location, field.name);
        Self { node: &field.node, name: Some(field), pointer, location }
    }

    pub(super) fn item(&self, index: usize, node: &'t Node) -> Self {
        let pointer = format!("{}/{index}", self.pointer);
        let location = format!("{}[{index}]", self.location);
        Self { node, name: None, pointer, location }
    }

    /// The place below this one that `segments` lead to.
    pub(super) fn descend(&self, segments: &[Segment]) -> Self {
        let mut place = self.clone();
        for segment in segments {
            place = match (segment, &place.node.shape) {
                (Segment::Field(name), Shape::Object(fields)) => {
                    // Of fields with the same name the last counts.
                    match fields.iter().rfind(|field| field.name == *name) {
                        Some(field) => place.field(field),
                        None => return place,
                    }
                }
                (Segment::Index(index), Shape::Array(items)) => match items.get(*index) {
                    Some(node) => place.item(*index, node),
                    None => return place,
                },
                _ => return place,
            };
        }
        place
    }

    pub(super) fn written(&self) -> Written {
        self.written_at(self.node.span)
    }

    /// The same, with the place of the name instead of the value.
    pub(super) fn written_name(&self) -> Written {
        self.written_at(self.name.map_or(self.node.span, |field| field.name_span))
    }

    fn written_at(&self, span: Span) -> Written {
        Written { pointer: self.pointer.clone(), location: self.aws_location(), span }
    }

    pub(super) fn field_name(&self) -> &'t str {
        self.name.map_or("", |field| field.name.as_str())
    }

    /// The place as AWS writes it.
    pub(super) fn aws_location(&self) -> String {
        if self.location.is_empty() { "/".to_owned() } else { self.location.clone() }
    }
}

fn push_field(pointer: &mut String, name: &str) {
    let name = name.replace('~', "~0").replace('/', "~1");
    write!(pointer, "/{name}").expect("writing to a string cannot fail");
}

impl<'t> Object<'t> {
    pub(super) fn get(&self, name: &str) -> Option<Place<'t>> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        Some(self.place.field(field))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}

/// All findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
}

impl Findings {
    /// Reports about a value.
    pub(super) fn value(
        &mut self,
        code: Code,
        place: &Place<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(code, place, place.node.span, message.into())
    }

    /// Reports about a field: the span is its name, not its value.
    pub(super) fn name(
        &mut self,
        code: Code,
        place: &Place<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let span = place.name.map_or(place.node.span, |field| field.name_span);
        self.push(code, place, span, message.into())
    }

    /// Reports about an object that lacks something: the span is the name it goes by, or its first byte.
    pub(super) fn object(
        &mut self,
        code: Code,
        place: &Place<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let opening = Span { start: place.node.span.start, end: place.node.span.start + 1 };
        let span = place.name.map_or(opening, |field| field.name_span);
        self.push(code, place, span, message.into())
    }

    fn push(
        &mut self,
        code: Code,
        place: &Place<'_>,
        span: Span,
        message: String,
    ) -> &mut Diagnostic {
        self.list.push(Diagnostic {
            code,
            severity: Severity::Error,
            pointer: place.pointer.clone(),
            location: Some(place.aws_location()),
            span,
            message,
            help: None,
        });
        self.list.last_mut().expect("just pushed")
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The findings, in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|finding| finding.span.start);
        self.list
    }
}

impl Diagnostic {
    /// Adds what to do about it.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do about it, if there is an idea.
    pub(super) fn maybe_help(&mut self, help: Option<String>) -> &mut Self {
        self.help = help;
        self
    }

    /// Points at the character `at` of `text`, the string that it points at so far. A string that is written
    /// with escapes stays as a whole: its characters do not stand where they are counted.
    pub(super) fn narrow(&mut self, text: &str, at: usize) -> &mut Self {
        let blanks = text.len() - text.trim_start().len();
        let rest = text.get(blanks + at..).unwrap_or_default();
        if at > 0 && self.span.end - self.span.start == text.len() + 2 {
            let start = self.span.end - 1 - rest.len();
            // At the end of the text this is the closing quote.
            self.span = Span { start, end: start + rest.chars().next().map_or(1, char::len_utf8) };
        }
        self
    }

    /// Makes it a warning: the definition is accepted.
    pub(super) fn warning(&mut self) -> &mut Self {
        self.severity = Severity::Warning;
        self
    }

    /// About the machine as a whole: AWS gives no location.
    pub(super) fn without_location(&mut self) -> &mut Self {
        self.location = None;
        self
    }
}
