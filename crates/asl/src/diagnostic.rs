//! What validation finds, with its place in the text.

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for instance `SW0104`; `docs/errors/SW0104.md` explains it.
    pub code: &'static str,
    /// Whether the definition is refused because of it.
    pub severity: Severity,
    /// JSON pointer to the place, for instance `/States/Load`.
    pub pointer: String,
    /// The place in the text, in bytes.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
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
