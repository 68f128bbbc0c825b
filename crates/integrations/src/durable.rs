//! Files that are on disk, whole, under their name, when writing them returns.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file in one piece: it is on disk under the name `staging` before it has its own. Folders are made.
///
/// If it must be new, one that is there already is an error of the kind `AlreadyExists`; otherwise it is replaced.
pub(crate) fn write<'a>(
    path: &Path,
    staging: &Path,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    must_be_new: bool,
) -> io::Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::create(staging)?;
        pieces.into_iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()?;
        publish(staging, path, must_be_new)
    };
    let written = write();
    // Gone already, if it has become the file.
    let _ = std::fs::remove_file(staging);
    written
}

/// Gives a file that is on disk its name; what it is called before may be there still.
pub(crate) fn publish(staging: &Path, path: &Path, must_be_new: bool) -> io::Result<()> {
    if must_be_new { std::fs::hard_link(staging, path) } else { std::fs::rename(staging, path) }
}

/// Makes the names on the way from a folder to a file in it durable.
pub(crate) fn sync_folders(path: &Path, root: &Path) -> io::Result<()> {
    let mut folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    folders.try_for_each(|folder| File::open(folder)?.sync_all())
}
