//! `Choices`: the rules of a Choice state.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::graph::Scope;
use super::language::Language;
use super::place::{Object, Place};
use super::source::Shape;
use super::{Checker, allowed};
use crate::choice::{Condition, Kind, Operand, OperandType, Pattern, Relation, Rule, Test};
use crate::diagnostic::Code;
use crate::model::ChoiceRule;
use crate::query::Query;
use crate::{Reading, suggest, timestamp};

/// Comparators: their name, and what they ask.
#[derive(Debug, Clone, Copy)]
enum Comparator {
    Is(Kind),
    Compare(OperandType, Relation),
    ComparePath(OperandType, Relation),
    Matches,
}

const BOOLEAN_COMBINATIONS: &[&str] = &["And", "Or", "Not"];

/// Every name a comparator can have.
fn comparators() -> impl Iterator<Item = (String, Comparator)> {
    let kinds = [
        ("IsPresent", Kind::Present),
        ("IsNull", Kind::Null),
        ("IsBoolean", Kind::Boolean),
        ("IsNumeric", Kind::Numeric),
        ("IsString", Kind::String),
        ("IsTimestamp", Kind::Timestamp),
    ];
    let types = [
        ("String", OperandType::String),
        ("Numeric", OperandType::Numeric),
        ("Timestamp", OperandType::Timestamp),
        ("Boolean", OperandType::Boolean),
    ];
    let relations = [
        ("Equals", Relation::Equals),
        ("LessThan", Relation::LessThan),
        ("GreaterThan", Relation::GreaterThan),
        ("LessThanEquals", Relation::LessThanEquals),
        ("GreaterThanEquals", Relation::GreaterThanEquals),
    ];
    let tests = kinds.into_iter().map(|(name, kind)| (name.to_owned(), Comparator::Is(kind)));
    let comparisons = types.into_iter().flat_map(move |(type_name, operand_type)| {
        let ordered = operand_type != OperandType::Boolean;
        relations
            .into_iter()
            .filter(move |(_, relation)| ordered || *relation == Relation::Equals)
            .flat_map(move |(relation_name, relation)| {
                let name = format!("{type_name}{relation_name}");
                let path = (format!("{name}Path"), Comparator::ComparePath(operand_type, relation));
                [(name, Comparator::Compare(operand_type, relation)), path]
            })
    });
    tests.chain(comparisons).chain([("StringMatches".to_owned(), Comparator::Matches)])
}

static COMPARATORS: LazyLock<BTreeMap<String, Comparator>> =
    LazyLock::new(|| comparators().collect());

fn comparator(name: &str) -> Option<Comparator> {
    COMPARATORS.get(name).copied()
}

impl<'t> Checker<'t> {
    /// `Choices`.
    pub(super) fn choices(
        &mut self,
        object: &Object<'t>,
        scope: &mut Scope<'t>,
    ) -> Option<Vec<ChoiceRule>> {
        let items = object.get("Choices").and_then(|place| self.non_empty_array(&place));
        let Some(items) = items else {
            scope.leads_somewhere();
            return None;
        };
        let rules: Vec<_> = items.iter().map(|item| self.choice(item, scope)).collect();
        rules.into_iter().collect()
    }

    /// One rule with its target.
    fn choice(&mut self, place: &Place<'t>, scope: &mut Scope<'t>) -> Option<ChoiceRule> {
        let object = self.object(place)?;
        let required: &[&str] = if self.is_jsonata() { &["Condition", "Next"] } else { &["Next"] };
        self.require(&object, required);
        if !object.has("Next") {
            scope.leads_somewhere();
        }
        let next = object.get("Next").and_then(|place| self.next(&place, scope));
        let assign = self.assign(&object);
        let (condition, output) = if self.is_jsonata() {
            (self.condition(&object).map(Condition::Query), self.query(&object, "Output"))
        } else {
            (self.rule(&object, true).map(Condition::Rule), None)
        };
        Some(ChoiceRule { condition: condition?, assign, output, next: next? })
    }

    /// `Condition`: an expression, or a boolean.
    fn condition(&mut self, object: &Object<'t>) -> Option<Query> {
        self.comment(object);
        for field in object.fields {
            match comparator(&field.name) {
                Some(_) => self.of_other_language(object, field),
                None => self.check_field(object, field, allowed::CONDITION),
            }
        }
        let place = object.get("Condition")?;
        if !self.is_expression(&place) {
            self.boolean(&place)?;
        }
        self.query_at(&place)
    }

    fn rule(&mut self, object: &Object<'t>, is_outermost: bool) -> Option<Rule> {
        self.comment(object);
        self.check_rule_fields(object, is_outermost);
        let combination = object.fields.iter().find(|field| is_combination(&field.name));
        let Some(combination) = combination else { return self.data_test(object) };
        if self.reading == Reading::Kept {
            return self.combination(&object.place.field(combination));
        }
        let tests: Vec<&str> = object
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .filter(|name| is_test(name))
            .collect();
        self.one_of(object, &tests, true).and_then(|place| self.combination(&place))
    }

    fn check_rule_fields(&mut self, object: &Object<'t>, is_outermost: bool) {
        for field in object.fields {
            let name = field.name.as_str();
            let known = matches!(name, "Comment" | "Variable")
                || (matches!(name, "Assign" | "Next") && is_outermost)
                || is_combination(name)
                || comparator(name).is_some();
            if known {
                continue;
            }
            if is_outermost && allowed::CONDITION.is_only(Language::Jsonata, name) {
                self.of_other_language(object, field);
                continue;
            }
            let help = if matches!(name, "Assign" | "Next") {
                Some(format!("only the outermost rule has a `{name}`"))
            } else {
                let names = COMPARATORS.keys().map(String::as_str);
                let names = names.chain(["Assign", "Variable", "Next", "Not"]);
                suggest::closest(name, names).map(|meant| format!("did you mean `{meant}`?"))
            };
            let message = format!("Field '{name}' is not supported");
            let place = object.place.field(field);
            let finding = self.findings.name(Code::UnknownField, &place, message);
            finding.location = Some(object.place.aws_location());
            finding.maybe_help(help);
        }
    }

    /// `And`, `Or` or `Not`.
    fn combination(&mut self, place: &Place<'t>) -> Option<Rule> {
        if place.field_name() == "Not" {
            let object = self.object(place)?;
            return self.rule(&object, false).map(|rule| Rule::Not(Box::new(rule)));
        }
        let items = self.non_empty_array(place)?;
        let rules: Vec<_> = items
            .iter()
            .map(|item| {
                let object = self.object(item)?;
                self.rule(&object, false)
            })
            .collect();
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        Some(if place.field_name() == "And" { Rule::And(rules) } else { Rule::Or(rules) })
    }

    /// A `Variable` and one comparator.
    fn data_test(&mut self, object: &Object<'t>) -> Option<Rule> {
        let known: Vec<&str> = object
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .filter(|name| comparator(name).is_some())
            .collect();
        let test = if known.is_empty() {
            self.no_comparator(object)
        } else {
            self.one_of(object, &known, true).and_then(|place| self.test(&place))
        };
        self.require(object, &["Variable"]);
        let variable = object.get("Variable").and_then(|place| self.path(&place));
        Some(Rule::Test { variable: variable?, test: test? })
    }

    /// A rule that asks nothing. What is refused by name already is not reported once more.
    fn no_comparator(&mut self, object: &Object<'t>) -> Option<Test> {
        let expected = |name: &str| matches!(name, "Assign" | "Comment" | "Next" | "Variable");
        if object.fields.iter().all(|field| expected(&field.name)) {
            self.findings
                .object(Code::MissingField, &object.place, "The rule has no comparator")
                .help("add one, for instance `\"StringEquals\": \"done\"`, or combine rules with And, Or, Not");
        }
        None
    }

    fn test(&mut self, place: &Place<'t>) -> Option<Test> {
        match comparator(place.field_name())? {
            Comparator::Is(kind) => self.boolean(place).map(|expected| Test::Is(kind, expected)),
            Comparator::Matches => {
                self.string(place).map(|text| Test::Matches(Pattern::parse(text)))
            }
            Comparator::Compare(operand_type, relation) => {
                self.operand(place, operand_type).map(|operand| Test::Compare(relation, operand))
            }
            Comparator::ComparePath(operand_type, relation) => {
                self.path(place).map(|path| Test::ComparePath(relation, operand_type, path))
            }
        }
    }

    fn operand(&mut self, place: &Place<'t>, operand_type: OperandType) -> Option<Operand> {
        match operand_type {
            OperandType::String => self.string(place).map(|text| Operand::String(text.to_owned())),
            OperandType::Boolean => self.boolean(place).map(Operand::Boolean),
            OperandType::Timestamp => self.timestamp(place).map(Operand::Timestamp),
            OperandType::Numeric => match &place.node.shape {
                Shape::Number(number) => Some(Operand::Numeric(number.clone())),
                _ => self.wrong_type(place, "a number"),
            },
        }
    }

    pub(super) fn timestamp(&mut self, place: &Place<'t>) -> Option<jiff::Timestamp> {
        let text = self.string(place)?;
        let instant = timestamp::parse(text);
        if instant.is_none() {
            self.findings
                .value(Code::InvalidTimestamp, place, "String does not match RFC3339 timestamp")
                .help("write it as `2016-08-18T17:33:00Z`, with a capital `T` and `Z`");
        }
        instant
    }
}

fn is_combination(name: &str) -> bool {
    BOOLEAN_COMBINATIONS.contains(&name)
}

/// Whether a field says when the rule matches: a combination stands alone.
fn is_test(name: &str) -> bool {
    name == "Variable" || is_combination(name) || comparator(name).is_some()
}
