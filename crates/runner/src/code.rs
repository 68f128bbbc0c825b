//! Packages of code: a zip file becomes a folder, or nothing.

use std::fs::{self, File};
use std::io::{self, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::error::Refusal;
use crate::function::LIMITS;

/// Files in one package.
const FILES_MAX: usize = 100_000;

/// The SHA-256 of a package in base64, as Lambda shows it.
pub(crate) fn sha256(package: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(package))
}

/// Unpacks a package below `parent` and gives its folder, which is named by what it holds.
///
/// The folder is there as a whole or not at all. No file lands outside of it, links are refused, and so is what
/// unpacks to more than Lambda allows.
///
/// # Errors
/// `InvalidParameterValueException` for what is no such package.
pub(crate) fn unpack(package: &[u8], parent: &Path) -> Result<PathBuf, Refusal> {
    let name = hex::encode(&Sha256::digest(package)[..16]);
    let folder = parent.join(format!("code-{name}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let mut archive = ZipArchive::new(Cursor::new(package)).map_err(|_| not_unzipped())?;
    check(&mut archive)?;
    fs::create_dir_all(parent)?;
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|_| not_unzipped())?;
        extract(&mut file, staging.path())?;
    }
    fs::set_permissions(staging.path(), fs::Permissions::from_mode(0o755))?;
    fs::rename(staging.path(), &folder)?;
    // It has moved: there is nothing to remove.
    let _ = staging.keep();
    File::open(parent)?.sync_all()?;
    Ok(folder)
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
    target.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(target.sync_all()?)
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
    fn a_package_becomes_a_folder_once() {
        let parent = tempfile::tempdir().unwrap();
        let package = package(&[("a/handler.py", "x"), ("bootstrap", "y")]);
        let folder = unpack(&package, parent.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a/handler.py")).unwrap(), "x");
        assert!(crate::runtime::is_executable(&folder.join("bootstrap")));
        assert_eq!(unpack(&package, parent.path()).unwrap(), folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
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
