//! The catalog in one JSON file for each database, beside the data, for people and other programs to read.
//!
//! Every change replaces the file as a whole and counts its revision up. Changes of several processes wait for each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Catalog, Error, Partition, Table, check_name, check_table, check_values};
use crate::durable;

/// Of the file; what was released stays readable.
const FORMAT: u32 = 1;

const SUFFIX: &str = ".catalog.json";

/// The catalog in a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EmbeddedCatalog {
    folder: Arc<PathBuf>,
}

/// What is in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    revision: u64,
    database: String,
    #[serde(default)]
    tables: BTreeMap<String, Entry>,
}

/// A table with its partitions, in the order of their values.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    table: Table,
    #[serde(default)]
    partitions: Vec<Partition>,
}

impl EmbeddedCatalog {
    /// The catalog in `folder`: database `raw` is the file `raw.catalog.json`. Nothing is made before the first database is.
    pub fn open(folder: impl AsRef<Path>) -> Self {
        Self { folder: Arc::new(folder.as_ref().to_owned()) }
    }

    /// The file of a database.
    pub fn file(&self, database: &str) -> PathBuf {
        self.folder.join(format!("{database}{SUFFIX}"))
    }

    async fn read<T: Send + 'static>(
        &self,
        database: &str,
        look: impl FnOnce(Contents) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        check_name(database)?;
        let (path, name) = (self.file(database), database.to_owned());
        blocking(move || look(load(&path)?.ok_or_else(|| no_database(&name))?)).await
    }

    /// Changes a database, whole or not at all.
    async fn change<T: Send + 'static>(
        &self,
        database: &str,
        change: impl FnOnce(&mut Contents) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        check_name(database)?;
        let (path, name) = (self.file(database), database.to_owned());
        blocking(move || {
            let _lock = lock(&path)?;
            let mut database = load(&path)?.ok_or_else(|| no_database(&name))?;
            let outcome = change(&mut database)?;
            save(&path, &mut database)?;
            Ok(outcome)
        })
        .await
    }
}

#[async_trait]
impl Catalog for EmbeddedCatalog {
    async fn ensure_database(&self, database: &str) -> Result<(), Error> {
        check_name(database)?;
        let (path, database) = (self.file(database), database.to_owned());
        blocking(move || {
            let _lock = lock(&path)?;
            if load(&path)?.is_some() {
                return Ok(());
            }
            let tables = BTreeMap::new();
            save(&path, &mut Contents { format: FORMAT, revision: 0, database, tables })
        })
        .await
    }

    async fn get_table(&self, database: &str, table: &str) -> Result<Option<Table>, Error> {
        let table = table.to_owned();
        self.read(database, move |mut it| Ok(it.tables.remove(&table).map(|it| it.table))).await
    }

    async fn list_tables(&self, database: &str) -> Result<Vec<String>, Error> {
        self.read(database, |it| Ok(it.tables.into_keys().collect())).await
    }

    async fn create_table(&self, database: &str, table: &Table) -> Result<(), Error> {
        check_table(table)?;
        let table = table.clone();
        self.change(database, move |database| {
            if database.tables.contains_key(&table.name) {
                return Err(Error::AlreadyExists { table: table.name });
            }
            let entry = Entry { table: table.clone(), partitions: Vec::new() };
            database.tables.insert(table.name, entry);
            Ok(())
        })
        .await
    }

    async fn update_table(&self, database: &str, table: &Table) -> Result<(), Error> {
        check_table(table)?;
        let table = table.clone();
        self.change(database, move |database| {
            let entry = database.entry(&table.name)?;
            entry.table = table;
            Ok(())
        })
        .await
    }

    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>, Error> {
        let table = table.to_owned();
        self.read(database, move |mut database| {
            let found = database.tables.remove(&table);
            found.map(|it| it.partitions).ok_or_else(|| no_table(&table))
        })
        .await
    }

    async fn create_partitions(
        &self,
        database: &str,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<Vec<String>>, Error> {
        let (table, partitions) = (table.to_owned(), partitions.to_vec());
        self.change(database, move |database| {
            let entry = database.entry(&table)?;
            let mut existing = Vec::new();
            for partition in partitions {
                check_values(&entry.table, &partition.values)?;
                match entry.place(&partition.values) {
                    Ok(_) => existing.push(partition.values),
                    Err(place) => entry.partitions.insert(place, partition),
                }
            }
            Ok(existing)
        })
        .await
    }

    async fn update_partition(
        &self,
        database: &str,
        table: &str,
        partition: &Partition,
    ) -> Result<(), Error> {
        let (table, partition) = (table.to_owned(), partition.clone());
        self.change(database, move |database| {
            let entry = database.entry(&table)?;
            check_values(&entry.table, &partition.values)?;
            let place = entry.place(&partition.values);
            let place = place.map_err(|_| no_partition(&table, &partition.values))?;
            entry.partitions[place] = partition;
            Ok(())
        })
        .await
    }

    async fn delete_partitions(
        &self,
        database: &str,
        table: &str,
        values: &[Vec<String>],
    ) -> Result<(), Error> {
        let (table, values) = (table.to_owned(), values.to_vec());
        self.change(database, move |database| {
            database.entry(&table)?.partitions.retain(|it| !values.contains(&it.values));
            Ok(())
        })
        .await
    }
}

impl Contents {
    fn entry(&mut self, table: &str) -> Result<&mut Entry, Error> {
        self.tables.get_mut(table).ok_or_else(|| no_table(table))
    }
}

impl Entry {
    /// Where a partition is, or where it belongs.
    fn place(&self, values: &[String]) -> Result<usize, usize> {
        self.partitions.binary_search_by(|it| it.values.as_slice().cmp(values))
    }
}

pub(super) fn no_database(database: &str) -> Error {
    Error::NotFound { entity: format!("database `{database}`") }
}

pub(super) fn no_table(table: &str) -> Error {
    Error::NotFound { entity: format!("table `{table}`") }
}

pub(super) fn no_partition(table: &str, values: &[String]) -> Error {
    Error::NotFound { entity: format!("partition `{}` of table `{table}`", values.join("/")) }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => unreachable!("a blocking task that has begun is not cancelled"),
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File { path: path.to_owned(), source }
}

/// Holds other changes of the same database off, in this process and in others, until it is dropped.
///
/// On a file of its own: that of the database is another one after each change.
fn lock(path: &Path) -> Result<File, Error> {
    let path = path.with_extension("lock");
    let lock = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options().append(true).create(true).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(failed(&path))
}

/// The file of a database, if it is there.
fn load(path: &Path) -> Result<Option<Contents>, Error> {
    #[derive(Deserialize)]
    struct OnlyFormat {
        format: u32,
    }
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(failed(path))?,
    };
    let unreadable = |problem: String| Error::Unreadable { path: path.to_owned(), problem };
    let read = |error: serde_json::Error| unreadable(error.to_string());
    let OnlyFormat { format } = serde_json::from_slice(&text).map_err(read)?;
    if format != FORMAT {
        return Err(unreadable(format!("it has format {format}, this stepwell knows {FORMAT}")));
    }
    serde_json::from_slice(&text).map_err(read).map(Some)
}

fn save(path: &Path, database: &mut Contents) -> Result<(), Error> {
    database.revision += 1;
    let mut text = serde_json::to_vec_pretty(database).expect("a catalog is JSON");
    text.push(b'\n');
    let save = || {
        durable::write(path, &path.with_extension("json~"), [&text[..]], false)?;
        let folder = path.parent().expect("every file lies in the catalog's folder");
        durable::sync_folders(path, folder)
    };
    save().map_err(failed(path))
}
