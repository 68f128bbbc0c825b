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
        let mut file = create(staging)?;
        pieces.into_iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()?;
        publish(staging, path, must_be_new)
    };
    let written = write();
    // Gone already, if it has become the file.
    let _ = std::fs::remove_file(staging);
    written
}

/// How often a folder is made again that somebody else removes: whoever deletes the last object in one removes it.
const ATTEMPTS_MAX: usize = 100;

/// Creates a file; from then on nobody removes its folder.
fn create(path: &Path) -> io::Result<File> {
    let create = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::create(path)
    };
    // Making folders fails with either where one of them goes meanwhile.
    let is_settled = |created: &io::Result<File>| {
        let kind = created.as_ref().err().map(io::Error::kind);
        !matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists))
    };
    (0..ATTEMPTS_MAX).map(|_| create()).find(is_settled).unwrap_or_else(create)
}

/// Gives a file that is on disk its name; what it is called before may be there still.
pub(crate) fn publish(staging: &Path, path: &Path, must_be_new: bool) -> io::Result<()> {
    if must_be_new { std::fs::hard_link(staging, path) } else { std::fs::rename(staging, path) }
}

/// Makes the names on the way from a folder to a file in it durable. What has been deleted since has none.
pub(crate) fn sync_folders(path: &Path, root: &Path) -> io::Result<()> {
    let mut folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    folders.try_for_each(|folder| match File::open(folder).and_then(|it| it.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const FILES: u32 = 500;

    #[test]
    fn a_file_is_written_though_somebody_removes_its_folder_again_and_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        // Which file is written; somebody removes the folders once meanwhile.
        let turn = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = 0;
                while last < FILES {
                    let _ = std::fs::remove_dir(&folder);
                    let _ = std::fs::remove_dir(folder.parent().unwrap());
                    while turn.load(Ordering::Relaxed) == last {
                        std::thread::yield_now();
                    }
                    last = turn.load(Ordering::Relaxed);
                }
            });
            let write = || {
                for number in 0..FILES {
                    turn.store(number, Ordering::Relaxed);
                    let (path, staging) = (folder.join("c"), folder.join(format!("c#{number}")));
                    write(&path, &staging, [&b"x"[..]], false)?;
                    std::fs::remove_file(&path)?;
                    sync_folders(&path, root.path())?;
                }
                Ok::<_, io::Error>(())
            };
            let written = write();
            turn.store(FILES, Ordering::Relaxed);
            written.unwrap();
        });
    }
}
