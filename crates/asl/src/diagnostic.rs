//! What validation finds, with its place in the text.

use crate::model::Written;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for instance `SW0104`; `docs/errors/SW0104.md` explains it.
    pub code: Code,
    /// Whether the definition is refused because of it.
    pub severity: Severity,
    /// JSON pointer to the place, for instance `/States/Load/Retry/0/MaxAttempts`; empty for the whole.
    pub pointer: String,
    /// The place as AWS writes it, for instance `/States/Load/Retry[0]/MaxAttempts`.
    pub location: Option<String>,
    /// The place in the text, in bytes.
    pub span: Span,
    /// What is wrong; AWS's text where AWS has one.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error in what is written somewhere.
    pub fn error(code: Code, at: &Written, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            pointer: at.pointer.clone(),
            location: Some(at.location.clone()),
            span: at.span,
            message: message.into(),
            help: None,
        }
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain")]
pub enum Severity {
    Error,
    Warning,
}

/// A range of bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Line and column of a byte of a text, from 1; columns count characters.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $aws:literal;)*) => {
        /// What kind of finding it is. Codes are stable: one that is no longer used is not used again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as people see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The code that AWS gives such a finding in `ValidateStateMachineDefinition`.
            ///
            /// Source: API reference, "ValidateStateMachineDefinitionDiagnostic".
            pub const fn aws(self) -> &'static str {
                match self { $(Self::$name => $aws,)* }
            }
        }
    };
}

codes! {
    /// The text is not JSON.
    InvalidJson = "SW0100", "INVALID_JSON_DESCRIPTION";
    /// A required field is missing.
    MissingField = "SW0101", "SCHEMA_VALIDATION_FAILED";
    /// A field that is unknown, or not allowed in this place.
    UnknownField = "SW0102", "SCHEMA_VALIDATION_FAILED";
    /// A value of the wrong JSON type.
    WrongType = "SW0103", "SCHEMA_VALIDATION_FAILED";
    /// No transition leads to the state.
    UnreachableState = "SW0104", "MISSING_TRANSITION_TARGET";
    /// A transition leads to a state that is not there.
    MissingTarget = "SW0105", "MISSING_TRANSITION_TARGET";
    /// Fields that exclude each other.
    ConflictingFields = "SW0106", "SCHEMA_VALIDATION_FAILED";
    /// Two states of the machine have the same name.
    DuplicateState = "SW0107", "DUPLICATE_STATE_NAME";
    /// An object has the same field twice.
    DuplicateField = "SW0108", "SCHEMA_VALIDATION_FAILED";
    /// A value that is not one of those allowed.
    InvalidValue = "SW0109", "SCHEMA_VALIDATION_FAILED";
    /// A number out of its range.
    OutOfRange = "SW0110", "SCHEMA_VALIDATION_FAILED";
    /// A text that is no path.
    InvalidPath = "SW0111", "SCHEMA_VALIDATION_FAILED";
    /// A path that is no reference path.
    NotAReferencePath = "SW0112", "SCHEMA_VALIDATION_FAILED";
    /// A field that should hold a path or an intrinsic function and does not.
    InvalidExpression = "SW0113", "SCHEMA_VALIDATION_FAILED";
    /// A text that is no timestamp.
    InvalidTimestamp = "SW0114", "SCHEMA_VALIDATION_FAILED";
    /// A list or object that may not be empty.
    EmptyValue = "SW0115", "SCHEMA_VALIDATION_FAILED";
    /// `States.ALL` with other names beside it, or not in the last place.
    MisplacedStatesAll = "SW0116", "SCHEMA_VALIDATION_FAILED";
    /// An error name that starts with `States.` but is none of the language's.
    UnknownStatesError = "SW0117", "SCHEMA_VALIDATION_FAILED";
    /// No state ends the execution.
    NoTerminalState = "SW0118", "MISSING_END_STATE";
    /// A state name that is too long.
    InvalidStateName = "SW0119", "INVALID_STATE_NAME";
    /// A `Resource` that is no ARN of something that can run.
    InvalidResource = "SW0120", "SCHEMA_VALIDATION_FAILED";
    /// A text in a payload template that looks like an expression, in a field that is not evaluated.
    LiteralExpression = "SW0121", "NO_DOLLAR";
    /// `Assign` names a variable that cannot be called so.
    InvalidVariableName = "SW0122", "SCHEMA_VALIDATION_FAILED";
    /// A branch or an item processor assigns a variable of the scope around it.
    VariableOfOuterScope = "SW0123", "SCHEMA_VALIDATION_FAILED";
    /// A text between `{%` and `%}` that is no JSONata expression.
    InvalidJsonata = "SW0124", "INVALID_JSONATA_EXPRESSION";
    /// A field that only the other query language has.
    OtherLanguage = "SW0125", "SCHEMA_VALIDATION_FAILED";
    /// A state in JSONPath within a machine in JSONata.
    MixedLanguages = "SW0126", "SCHEMA_VALIDATION_FAILED";
    /// A resource that an Express state machine cannot have.
    NotInExpress = "SW0127", "SCHEMA_VALIDATION_FAILED";
    /// A JSONata expression that reads a context (`$`), of which there is none.
    UnsupportedJsonata = "SW0128", "UNSUPPORTED_JSONATA_EXPRESSION";
    /// `$states`, or a field of it, where it is not there.
    StatesFieldNotHere = "SW0129", "INVALID_JSONATA_EXPRESSION";
    /// A field that an inline Map does not have.
    OnlyInDistributedMap = "SW0132", "SCHEMA_VALIDATION_FAILED";
    /// A resource of the language that nothing serves where the definition is to run.
    UnsupportedResource = "SW0133", "SCHEMA_VALIDATION_FAILED";
    /// A `Label` that is too long, or has characters that an ARN cannot have.
    InvalidLabel = "SW0134", "INVALID_LABEL_NAME";
    /// Two Map states have the same `Label`.
    DuplicateLabel = "SW0135", "DUPLICATE_LABEL_NAME";
    /// A path or a call in the `Result` of a Pass state, which is not evaluated.
    StaticResult = "SW0136", "PASS_RESULT_IS_STATIC";
    /// A path in a field that takes it as a text, beside a field `...Path` that reads it.
    LiteralPath = "SW0137", "NO_PATH";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one_in_characters() {
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("ä = 1\nb = 2", 3), (1, 3));
        assert_eq!(position("ä = 1\nb = 2", 7), (2, 1));
    }
}
