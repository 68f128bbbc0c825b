//! Places in an item: `orders[0].lines`.

use std::collections::BTreeMap;
use std::fmt;

use super::Parsed;
use crate::dynamodb::{AttributeValue, Item};

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dynamodb) enum Step {
    /// Of an attribute, or in a map.
    Name(String),
    /// In a list.
    Index(usize),
}

/// A place in an item; the first step is a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamodb) struct Path(pub(in crate::dynamodb) Vec<Step>);

impl fmt::Display for Path {
    /// As errors show it: `[orders, [0], lines]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => format!("[{index}]"),
        });
        write!(f, "[{}]", steps.collect::<Vec<_>>().join(", "))
    }
}

impl Path {
    /// The attribute that it begins with.
    pub(in crate::dynamodb) fn attribute(&self) -> &str {
        match &self.0[0] {
            Step::Name(name) => name,
            Step::Index(_) => "",
        }
    }

    /// What is there.
    pub(in crate::dynamodb) fn get<'i>(&self, item: &'i Item) -> Option<&'i AttributeValue> {
        let mut value = item.get(self.attribute())?;
        for step in &self.0[1..] {
            value = match (step, value) {
                (Step::Name(name), AttributeValue::M(map)) => map.get(name)?,
                (Step::Index(index), AttributeValue::L(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// Puts a value there; the place around it must be there.
    pub(super) fn set(&self, item: &mut Item, value: AttributeValue) -> Parsed<()> {
        let Some((last, parent)) = self.split(item)? else {
            item.insert(self.attribute().to_owned(), value);
            return Ok(());
        };
        match (last, parent) {
            (Step::Name(name), AttributeValue::M(map)) => {
                map.insert(name.clone(), value);
            }
            // Behind the end it becomes the last.
            (Step::Index(index), AttributeValue::L(elements)) => match elements.get_mut(*index) {
                Some(place) => *place = value,
                None => elements.push(value),
            },
            _ => return Err(no_place()),
        }
        Ok(())
    }

    /// Takes away what is there, if something is.
    pub(super) fn remove(&self, item: &mut Item) -> Parsed<()> {
        let Some((last, parent)) = self.split(item)? else {
            item.remove(self.attribute());
            return Ok(());
        };
        match (last, parent) {
            (Step::Name(name), AttributeValue::M(map)) => {
                map.remove(name);
            }
            (Step::Index(index), AttributeValue::L(elements)) => {
                if *index < elements.len() {
                    elements.remove(*index);
                }
            }
            _ => return Err(no_place()),
        }
        Ok(())
    }

    /// The last step, and the value that it goes from; none for an attribute.
    fn split<'i>(&self, item: &'i mut Item) -> Parsed<Option<(&Step, &'i mut AttributeValue)>> {
        let Some((last, before)) = self.0[1..].split_last() else { return Ok(None) };
        let mut value = item.get_mut(self.attribute()).ok_or_else(no_place)?;
        for step in before {
            let next = match (step, value) {
                (Step::Name(name), AttributeValue::M(map)) => map.get_mut(name),
                (Step::Index(index), AttributeValue::L(elements)) => elements.get_mut(*index),
                _ => None,
            };
            value = next.ok_or_else(no_place)?;
        }
        Ok(Some((last, value)))
    }
}

fn no_place() -> String {
    "The document path provided in the update expression is invalid for update".to_owned()
}

/// No path may be in another.
pub(in crate::dynamodb) fn check_apart(paths: &[&Path]) -> Parsed<()> {
    for (at, one) in paths.iter().enumerate() {
        for other in &paths[at + 1..] {
            if one.0.starts_with(&other.0) || other.0.starts_with(&one.0) {
                return Err(format!(
                    "Two document paths overlap with each other; must remove or rewrite one of these paths; \
                     path one: {one}, path two: {other}"
                ));
            }
        }
    }
    Ok(())
}

/// The parts of an item that paths name; elements of lists move together.
pub(in crate::dynamodb) fn project(item: &Item, paths: &[Path]) -> Item {
    let mut tree = Tree::default();
    for path in paths {
        tree.add(&path.0);
    }
    tree.of_map(item)
}

/// Paths by their steps.
#[derive(Default)]
struct Tree {
    children: BTreeMap<Step, Tree>,
}

impl Tree {
    fn add(&mut self, steps: &[Step]) {
        if let Some((first, rest)) = steps.split_first() {
            self.children.entry(first.clone()).or_default().add(rest);
        }
    }

    fn of_map(&self, map: &Item) -> Item {
        let member = |(step, tree): (&Step, &Self)| {
            let Step::Name(name) = step else { return None };
            Some((name.clone(), tree.of(map.get(name)?)?))
        };
        self.children.iter().filter_map(member).collect()
    }

    fn of(&self, value: &AttributeValue) -> Option<AttributeValue> {
        if self.children.is_empty() {
            return Some(value.clone());
        }
        match value {
            AttributeValue::M(map) => {
                let map = self.of_map(map);
                (!map.is_empty()).then_some(AttributeValue::M(map))
            }
            AttributeValue::L(list) => {
                let element = |(step, tree): (&Step, &Self)| {
                    let Step::Index(index) = step else { return None };
                    tree.of(list.get(*index)?)
                };
                let list: Vec<_> = self.children.iter().filter_map(element).collect();
                (!list.is_empty()).then_some(AttributeValue::L(list))
            }
            _ => None,
        }
    }
}
