//! The catalog of a data lake: which tables there are, of which columns, and where each partition lies.
//!
//! A table or partition is written as a whole, in one step: readers see it as it was or as it is.

mod aws;
mod embedded;
mod table;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::aws::{CallError, Service};

pub use aws::AwsCatalog;
pub use embedded::EmbeddedCatalog;
pub use table::{Column, Format, Partition, SerdeInfo, Storage, Table};

/// For operations that [`Catalog`] does not have.
pub const SERVICE: Service =
    Service { id: "Glue", signing_name: "glue", target_prefix: "AWSGlue", json_version: "1.1" };

/// Source: Glue API reference, `Database` and `TableInput`.
const NAME_CHARACTERS_MAX: usize = 255;

/// A catalog of databases, their tables and the partitions of these.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync {
    /// Makes a database unless it is there. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    async fn ensure_database(&self, database: &str) -> Result<(), Error>;

    /// A table, if it is there.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such database.
    async fn get_table(&self, database: &str, table: &str) -> Result<Option<Table>, Error>;

    /// The names of all tables, sorted.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such database.
    async fn list_tables(&self, database: &str) -> Result<Vec<String>, Error>;

    /// Makes a table.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotFound`], [`Error::Invalid`]
    async fn create_table(&self, database: &str, table: &Table) -> Result<(), Error>;

    /// Replaces the whole of a table; its partitions stay as they are. No version is kept of what it was. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Concurrent`], [`Error::Invalid`]
    async fn update_table(&self, database: &str, table: &Table) -> Result<(), Error>;

    /// All partitions of a table, sorted by their values.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>, Error>;

    /// Makes any number of partitions and leaves those that are there; returns the values of these. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]; some may be made.
    async fn create_partitions(
        &self,
        database: &str,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<Vec<String>>, Error>;

    /// Replaces a partition: readers find its new location from now on. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Concurrent`], [`Error::Invalid`]
    async fn update_partition(
        &self,
        database: &str,
        table: &str,
        partition: &Partition,
    ) -> Result<(), Error>;

    /// Takes partitions out of the catalog; their files stay. Those that are not there are passed over. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    async fn delete_partitions(
        &self,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> Result<(), Error>;
}

/// What a catalog can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `EntityNotFoundException`
    #[error("there is no {entity} in the catalog; create it or correct its name")]
    NotFound {
        /// `` database `raw` ``
        entity: String,
    },
    /// `AlreadyExistsException`
    #[error("there is already a table `{table}` in the catalog")]
    AlreadyExists {
        /// Its name.
        table: String,
    },
    /// `InvalidInputException`
    #[error("the catalog does not take it: {message}")]
    Invalid {
        /// What is wrong.
        message: String,
    },
    /// `ConcurrentModificationException`: somebody else changes the same.
    #[error("somebody else is changing {entity} in the catalog; try again")]
    Concurrent {
        /// `` table `orders` ``
        entity: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The file of the embedded catalog cannot be used.
    #[error("failed to use the catalog `{}`: {source}; check that the folder can be written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The file of the embedded catalog is not one, or of a later stepwell.
    #[error("`{}` is no catalog that can be read: {problem}; restore it or remove it, the next run makes it anew", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Concurrent { .. } | Self::File { .. } => true,
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Invalid { .. }
            | Self::Unreadable { .. } => false,
        }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }
}

/// A name of a database or table. Glue folds capital letters, so that two names would become one.
fn check_name(name: &str) -> Result<(), Error> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if (1..=NAME_CHARACTERS_MAX).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{name}` is not 1 to {NAME_CHARACTERS_MAX} small letters, digits and `_`"
    )))
}

fn check_table(table: &Table) -> Result<(), Error> {
    check_name(&table.name)?;
    let mut names: Vec<_> =
        table.storage.columns.iter().chain(&table.partition_keys).map(|it| &it.name).collect();
    names.sort_unstable();
    if let Some([name, ..]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(format!("`{}` has two columns `{name}`", table.name)));
    }
    Ok(())
}

/// The values of a partition are those of the table's keys.
fn check_values(table: &Table, values: &[String]) -> Result<(), Error> {
    let (expected, found) = (table.partition_keys.len(), values.len());
    if expected != found {
        return Err(Error::invalid(format!(
            "a partition of `{}` has {expected} values, not {found}",
            table.name
        )));
    }
    if values.iter().any(String::is_empty) {
        return Err(Error::invalid(format!("a partition of `{}` has an empty value", table.name)));
    }
    Ok(())
}
