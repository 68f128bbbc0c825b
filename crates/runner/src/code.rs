//! Packages of code: a zip file becomes a folder, or nothing.

use std::fs::{self, File};
use std::io::{self, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::error::Refusal;
use crate::function::{Function, LIMITS};

/// Files in one package.
const FILES_MAX: usize = 100_000;

/// Tells of which package the code of a function is: SHA-256 in base64, and bytes.
pub(crate) fn describe(function: &mut Function, package: &[u8]) {
    function.code_sha256 = STANDARD.encode(Sha256::digest(package));
    function.code_bytes = package.len() as u64;
}

/// Unpacks a package into a new folder below `parent`, which goes with what is returned unless it is kept.
///
/// All of it is on disk when this returns. No file lands outside of the folder, links are refused, and so is what
/// unpacks to more than Lambda allows.
///
/// # Errors
/// `InvalidParameterValueException` for what is no such package.
pub(crate) fn unpack(package: &[u8], parent: &Path) -> Result<TempDir, Refusal> {
    let mut archive = ZipArchive::new(Cursor::new(package)).map_err(|_| not_unzipped())?;
    check(&mut archive)?;
    fs::create_dir_all(parent)?;
    let folder = tempfile::Builder::new().prefix("code-").tempdir_in(parent)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|_| not_unzipped())?;
        extract(&mut file, folder.path())?;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    sync(folder.path())?;
    File::open(parent)?.sync_all()?;
    Ok(folder)
}

/// The only folder below `parent`, with what is in the package; unpacked if it is not there yet.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn unpack_once(package: &[u8], parent: &Path) -> Result<PathBuf, Refusal> {
    let name = hex::encode(&Sha256::digest(package)[..16]);
    let folder = parent.join(format!("whole-{name}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    if parent.exists() {
        fs::remove_dir_all(parent)?;
    }
    let unpacked = unpack(package, parent)?;
    fs::rename(unpacked.keep(), &folder)?;
    File::open(parent)?.sync_all()?;
    Ok(folder)
}

/// Brings a folder with all that is in it to disk, once everything is written: the system has done much of it by then.
fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn check(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), Refusal> {
    if archive.is_empty() {
        return Err(Refusal::invalid_parameter("Uploaded file must be a non-empty zip"));
    }
    let mut bytes = 0u64;
    for index in 0..archive.len() {
        bytes = bytes.saturating_add(archive.by_index(index).map_err(|_| not_unzipped())?.size());
    }
    if bytes > LIMITS.code_bytes_max || archive.len() > FILES_MAX {
        return Err(Refusal::invalid_parameter(format!(
            "Unzipped size must be smaller than {} bytes",
            LIMITS.code_bytes_max
        )));
    }
    Ok(())
}

fn extract(file: &mut ZipFile<'_, Cursor<&[u8]>>, folder: &Path) -> Result<(), Refusal> {
    let inside = file.enclosed_name().filter(|_| !file.is_symlink());
    let Some(inside) = inside else {
        return Err(Refusal::invalid_parameter(format!(
            "Could not unzip uploaded file: the entry {:?} leads out of it or is a link",
            file.name()
        )));
    };
    let path = folder.join(inside);
    if file.is_dir() {
        return Ok(fs::create_dir_all(path)?);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = file.unix_mode().unwrap_or(0o644) & 0o777 | 0o600;
    let size = file.size();
    let mut target = File::create_new(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => not_unzipped(),
        _ => error.into(),
    })?;
    // A size that lies must not fill the disk.
    let copied =
        io::copy(&mut io::Read::take(file, size + 1), &mut target).map_err(|_| not_unzipped())?;
    if copied != size {
        return Err(not_unzipped());
    }
    Ok(target.set_permissions(fs::Permissions::from_mode(mode))?)
}

fn not_unzipped() -> Refusal {
    Refusal::invalid_parameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn package(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_package_becomes_a_folder_that_can_go_again() {
        let parent = tempfile::tempdir().unwrap();
        let package = package(&[("a/handler.py", "x"), ("bootstrap", "y")]);
        let folder = unpack(&package, parent.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a/handler.py")).unwrap(), "x");
        assert!(crate::runtime::is_executable(&folder.path().join("bootstrap")));
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_unpacked_once_takes_the_place_of_what_was_before() {
        let parent = tempfile::tempdir().unwrap();
        let code = parent.path().join("code");
        let (old, new) = (package(&[("a.py", "old")]), package(&[("a.py", "new")]));
        let before = unpack_once(&old, &code).unwrap();
        assert_eq!(unpack_once(&old, &code).unwrap(), before);
        let after = unpack_once(&new, &code).unwrap();
        assert_eq!(fs::read_to_string(after.join("a.py")).unwrap(), "new");
        assert_eq!(fs::read_dir(&code).unwrap().count(), 1);
    }

    #[test]
    fn nothing_lands_outside_and_nothing_remains() {
        let parent = tempfile::tempdir().unwrap();
        let state = parent.path().join("state");
        for name in ["../evil.py", "a/../../evil.py", "/evil.py/../../x"] {
            let package = package(&[("ok.py", "x"), (name, "evil")]);
            let refusal = unpack(&package, &state).unwrap_err();
            assert_eq!(refusal.code, "InvalidParameterValueException", "{name}");
            assert_eq!(fs::read_dir(&state).unwrap().count(), 0, "{name}");
        }
        assert!(!parent.path().join("evil.py").exists());
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for package in [b"".to_vec(), b"no zip".to_vec(), package(&[])] {
            assert!(unpack(&package, parent.path()).is_err());
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        let package = writer.finish().unwrap().into_inner();
        assert!(unpack(&package, parent.path()).unwrap_err().message.contains("link"));
    }
}
