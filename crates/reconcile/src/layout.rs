//! What is compared: key, day, partitions and columns of a table, and by which rule each column.

use arrow::datatypes::{DataType, Field, Schema};

use crate::rule::{Precision, Rule};
use crate::{CompareError, Which};

/// The columns of a table by the part they have in a comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// Tells rows apart. At least one column.
    pub key: Vec<String>,
    /// The event date or time: what is counted day by day (UTC).
    pub day: Option<String>,
    /// Further columns by which is counted.
    pub partition: Vec<String>,
    /// What is compared beside the key.
    pub columns: Vec<Column>,
}

/// A column to compare.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// Its name, the same on both sides.
    pub name: String,
    /// What counts as equal.
    pub policy: Policy,
}

impl Column {
    /// A column in which only equal values are equal.
    pub fn exact(name: impl Into<String>) -> Self {
        Self { name: name.into(), policy: Policy::default() }
    }
}

/// What counts as equal in a column. By default: all that both sides can tell apart is different.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Policy {
    /// Numbers are rounded to so many decimal places.
    pub scale: Option<i8>,
    /// Floating-point numbers are equal if they are no further apart than this.
    pub tolerance: Option<f64>,
    /// Instants are cut to this precision.
    pub precision: Option<Precision>,
}

/// A layout against the types of both sides: where each column is, and its rule.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What is read from both sides, in this order: key, columns, day, partition.
    pub(crate) names: Vec<String>,
    /// The rules of key and columns, in the order of `names`.
    pub(crate) rules: Vec<Rule>,
    /// How many of them are the key.
    pub(crate) key: usize,
    /// The places of the day and of the partition columns in `names`.
    pub(crate) day: Option<usize>,
    pub(crate) partition: Vec<usize>,
}

impl Plan {
    /// Finds every column on both sides and a rule for it.
    ///
    /// # Errors
    /// [`CompareError::NoKey`], [`CompareError::NoColumn`], [`CompareError::NotComparable`].
    pub(crate) fn new(
        layout: &Layout,
        source: &Schema,
        lake: &Schema,
    ) -> Result<Self, CompareError> {
        if layout.key.is_empty() {
            return Err(CompareError::NoKey);
        }
        let key = layout.key.iter().map(|name| Column::exact(name.clone()));
        let others = layout.columns.iter().filter(|column| !layout.key.contains(&column.name));
        let mut plan = Self {
            names: Vec::new(),
            rules: Vec::new(),
            key: layout.key.len(),
            day: None,
            partition: Vec::new(),
        };
        for column in key.chain(others.cloned()) {
            let source = type_of(source, Which::Source, &column.name)?;
            let lake = type_of(lake, Which::Lake, &column.name)?;
            let rule = Rule::between(source, lake, &column.policy).map_err(|reason| {
                CompareError::NotComparable { column: column.name.clone(), reason }
            })?;
            plan.names.push(column.name);
            plan.rules.push(rule);
        }
        for name in layout.day.iter().chain(&layout.partition) {
            type_of(source, Which::Source, name)?;
            type_of(lake, Which::Lake, name)?;
        }
        plan.day = layout.day.as_deref().map(|day| plan.place(day));
        plan.partition = layout.partition.iter().map(|name| plan.place(name)).collect();
        Ok(plan)
    }

    /// Where a column is read, once.
    fn place(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }
}

fn type_of<'a>(
    schema: &'a Schema,
    which: Which,
    column: &str,
) -> Result<&'a DataType, CompareError> {
    let missing = |_| CompareError::NoColumn { which, column: column.to_owned() };
    schema.field_with_name(column).map(Field::data_type).map_err(missing)
}
