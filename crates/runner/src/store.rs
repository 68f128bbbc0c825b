//! Functions on disk: one folder for each, with `function.json` and the folders of its code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Refusal;
use crate::function::Function;

const FILE: &str = "function.json";

/// The folder of all functions that came through the Lambda API.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of one function.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// All functions. What an earlier process left half done is removed, and code that no function names any more.
    pub(crate) fn load(&self) -> io::Result<BTreeMap<String, Function>> {
        fs::create_dir_all(&self.folder)?;
        let functions = self.read()?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            match functions.get(entry.file_name().to_string_lossy().as_ref()) {
                Some(function) => forget_code(&entry.path(), function)?,
                // Its creation was never acknowledged, or its deletion was.
                None => remove_folder(&entry.path())?,
            }
        }
        Ok(functions)
    }

    /// All functions, with nothing changed.
    pub(crate) fn read(&self) -> io::Result<BTreeMap<String, Function>> {
        let mut functions = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten() {
            let text = match fs::read(entry?.path().join(FILE)) {
                Ok(text) => text,
                Err(error) if is_no_function(&error) => continue,
                Err(error) => return Err(error),
            };
            let function: Function = serde_json::from_slice(&text)?;
            functions.insert(function.name.clone(), function);
        }
        Ok(functions)
    }

    /// Keeps a function; what was kept before stays until this is on disk.
    pub(crate) fn save(&self, function: &Function) -> io::Result<()> {
        let folder = self.folder(&function.name);
        fs::create_dir_all(&folder)?;
        write(&folder.join(FILE), function)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Forgets a function. Its code stays for whoever runs it.
    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let folder = self.folder(name);
        fs::remove_file(folder.join(FILE))?;
        File::open(&folder)?.sync_all()
    }
}

/// A folder whose function never was, or no folder at all: file managers leave files of their own.
fn is_no_function(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Removes a folder with all that is in it, perhaps beside somebody who does the same: the code of a deleted function goes on
/// a thread of its own.
fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what is left of earlier code and of packages that were never unpacked.
fn forget_code(folder: &Path, function: &Function) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path != function.folder {
            fs::remove_dir_all(path)?;
        }
    }
    remove_unfinished(folder)
}

/// How the names of files begin that [`write`] has not finished.
const UNFINISHED: &str = ".unfinished-";

/// Removes files that an earlier process did not finish.
pub(crate) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Does work on disk, away from the threads that serve.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::service("work on disk broke off")))
}

/// Writes a file as a whole: a crash leaves the old one or the new one.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().expect("a file has a folder");
    let mut staging = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    staging.write_all(&serde_json::to_vec(value)?)?;
    staging.as_file().sync_all()?;
    staging.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file that [`write`] wrote.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
