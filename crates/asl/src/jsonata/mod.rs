//! JSONata as Step Functions speaks it: `{% $sum($states.input.prices) %}`.
//!
//! Responsible for: parsing expressions once, when the definition is read; evaluating them over JSON values;
//! payload templates made of them; the functions that AWS adds (`$partition`, `$range`, `$hash`, `$random`,
//! `$uuid`, `$parse`) and the one that it removes (`$eval`); limits on what an expression takes, which
//! hold for all but the expressions that `docs/reference/jsonata.md`, "Limits", names. Left to others: what `$states`
//! holds and which variables there are ([`Bindings`]), where time and randomness come from ([`Scope`]), which field
//! wants which type.
//!
//! Inside works the library `jsonata-core`; nothing outside this module sees it.
//!
//! Source: Step Functions Developer Guide, "Transforming data with JSONata in Step Functions"; the JSONata 2.0.6
//! documentation; its reference implementation for the texts of errors.

mod clock;
mod dialect;
mod engine;
mod error;
mod explain;
mod expression;
mod functions;
mod guards;
mod names;
#[cfg(test)]
mod official_suite;
mod reads;
mod template;
mod texts;
mod tree;
mod value;

pub use error::{EvaluationError, QueryError, SyntaxError};
pub use expression::{Bindings, Expression, Scope};
pub use template::{Template, TemplateError};

/// Whether a name that no variable has is that of a function, as in `$map(list, $uppercase)`.
///
/// ```
/// use stepwell_asl::jsonata::is_function;
///
/// assert!(is_function("uppercase") && is_function("partition"));
/// assert!(!is_function("customer") && !is_function("eval"));
/// ```
pub fn is_function(name: &str) -> bool {
    name != "eval" && engine::is_function(name)
}

/// The text between `{%` and `%}`, blanks trimmed, if `text` is an expression. Anything before or behind the
/// delimiters, a blank included, makes it a plain text.
///
/// ```
/// use stepwell_asl::jsonata::expression_in;
///
/// assert_eq!(expression_in("{% $states.input %}"), Some("$states.input"));
/// assert_eq!(expression_in(" {% $states.input %}"), None);
/// ```
pub fn expression_in(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}
