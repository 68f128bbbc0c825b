//! Codes and texts of errors as the reference implementation and AWS write them, where the library's differ.
//!
//! Source: JSONata's reference implementation; that AWS writes its texts behind the code: recorded.

/// AWS's texts for what uses up too much. They have no code.
///
/// Source: reported by users in public issues, not documented.
pub(super) const MEMORY: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";
const STACK: &str = "Stack overflow error: Check for non-terminating recursive function. Consider \
                     rewriting as tail-recursive.";
const TIME: &str = "Expression evaluation timeout: Check for infinite loop";

/// Texts without parameters.
#[rustfmt::skip]
const FIXED: &[(&str, &str)] = &[
    ("D2014", "The size of the sequence allocated by the range operator (..) must not exceed 1e7."),
    ("D3001", "Attempting to invoke string function on Infinity or NaN"),
    ("D3010", "Second argument of replace function cannot be an empty string"),
    ("D3020", "Third argument of split function must evaluate to a positive number"),
    ("D3080", "The picture string must only contain a maximum of two sub-pictures"),
    ("D3081", "The sub-picture must not contain more than one instance of the 'decimal-separator' character"),
    ("D3082", "The sub-picture must not contain more than one instance of the 'percent' character"),
    ("D3083", "The sub-picture must not contain more than one instance of the 'per-mille' character"),
    ("D3084", "The sub-picture must not contain both a 'percent' and a 'per-mille' character"),
    ("D3085", "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'"),
    ("D3086", "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"),
    ("D3087", "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character"),
    ("D3088", "The sub-picture must not contain a 'grouping-separator' at the end of the integer part"),
    ("D3089", "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"),
    ("D3090", "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'"),
    ("D3091", "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'"),
    ("D3092", "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'"),
    ("D3093", "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'"),
    ("D3131", "In a decimal digit pattern, all digits must be from the same decimal group"),
    ("D3134", "The timezone integer format specifier cannot have more than four digits"),
    ("D3135", "No matching closing bracket ']' in date/time picture string"),
    ("D3136", "The date/time picture string is missing specifiers required to parse the timestamp"),
    ("D3138", "The $single() function expected exactly 1 matching result.  Instead it matched more."),
    ("S0106", "Comment has no closing tag"),
    ("S0401", "Type parameters can only be applied to functions and arrays"),
    ("S0402", "Choice groups containing parameterized types are not supported"),
    ("T1006", "Attempted to invoke a non-function"),
    ("T2003", "The left side of the range operator (..) must evaluate to an integer"),
    ("T2004", "The right side of the range operator (..) must evaluate to an integer"),
];

/// What the library tells without a code.
const UNCODED: &[(&str, &str)] =
    &[("Unclosed comment", "S0106"), ("Unclosed regex", "S0302"), ("Empty regex", "S0301")];

/// The code and the text in a message of the library.
pub(super) fn code_and_text(message: &str) -> (Option<String>, String) {
    let (code, text) = match find_code(message) {
        Some(found) => found,
        None => match UNCODED.iter().find(|(start, _)| message.starts_with(start)) {
            Some((_, code)) => (*code, message),
            None => return (None, message.to_owned()),
        },
    };
    match code {
        "D1011" | "U1001" => return (None, STACK.to_owned()),
        "D1012" => return (None, TIME.to_owned()),
        "D2015" => return (None, MEMORY.to_owned()),
        _ => {}
    }
    let fixed = FIXED.iter().find(|(fixed, _)| *fixed == code);
    let text = fixed.map_or_else(|| with_parameters(code, text), |(_, text)| (*text).to_owned());
    (Some(code.to_owned()), text)
}

/// A code at the start, or behind a prefix of the library (`Invalid syntax: S0201: ...`).
fn find_code(message: &str) -> Option<(&str, &str)> {
    let mut rest = message;
    while let Some((head, tail)) = rest.split_once(": ") {
        if is_code(head) {
            return Some((head, tail));
        }
        rest = tail;
    }
    None
}

/// A letter and four digits.
fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 5 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit)
}

/// Values, operators and tokens stand as JSON in the reference's texts.
fn with_parameters(code: &str, text: &str) -> String {
    let rewritten = match code {
        "S0201" => text.strip_prefix("Syntax error: ").map(|t| format!("Syntax error: {}", token(t))),
        "S0202" => between(text, "Expected ", ", got ")
            .map(|(expected, got)| format!("Expected {}, got {}", token(expected), token(got))),
        "S0203" => between(text, "Expected ", " before end of expression")
            .map(|(expected, _)| format!("Expected {} before end of expression", token(expected))),
        "S0204" => text
            .strip_prefix("Unknown operator: ")
            .map(|operator| format!("Unknown operator: {}", json(operator))),
        "S0211" => between(text, "The symbol ", " cannot be used").map(|(symbol, _)| {
            format!("The symbol {} cannot be used as a unary operator", token(symbol))
        }),
        "T2001" | "T2002" => operator(text),
        "D3030" => Some(format!("Unable to cast value to a number: {}", cast_value(text))),
        "D3100" => text.strip_prefix("Radix must be between 2 and 36, got ").map(|radix| {
            format!(
                "The radix of the formatBase function must be between 2 and 36.  It was given {radix}"
            )
        }),
        "T2007" => between(text, "Type mismatch when comparing values in order-by clause: ", " and ")
            .map(|(a, b)| {
                format!("Type mismatch when comparing values {a} and {b} in order-by clause")
            }),
        _ => None,
    };
    rewritten.unwrap_or_else(|| text.to_owned())
}

/// What stands between `before` and `separator`, and behind that.
fn between<'t>(text: &'t str, before: &str, separator: &str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(before)?.split_once(separator)
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `The left side of the + operator` with its operator quoted.
fn operator(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(" side of the ")?;
    let (operator, after) = rest.split_once(" operator ")?;
    Some(format!("{before} side of the {} operator {after}", json(operator)))
}

/// What could not become a number, as JSON.
fn cast_value(text: &str) -> String {
    match between(text, "Cannot convert '", "' to number") {
        Some((value, _)) => json(value),
        None => "null".to_owned(),
    }
}

/// A token as it is written, from the library's name for it.
fn token(name: &str) -> String {
    let symbol = SYMBOLS.iter().find(|(known, _)| *known == name).map(|(_, symbol)| *symbol);
    if let Some(symbol) = symbol {
        return json(symbol);
    }
    // `Identifier("a")`, `Variable("a")`, `String("a")`, `Number(7.0)`.
    let content = name.split_once('(').and_then(|(_, content)| content.strip_suffix(')'));
    match content {
        Some(content) if name.starts_with("Number") => {
            content.strip_suffix(".0").unwrap_or(content).to_owned()
        }
        Some(content) => content.to_owned(),
        None => json(name),
    }
}

#[rustfmt::skip]
const SYMBOLS: &[(&str, &str)] = &[
    ("Ampersand", "&"), ("And", "and"), ("At", "@"), ("Caret", "^"), ("Colon", ":"), ("ColonEqual", ":="),
    ("Comma", ","), ("Dot", "."), ("DotDot", ".."), ("Eof", "(end)"), ("Equal", "="), ("False", "false"),
    ("GreaterThan", ">"), ("GreaterThanOrEqual", ">="), ("Hash", "#"), ("In", "in"), ("LeftBrace", "{"),
    ("LeftBracket", "["), ("LeftParen", "("), ("LessThan", "<"), ("LessThanOrEqual", "<="), ("Minus", "-"),
    ("NotEqual", "!="), ("Null", "null"), ("Or", "or"), ("Percent", "%"), ("Pipe", "|"), ("Plus", "+"),
    ("Question", "?"), ("QuestionColon", "?"), ("QuestionQuestion", "?"), ("RightBrace", "}"),
    ("RightBracket", "]"), ("RightParen", ")"), ("Semicolon", ";"), ("Slash", "/"), ("Star", "*"),
    ("StarStar", "**"), ("TildeArrow", "~>"), ("True", "true"),
];
