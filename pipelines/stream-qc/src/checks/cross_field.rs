//! Cross-field rules: columns of a row that must agree.

use std::fmt;

use crate::flag::Flag;

/// How two sides compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// Longer signs first: `<=` is not `<` and something.
const SIGNS: [(&str, Comparison); 6] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A column of numbers.
    Column(String),
    /// A number.
    Number(f64),
}

impl Operand {
    fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Column(text.to_owned()), Self::Number)
    }
}

/// A rule such as `min <= value <= max`: all comparisons of the chain must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossField {
    text: String,
    operands: Vec<Operand>,
    comparisons: Vec<Comparison>,
}

impl CrossField {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rule =
            Self { text: text.to_owned(), operands: Vec::new(), comparisons: Vec::new() };
        let mut rest = text;
        while let Some((at, sign, comparison)) = first_sign(rest) {
            rule.operands.push(Operand::parse(rest[..at].trim()));
            rule.comparisons.push(comparison);
            rest = &rest[at + sign.len()..];
        }
        rule.operands.push(Operand::parse(rest.trim()));
        if rule.comparisons.is_empty() {
            return Err(format!("`{text}` compares nothing"));
        }
        if rule.operands.contains(&Operand::Column(String::new())) {
            return Err(format!("a comparison of `{text}` has only one side"));
        }
        Ok(rule)
    }

    /// The sides, from left to right.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// FAIL where the rule is broken, UNKNOWN where a number is missing. `columns` has the numbers of the operands that
    /// are columns, in their order.
    pub fn flags(&self, columns: &[&[f64]], rows: usize) -> Vec<Flag> {
        (0..rows)
            .map(|row| {
                let mut columns = columns.iter();
                let side = |operand: &Operand| match operand {
                    Operand::Number(number) => *number,
                    Operand::Column(_) => columns.next().map_or(f64::NAN, |column| column[row]),
                };
                self.flag(&self.operands.iter().map(side).collect::<Vec<_>>())
            })
            .collect()
    }

    fn flag(&self, sides: &[f64]) -> Flag {
        if sides.iter().any(|side| side.is_nan()) {
            return Flag::Unknown;
        }
        let mut pairs = self.comparisons.iter().zip(sides.windows(2));
        if pairs.all(|(comparison, pair)| comparison.holds(pair[0], pair[1])) {
            Flag::Good
        } else {
            Flag::Fail
        }
    }
}

impl fmt::Display for CrossField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn first_sign(text: &str) -> Option<(usize, &'static str, Comparison)> {
    SIGNS
        .iter()
        .filter_map(|(sign, comparison)| Some((text.find(sign)?, *sign, *comparison)))
        .min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())))
}
