//! From text to [`Query`].

use super::token::{Token, tokens};
use super::{Condition, Literal, Operator, Order, Query, Select};
use crate::salesforce::problem::Problem;

/// What other queries have and these may not.
const UNKNOWN: [&str; 6] = ["GROUP", "HAVING", "TYPEOF", "OFFSET", "FOR", "WITH"];

pub(crate) fn parse(text: &str) -> Result<Query, Problem> {
    let mut reader = Reader { tokens: tokens(text)?, place: 0 };
    let query = reader.query()?;
    match reader.tokens.get(reader.place) {
        None => Ok(query),
        Some(Token::Word(word)) if UNKNOWN.iter().any(|it| it.eq_ignore_ascii_case(word)) => {
            Err(malformed(&format!("{word} is not supported here")))
        }
        Some(token) => Err(unexpected(token)),
    }
}

struct Reader {
    tokens: Vec<Token>,
    place: usize,
}

impl Reader {
    fn query(&mut self) -> Result<Query, Problem> {
        self.keyword("SELECT")?;
        let select = self.select()?;
        self.keyword("FROM")?;
        let from = self.name()?;
        let condition = if self.takes("WHERE") { Some(self.conditions()?) } else { None };
        let order = if self.takes("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.takes("LIMIT") { Some(self.number()?) } else { None };
        Ok(Query { select, from, condition, order, limit })
    }

    fn select(&mut self) -> Result<Select, Problem> {
        let mut fields = Vec::new();
        loop {
            let field = self.name()?;
            if self.takes_symbol("(") {
                self.symbol(")")?;
                return match (field.eq_ignore_ascii_case("COUNT"), fields.is_empty()) {
                    (true, true) => Ok(Select::Count),
                    _ => Err(malformed(&format!("unknown function: {field}"))),
                };
            }
            fields.push(field);
            if !self.takes_symbol(",") {
                return Ok(Select::Fields(fields));
            }
        }
    }

    /// Conditions are joined by AND alone or by OR alone; both need parentheses.
    fn conditions(&mut self) -> Result<Condition, Problem> {
        let first = self.condition()?;
        for (keyword, join) in
            [("AND", Condition::All as fn(Vec<Condition>) -> Condition), ("OR", Condition::Any)]
        {
            if !self.takes(keyword) {
                continue;
            }
            let mut all = vec![first, self.condition()?];
            while self.takes(keyword) {
                all.push(self.condition()?);
            }
            return Ok(join(all));
        }
        Ok(first)
    }

    fn condition(&mut self) -> Result<Condition, Problem> {
        if self.takes("NOT") {
            return Ok(Condition::Not(Box::new(self.condition()?)));
        }
        if self.takes_symbol("(") {
            let inner = self.conditions()?;
            self.symbol(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.list()?,
            _ => vec![self.literal()?],
        };
        Ok(Condition::Compare { field, operator, values })
    }

    fn operator(&mut self) -> Result<Operator, Problem> {
        Ok(match self.next()? {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=" | "<>") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::LessOrEqual,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::GreaterOrEqual,
            Token::Word(word) if word.eq_ignore_ascii_case("LIKE") => Operator::Like,
            Token::Word(word) if word.eq_ignore_ascii_case("IN") => Operator::In,
            Token::Word(word) if word.eq_ignore_ascii_case("NOT") => {
                self.keyword("IN")?;
                Operator::NotIn
            }
            other => return Err(unexpected(&other)),
        })
    }

    fn list(&mut self) -> Result<Vec<Literal>, Problem> {
        self.symbol("(")?;
        let mut values = vec![self.literal()?];
        while self.takes_symbol(",") {
            values.push(self.literal()?);
        }
        self.symbol(")")?;
        Ok(values)
    }

    fn order(&mut self) -> Result<Vec<Order>, Problem> {
        self.keyword("BY")?;
        let mut order = Vec::new();
        loop {
            let field = self.name()?;
            let descending = self.takes("DESC");
            if !descending {
                self.takes("ASC");
            }
            if self.takes("NULLS") && !self.takes("FIRST") {
                self.keyword("LAST")?;
            }
            order.push(Order { field, descending });
            if !self.takes_symbol(",") {
                return Ok(order);
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        match self.next()? {
            Token::Literal(literal) => Ok(literal),
            other => Err(unexpected(&other)),
        }
    }

    fn number(&mut self) -> Result<usize, Problem> {
        match self.literal()? {
            Literal::Number(text) => text.parse().map_err(|_| malformed(&text)),
            other => Err(malformed(&format!("{other:?} is no number"))),
        }
    }

    fn name(&mut self) -> Result<String, Problem> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(unexpected(&other)),
        }
    }

    fn next(&mut self) -> Result<Token, Problem> {
        let token = self.tokens.get(self.place).cloned();
        self.place += 1;
        token.ok_or_else(|| malformed("unexpected token: <EOF>"))
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let found = matches!(self.tokens.get(self.place), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.place += usize::from(found);
        found
    }

    fn takes_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.place), Some(Token::Symbol(it)) if *it == symbol);
        self.place += usize::from(found);
        found
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Problem> {
        if self.takes(keyword) { Ok(()) } else { Err(malformed(&format!("expecting {keyword}"))) }
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), Problem> {
        if self.takes_symbol(symbol) {
            Ok(())
        } else {
            Err(malformed(&format!("expecting '{symbol}'")))
        }
    }
}

fn unexpected(token: &Token) -> Problem {
    let told = match token {
        Token::Word(word) => word.clone(),
        Token::Symbol(symbol) => (*symbol).to_owned(),
        Token::Literal(literal) => format!("{literal:?}"),
    };
    malformed(&format!("unexpected token: '{told}'"))
}

fn malformed(message: &str) -> Problem {
    Problem::bad("MALFORMED_QUERY", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyset_query_is_read() {
        let query = parse(
            "SELECT Id, Name FROM Account WHERE (SystemModstamp > 2026-01-01T00:00:00.000Z OR \
             (SystemModstamp = 2026-01-01T00:00:00Z AND Id > '001')) AND SystemModstamp < 2026-02-01T00:00:00+0000 \
             ORDER BY SystemModstamp ASC, Id DESC LIMIT 5",
        )
        .unwrap();
        assert!(matches!(&query.condition, Some(Condition::All(all)) if all.len() == 2));
        assert_eq!(query.order.len(), 2);
        assert!(query.order[1].descending);
        assert_eq!(query.limit, Some(5));
        assert_eq!(parse("select count() from Account").unwrap().select, Select::Count);
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for text in [
            "",
            "SELECT FROM Account",
            "SELECT Id FROM Account WHERE a = 1 AND b = 2 OR c = 3",
            "SELECT Id FROM Account WHERE Name = 'open",
            "SELECT Id FROM Account GROUP BY Name",
            "SELECT FIELDS(ALL) FROM Account",
            "SELECT Id FROM Account LIMIT x",
        ] {
            assert_eq!(parse(text).unwrap_err().code, "MALFORMED_QUERY", "{text}");
        }
    }
}
