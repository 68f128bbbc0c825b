//! Reference paths: the subset of paths that names one place, for `ResultPath` and the `...Path` fields.

use serde_json::{Map, Value};

use super::{Path, Root, Step};
use crate::dataflow::DEPTH_MAX;

/// A path of names and single indexes, for instance `$.report.rows[0]` or `$settings.limit`.
#[derive(Debug, Clone)]
pub struct ReferencePath {
    path: Path,
}

/// The place that a reference path names cannot exist in this value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reference path does not fit the value")]
pub struct Mismatch;

impl ReferencePath {
    /// `path`, if it names one place of the input or of a variable, not deeper than data may be.
    pub fn new(path: Path) -> Option<Self> {
        let one_place = matches!(path.root, Root::Input | Root::Variable(_))
            && path.function.is_none()
            && path.steps.len() <= DEPTH_MAX
            && path.steps.iter().all(|step| match step {
                Step::Name(_) => true,
                Step::Index(index) => *index >= 0,
                Step::Names(_)
                | Step::Indexes(_)
                | Step::Slice(..)
                | Step::Wildcard
                | Step::Filter(_)
                | Step::Deep => false,
            });
        one_place.then_some(Self { path })
    }

    /// `$`.
    pub fn root() -> Self {
        Self { path: Path::root() }
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        self.path.as_str()
    }

    /// Whether it names a place of the input, where something can be put.
    pub fn is_on_input(&self) -> bool {
        self.path.root == Root::Input
    }

    /// The same as a path, to read with.
    pub fn into_path(self) -> Path {
        self.path
    }

    /// Whether this is `$`.
    pub fn is_root(&self) -> bool {
        self.path.is_root()
    }

    /// Puts `value` into `target`. Objects on the way are created where nothing is yet; arrays are not
    /// extended.
    ///
    /// # Errors
    /// [`Mismatch`] if something else is in the way; `target` is then unspecified.
    pub fn set(&self, target: &mut Value, value: Value) -> Result<(), Mismatch> {
        let mut place = target;
        for step in &self.path.steps {
            place = match (step, place) {
                (Step::Name(name), Value::Object(fields)) => {
                    fields.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()))
                }
                (Step::Index(index), Value::Array(items)) => {
                    let index = usize::try_from(*index).map_err(|_| Mismatch)?;
                    items.get_mut(index).ok_or(Mismatch)?
                }
                _ => return Err(Mismatch),
            };
        }
        *place = value;
        Ok(())
    }
}
