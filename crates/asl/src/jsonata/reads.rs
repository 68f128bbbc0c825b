//! Which parts of a variable an expression reads, so that only these are copied.

use jsonata_core::ast::{AstNode, PathStep, Stage};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::Bindings;
use super::names::Names;
use super::value::Exact;

/// The parts of a value that are read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// All of it.
    Whole,
    /// These fields only: of the object, or of each object in the array.
    Fields(Vec<(String, Reads)>),
}

impl Reads {
    /// Nothing yet.
    pub(super) fn none() -> Self {
        Self::Fields(Vec::new())
    }

    /// Adds what stands behind a path of names.
    pub(super) fn add(&mut self, path: &[String]) {
        let Self::Fields(fields) = self else { return };
        let Some((name, rest)) = path.split_first() else {
            *self = Self::Whole;
            return;
        };
        let known = fields.iter().position(|(field, _)| field == name).unwrap_or_else(|| {
            fields.push((name.clone(), Self::none()));
            fields.len() - 1
        });
        fields[known].1.add(rest);
    }

    /// The fields that are read, where not all of them are.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        let fields = match self {
            Self::Whole => &[][..],
            Self::Fields(fields) => fields,
        };
        fields.iter().map(|(name, _)| name.as_str())
    }

    /// Copies what is read of the variable `name`; nothing if there is no such variable.
    pub(super) fn copy(
        &self,
        name: &str,
        bindings: &dyn Bindings,
        exact: &mut Exact,
    ) -> Option<JValue> {
        match self {
            Self::Fields(fields) if bindings.is_object(name) => {
                Some(copy_fields(fields, |field| bindings.field(name, field), exact))
            }
            _ => bindings.get(name).map(|value| self.copy_of(value, exact)),
        }
    }

    fn copy_of(&self, value: &Value, exact: &mut Exact) -> JValue {
        match (self, value) {
            (Self::Fields(fields), Value::Object(object)) => {
                copy_fields(fields, |field| object.get(field), exact)
            }
            // A path looks into every item of an array.
            (Self::Fields(_), Value::Array(items)) => {
                JValue::array(items.iter().map(|item| self.copy_of(item, exact)).collect())
            }
            _ => exact.copy_in(value),
        }
    }
}

fn copy_fields<'v>(
    fields: &[(String, Reads)],
    get: impl Fn(&str) -> Option<&'v Value>,
    exact: &mut Exact,
) -> JValue {
    let copies = fields
        .iter()
        .filter_map(|(field, reads)| Some((field.clone(), reads.copy_of(get(field)?, exact))));
    JValue::object(copies.collect())
}

/// The paths of names that are read of the variable which a path begins with.
///
/// `items[price > 50].id` reads `items.price` and `items.id`; where it cannot be told what a step reads of the
/// items, everything below is read.
///
/// `bound` are the names that the expression binds around the path.
pub(super) fn paths_read(steps: &[PathStep], bound: &[String]) -> Vec<Vec<String>> {
    let (mut path, mut read) = (Vec::new(), Vec::new());
    for step in steps.iter().skip(1) {
        // Behind a step that binds, paths go on from the item before it.
        if !binds_nothing(step) {
            break;
        }
        let is_name = if let AstNode::Name(name) = &step.node {
            path.push(name.clone());
            true
        } else {
            false
        };
        let filters = step.stages.iter().filter_map(|stage| match stage {
            Stage::Filter(filter) => Some(&**filter),
            Stage::KeepArray | Stage::Index(_) => None,
        });
        // What looks at the items: the filters of a name, or else the step itself. What comes behind such a step
        // looks at what it makes.
        let looks = filters.chain(Some(&step.node).filter(|_| !is_name));
        let fields: Option<Vec<_>> =
            looks.map(|node| Names::within(bound, node).fields_of_context()).collect();
        // A step that reads no field, `.('x')`, still depends on what is there.
        let is_told = |fields: &Vec<Vec<String>>| {
            is_name || is_plain(step) && fields.iter().any(|fields| !fields.is_empty())
        };
        let Some(fields) = fields.filter(is_told) else { break };
        read.extend(fields.into_iter().flatten().map(|name| below(&path, name)));
        if !is_name {
            return read;
        }
    }
    read.push(path);
    read
}

fn below(path: &[String], name: String) -> Vec<String> {
    path.iter().cloned().chain([name]).collect()
}

/// Whether a step has no filters and binds nothing.
pub(super) fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty() && binds_nothing(step)
}

fn binds_nothing(step: &PathStep) -> bool {
    step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple
}

/// An expression that only selects, `$name`, `$name.field.field` or `$name.list[0].field`: its result needs no
/// evaluation, and is the very value, down to the digits of its numbers.
#[derive(Debug)]
pub(super) struct Selection {
    variable: String,
    path: Vec<Selected>,
}

/// A field, and which item of it.
#[derive(Debug)]
struct Selected {
    field: String,
    /// From the end if it is negative.
    item: Option<i64>,
}

impl Selected {
    fn of(step: &PathStep) -> Option<Self> {
        let AstNode::Name(field) = &step.node else { return None };
        let item = match &step.stages[..] {
            [] => None,
            [Stage::Filter(filter)] => match **filter {
                AstNode::Number(index) => Some(index.floor() as i64),
                _ => return None,
            },
            _ => return None,
        };
        binds_nothing(step).then(|| Self { field: field.clone(), item })
    }

    /// The item of the array that the field holds; nothing beyond its end.
    fn item_of(index: i64, items: &[Value]) -> Option<&Value> {
        let from_end = || items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
        let place = if index < 0 { from_end() } else { usize::try_from(index).ok() };
        items.get(place?)
    }
}

/// What a selection finds without evaluation.
pub(super) enum Found<'v> {
    /// This, or nothing.
    Value(Option<&'v Value>),
    /// The path leads through an array, or an item is asked of what is none.
    Unknown,
}

impl Selection {
    pub(super) fn of(tree: &AstNode) -> Option<Self> {
        let (first, path) = match tree {
            AstNode::Path { steps } => {
                let (first, others) = steps.split_first().filter(|(first, _)| is_plain(first))?;
                (&first.node, others.iter().map(Selected::of).collect::<Option<_>>()?)
            }
            node => (node, Vec::new()),
        };
        match first {
            AstNode::Variable(name) if !name.is_empty() => {
                Some(Self { variable: name.clone(), path })
            }
            _ => None,
        }
    }

    pub(super) fn find<'v>(&self, bindings: &'v dyn Bindings) -> Found<'v> {
        let by_field = bindings.is_object(&self.variable) && !self.path.is_empty();
        let mut found = if by_field { None } else { bindings.get(&self.variable) };
        for (depth, Selected { field, item }) in self.path.iter().enumerate() {
            found = match found {
                _ if by_field && depth == 0 => bindings.field(&self.variable, field),
                Some(Value::Object(fields)) => fields.get(field),
                Some(Value::Array(_)) => return Found::Unknown,
                _ => None,
            };
            found = match (item, found) {
                (None, found) => found,
                (Some(index), Some(Value::Array(items))) => Selected::item_of(*index, items),
                (Some(_), None) => None,
                (Some(_), Some(_)) => return Found::Unknown,
            };
            // What JSONata makes of an array within an array is its own affair.
            if item.is_some() && found.is_some_and(Value::is_array) {
                return Found::Unknown;
            }
        }
        Found::Value(found)
    }
}
