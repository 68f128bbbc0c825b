//! Rows on their way into a staging table: read, fitted to the database, counted into the checksum.

use super::staged::{Alteration, Staged};
use crate::rows::batch::{Action, Row};
use crate::rows::digest::RowHasher;
use crate::rows::escape::unescape;
use crate::rows::value::{self, Misfit, Value};
use crate::schema::{Column, ColumnType, TableSchema};

/// What a database can hold beyond what a type says.
pub(super) trait Dialect {
    /// The type as which a column's text is read.
    fn reads_as<'a>(&self, column: &'a Column) -> &'a ColumnType {
        &column.ty
    }

    /// Lets a value pass, or says why not and what is nearest to it.
    fn fit<'a>(&self, column: &Column, value: Value<'a>) -> Result<Value<'a>, Misfit<'a>>;
}

/// One value on its way.
pub(super) struct Incoming<'a> {
    pub(super) value: Value<'a>,
    /// The field as delivered, still escaped, where the value is not altered.
    pub(super) field: Option<&'a [u8]>,
}

/// Reads the rows of one load.
pub(super) struct Intake {
    columns: Vec<Column>,
    keys: usize,
    hasher: RowHasher,
}

impl Intake {
    pub(super) fn new(schema: &TableSchema) -> Self {
        let keys = key_count(schema);
        Self { columns: schema.columns.clone(), keys, hasher: RowHasher::new(keys) }
    }

    /// Reads a row, value by value, and counts it. Delete rows have values for their keys alone.
    ///
    /// False if the row has to be left out because its key is no value of its type: the row as a whole is
    /// then kept among the alterations.
    #[must_use]
    pub(super) fn read<'a, D: Dialect>(
        &mut self,
        row: Row<'a>,
        dialect: &D,
        staged: &mut Staged,
        altered: &mut Vec<Alteration>,
        mut put: impl FnMut(Incoming<'a>),
    ) -> bool {
        let delete = row.action() == Action::Delete;
        for (index, (column, field)) in self.columns.iter().zip(row.fields()).enumerate() {
            let field = field.filter(|_| !delete || index < self.keys);
            let incoming = match read_field(column, field, dialect) {
                Ok(value) => Incoming { value, field },
                Err(misfit) if index < self.keys => {
                    altered.push(left_out(row, column, &misfit.reason));
                    self.hasher.clear();
                    return false;
                }
                Err(misfit) => {
                    altered.push(alteration(row, column, field, misfit.reason));
                    Incoming { value: misfit.nearest, field: None }
                }
            };
            if incoming.value == Value::Null && column.required && !delete {
                relax(staged, column);
            }
            self.hasher.value(&incoming.value);
            put(incoming);
        }
        let hash = self.hasher.finish();
        if delete {
            staged.deletes += 1;
        } else {
            staged.upserts.add(hash);
        }
        true
    }
}

fn relax(staged: &mut Staged, column: &Column) {
    if !staged.relaxed.contains(&column.name) {
        staged.relaxed.insert(column.name.clone());
    }
}

fn read_field<'a, D: Dialect>(
    column: &Column,
    field: Option<&'a [u8]>,
    dialect: &D,
) -> Result<Value<'a>, Misfit<'a>> {
    let Some(field) = field else { return Ok(Value::Null) };
    match value::read(dialect.reads_as(column), unescape(field)) {
        Ok(value) => dialect.fit(column, value),
        Err(Misfit { reason, nearest }) => {
            let nearest = dialect.fit(column, nearest).unwrap_or_else(|misfit| misfit.nearest);
            Err(Misfit { reason, nearest })
        }
    }
}

fn alteration(row: Row<'_>, column: &Column, field: Option<&[u8]>, reason: String) -> Alteration {
    Alteration {
        key: key_text(row),
        column: column.name.clone(),
        reason,
        original: unescape(field.unwrap_or_default()).into_owned(),
    }
}

fn left_out(row: Row<'_>, column: &Column, reason: &str) -> Alteration {
    let fields: Vec<&[u8]> = row.fields().map(|field| field.unwrap_or(b"\\N")).collect();
    Alteration {
        key: key_text(row),
        column: column.name.clone(),
        reason: format!("{reason}; without a key the row cannot be stored and is kept here"),
        original: fields.join(&b'\t'),
    }
}

fn key_text(row: Row<'_>) -> String {
    String::from_utf8_lossy(&unescape(row.key().unwrap_or_default())).into_owned()
}

/// How many of the first columns are the key.
pub(super) fn key_count(schema: &TableSchema) -> usize {
    schema.columns.iter().filter(|column| column.key).count()
}
