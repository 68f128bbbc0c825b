//! What the library accepts and AWS, or we, do not.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::functions::string::build_regex;
use jsonata_core::parser::{Lexer, ParserError, Token};

use super::{SyntaxError, tree};

/// Refuses what is newer than JSONata 2.0.6, or a regular expression that cannot be used.
pub(super) fn check(tree: &mut AstNode) -> Result<(), SyntaxError> {
    let mut problem = None;
    tree::rewrite(tree, &mut |node| {
        if problem.is_none() {
            problem = refusal(node);
        }
    });
    problem.map_or(Ok(()), Err)
}

fn refusal(node: &AstNode) -> Option<SyntaxError> {
    let coded = |code: &str, message: &str| {
        Some(SyntaxError { code: Some(code.to_owned()), message: message.to_owned() })
    };
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
            Some(SyntaxError { code: None, message })
        }
        _ => None,
    }
}

/// The library takes an open regular expression for an open text.
pub(super) fn is_open_regex(error: &ParserError, source: &str) -> bool {
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
