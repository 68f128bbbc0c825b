//! What the library accepts and AWS, or we, do not.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::functions::string::build_regex;
use jsonata_core::parser::{Lexer, ParserError, Token};

use super::{SyntaxError, tree};

/// Parses an expression of AWS's dialect.
pub(super) fn parse(source: &str) -> Result<AstNode, SyntaxError> {
    parse_whole(source).map_err(|error| SyntaxError { at: place(&error, source), ..error })
}

fn parse_whole(source: &str) -> Result<AstNode, SyntaxError> {
    let mut tree = jsonata_core::parser::parse(source).map_err(|error| {
        if is_open_regex(&error, source) {
            return SyntaxError::new(Some("S0302"), "No terminating / in regular expression");
        }
        error.into()
    })?;
    check(&mut tree)?;
    Ok(tree)
}

/// Codes of what is missing at the end.
const INCOMPLETE: &[&str] = &["S0101", "S0105", "S0106", "S0203", "S0207", "S0302"];

/// Where a mistake is, which the library does not tell: at the last character of the shortest beginning of the
/// text that has it already.
fn place(error: &SyntaxError, source: &str) -> usize {
    if error.code.as_deref().is_some_and(|code| INCOMPLETE.contains(&code)) {
        return source.len();
    }
    let starts: Vec<usize> = source.char_indices().map(|(start, _)| start).collect();
    let lacks_it = |end: &usize| parse_whole(&source[..*end]).as_ref().err() != Some(error);
    let shortest = starts.partition_point(lacks_it);
    starts.get(shortest.saturating_sub(1)).copied().unwrap_or_default()
}

/// Refuses what is newer than JSONata 2.0.6, or a regular expression that cannot be used.
fn check(tree: &mut AstNode) -> Result<(), SyntaxError> {
    let mut problem = None;
    tree::rewrite(tree, &mut |node| {
        if problem.is_none() {
            problem = refusal(node);
        }
    });
    problem.map_or(Ok(()), Err)
}

fn refusal(node: &AstNode) -> Option<SyntaxError> {
    let coded = |code: &str, message: &str| Some(SyntaxError::new(Some(code), message));
    match node {
        AstNode::Binary { op: BinaryOp::Coalesce, .. } => {
            coded("S0211", "The symbol \"?\" cannot be used as a unary operator")
        }
        AstNode::Binary { op: BinaryOp::Default, .. } => {
            coded("S0211", "The symbol \":\" cannot be used as a unary operator")
        }
        AstNode::Binary { op: BinaryOp::ColonEqual, lhs, .. }
            if !matches!(**lhs, AstNode::Variable(_)) =>
        {
            coded("S0212", "The left side of := must be a variable name (start with $)")
        }
        AstNode::Regex { pattern, .. } if pattern.is_empty() => {
            coded("S0301", "Empty regular expressions are not allowed")
        }
        AstNode::Regex { pattern, flags } => {
            let error = build_regex(pattern, flags).err()?.to_string();
            // The last line says what is wrong, those before it show where.
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message =
                format!("the regular expression /{pattern}/{flags} cannot be used: {reason}");
            Some(SyntaxError::new(None, message))
        }
        _ => None,
    }
}

/// The library takes an open regular expression for an open text.
fn is_open_regex(error: &ParserError, source: &str) -> bool {
    let is_open = |source: String| {
        let mut lexer = Lexer::new(source);
        loop {
            match lexer.next_token() {
                Ok(Token::Eof) => return false,
                Ok(_) => {}
                Err(error) => return matches!(error, ParserError::UnclosedString),
            }
        }
    };
    matches!(error, ParserError::UnclosedString)
        && ["'", "\""].iter().all(|quote| is_open(format!("{source}{quote}")))
}
