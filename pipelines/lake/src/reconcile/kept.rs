//! What proofs leave in files of this machine: JSON that is whole or not there, and how long it stays.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwell_pipeline::HandlerError;

use super::proof::{DatasetProof, Status};

/// Nobody works any more in files that were not touched for so long: longer than a slice and its wait may take.
const ABANDONED: Duration = Duration::from_hours(24);

/// Keeps something as JSON; the file has its name once it is whole.
pub(super) fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), HandlerError> {
    let part = path.with_extension("part");
    let written = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&part, serde_json::to_vec(value)?)?;
        fs::rename(&part, path)
    };
    written().map_err(|error| unwritable(path, &error))
}

/// What was kept; nothing if it was not.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HandlerError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        HandlerError::Fatal(format!("{} cannot be read: {error}", path.display()))
    };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

pub(super) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Retryable(format!("{} cannot be written: {error}", path.display()))
}

pub(super) fn unremovable(path: &Path, error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Retryable(format!("{} cannot be removed: {error}", path.display()))
}

/// Removes a file or a folder with all that is in it; that it is not there is fine.
pub(super) fn remove(path: &Path) -> Result<(), HandlerError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(unremovable(path, &error))
        }
        _ => Ok(()),
    }
}

/// Removes the files of proofs that were broken off. Those of a proof that goes on elsewhere stay.
pub(super) fn remove_abandoned(spools: &Path, now: SystemTime) -> Result<(), HandlerError> {
    let is_abandoned = |path: &PathBuf| {
        newest(path).and_then(|it| now.duration_since(it).ok()).is_some_and(|age| age > ABANDONED)
    };
    entries(spools).filter(is_abandoned).try_for_each(|path| remove(&path))
}

/// Removes the files of proofs that are older than they are kept. The last proof of each dataset and its last one that
/// was equal stay, whatever their age, and so does what cannot be read.
pub(super) fn prune(
    proofs: &Path,
    kept_for: SignedDuration,
    now: Timestamp,
) -> Result<(), HandlerError> {
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let read = |path: PathBuf| {
        let proofs = load::<Vec<DatasetProof>>(&path).ok().flatten()?;
        let newest = proofs.iter().map(|proof| proof.checked_at).max()?;
        Some((newest, path, proofs))
    };
    let mut files: Vec<_> = entries(proofs).filter(is_json).filter_map(read).collect();
    files.sort_by(|(one, ..), (other, ..)| other.cmp(one));
    let (mut last, mut equal) = (HashSet::new(), HashSet::new());
    for (newest, path, proofs) in files {
        let mut is_needed = false;
        for proof in proofs {
            is_needed |= proof.status == Status::Equal && equal.insert(proof.dataset.clone());
            is_needed |= last.insert(proof.dataset);
        }
        if !is_needed && now.duration_since(newest) > kept_for {
            remove(&path)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// When something in a folder was written last.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = fs::metadata(path).and_then(|it| it.modified()).ok();
    let below = if path.is_dir() { entries(path).filter_map(|it| newest(&it)).max() } else { None };
    own.max(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_772_000_000, 0);

    fn proof(dataset: &str, status: Status, days_ago: i64) -> DatasetProof {
        let checked_at = NOW - SignedDuration::from_hours(24 * days_ago);
        DatasetProof { checked_at, ..DatasetProof::unknown(dataset, status, "") }
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries(folder).map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn old_proofs_go_but_for_the_last_one_and_the_last_equal_one_of_a_dataset() {
        let folder = tempfile::tempdir().unwrap();
        let keep = |name: &str, proofs: &[DatasetProof]| {
            save(&folder.path().join(name), &proofs).unwrap();
        };
        keep("new.json", &[proof("a", Status::Different, 1)]);
        keep("equal.json", &[proof("a", Status::Equal, 40)]);
        keep("older.json", &[proof("a", Status::Equal, 50), proof("a", Status::Different, 50)]);
        keep(
            "only.json",
            &[proof("b", Status::SourceUnavailable, 60), proof("a", Status::Equal, 60)],
        );
        fs::write(folder.path().join("broken.json"), "{").unwrap();
        fs::write(folder.path().join("being.part"), "{").unwrap();
        prune(folder.path(), SignedDuration::from_hours(14 * 24), NOW).unwrap();
        let left = ["being.part", "broken.json", "equal.json", "new.json", "only.json"];
        assert_eq!(names(folder.path()), left);
    }

    #[test]
    fn files_of_another_proof_go_only_once_nobody_works_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| save(&folder.path().join(name), &1).unwrap();
        touch("running/orders/first.json");
        let now = SystemTime::now();
        remove_abandoned(folder.path(), now + Duration::from_hours(23)).unwrap();
        assert_eq!(names(folder.path()), ["running"]);
        remove_abandoned(folder.path(), now + Duration::from_hours(25)).unwrap();
        assert!(names(folder.path()).is_empty());
        remove_abandoned(&folder.path().join("nowhere"), now).unwrap();
    }
}
