//! The ledger as files: one JSON document per policy, and a manifest of what was written.
//!
//! Files appear by renaming, so that a reader never sees half of one, and stay untouched where nothing has changed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::StoreError;

/// Lists the files of the last export: `{"format": 1, "files": ["roles/a/b.json"]}`.
const MANIFEST: &str = "manifest.json";

/// How files of policies end.
const SUFFIX: &str = ".json";

const MANIFEST_FORMAT: u64 = 1;

/// One policy.
pub(super) struct Exported {
    pub(super) role: String,
    pub(super) policy: String,
    pub(super) document: String,
}

/// Writes the files, then removes those of the last export that are not among them.
pub(super) fn export(folder: &Path, policies: &[Exported]) -> Result<usize, StoreError> {
    let earlier = read_manifest(folder);
    let files: BTreeSet<_> = policies.iter().map(place).collect();
    // Before anything else: a file that is not listed would never be removed.
    write_manifest(folder, &files.union(&earlier).cloned().collect())?;
    for policy in policies {
        write(&folder.join(place(policy)), &pretty(&policy.document))?;
    }
    for gone in earlier.difference(&files) {
        remove(&folder.join(gone))?;
    }
    write_manifest(folder, &files)?;
    Ok(files.len())
}

fn place(policy: &Exported) -> String {
    format!("roles/{}/{}{SUFFIX}", folder_name(&policy.role), policy.policy)
}

/// A role may be named `..`, which is no folder of its own.
fn folder_name(role: &str) -> String {
    if role.chars().all(|c| c == '.') { role.replace('.', "%2E") } else { role.to_owned() }
}

fn pretty(document: &str) -> String {
    let value: Value = serde_json::from_str(document).expect("the ledger takes JSON only");
    format!("{value:#}\n")
}

/// The files of the last export; none if there was none, or if what is there is not ours.
fn read_manifest(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    let is_ours = manifest["format"] == MANIFEST_FORMAT;
    let files = manifest["files"].as_array().filter(|_| is_ours).into_iter().flatten();
    files.filter_map(Value::as_str).filter(|file| is_place(file)).map(str::to_owned).collect()
}

/// Whoever can edit the manifest must not have us remove anything else by it.
fn is_place(file: &str) -> bool {
    let parts: Vec<_> = file.split('/').collect();
    matches!(parts[..], ["roles", role, policy] if role != ".." && role != "." && policy.ends_with(SUFFIX))
}

fn write_manifest(folder: &Path, files: &BTreeSet<String>) -> Result<(), StoreError> {
    let manifest = json!({"format": MANIFEST_FORMAT, "files": files});
    write(&folder.join(MANIFEST), &format!("{manifest:#}\n"))
}

fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let write = || {
        if fs::read_to_string(path).is_ok_and(|found| found == text) {
            return Ok(());
        }
        let folder = path.parent().expect("every file lies in the folder of the export");
        fs::create_dir_all(folder)?;
        // No name of a policy has a `~`.
        let unfinished = path.with_extension("json~");
        fs::write(&unfinished, text)?;
        fs::rename(unfinished, path)
    };
    write().map_err(|source| StoreError::Export { path: path.to_owned(), source })
}

/// Removes a file, and the folder of its role if it was the last.
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Export { path: path.to_owned(), source })
        }
        _ => {
            // Stays if there is something in it.
            let _ = path.parent().map(fs::remove_dir);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(role: &str, policy: &str) -> Exported {
        let document = r#"{"Version":"2012-10-17"}"#.to_owned();
        Exported { role: role.to_owned(), policy: policy.to_owned(), document }
    }

    #[test]
    fn a_role_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        export(&folder.path().join("out"), &[policy("..", "p")]).unwrap();
        assert!(folder.path().join("out/roles/%2E%2E/p.json").is_file());
    }

    #[test]
    fn only_files_of_an_earlier_export_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        export(folder, &[policy("a", "p"), policy("b", "p")]).unwrap();
        fs::write(folder.join("roles/a/mine.json"), "{}").unwrap();
        assert_eq!(export(folder, &[policy("b", "p")]).unwrap(), 1);
        assert!(
            !folder.join("roles/a/p.json").exists() && folder.join("roles/a/mine.json").exists()
        );
        export(folder, &[]).unwrap();
        assert!(!folder.join("roles/b").exists());
    }

    #[test]
    fn an_edited_manifest_removes_nothing_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::write(folder.path().join("precious.json"), "{}").unwrap();
        let manifest =
            json!({"format": 1, "files": ["roles/../../precious.json", "../precious.json"]});
        fs::write(out.join(MANIFEST), manifest.to_string()).unwrap();
        export(&out, &[]).unwrap();
        assert!(folder.path().join("precious.json").exists());
    }
}
