//! The log of a function: files that are bounded in size and in age.
//!
//! `<folder>/<name>/<day>.log`; a file that is full becomes `<day>.log.1`, of which one is kept. What one
//! invocation writes beyond its share is read and dropped, with a line that says so.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// What one invocation may write.
pub(crate) const INVOCATION_BYTES_MAX: usize = 4 << 20;
/// What `LogType: Tail` shows.
pub(crate) const TAIL_BYTES: usize = 4096;

/// The log of one function.
pub(crate) struct Log {
    folder: PathBuf,
    retention: Duration,
    open: Mutex<Option<Open>>,
}

struct Open {
    day: String,
    file: File,
    bytes: u64,
}

impl Log {
    pub(crate) fn new(folder: PathBuf, retention: Duration) -> Self {
        Self { folder, retention, open: Mutex::default() }
    }

    /// Appends. A log that cannot be written is told to the operator and stops no function.
    pub(crate) fn write(&self, text: &[u8], now: Timestamp) {
        if let Err(error) = self.try_write(text, now) {
            tracing::warn!(folder = %self.folder.display(), %error, "the log of a function cannot be written");
        }
    }

    fn try_write(&self, text: &[u8], now: Timestamp) -> std::io::Result<()> {
        let mut open = self.open.lock().expect("no holder of the lock panics");
        let day = now.strftime("%Y-%m-%d").to_string();
        let is_current = |it: &Open| it.day == day && it.bytes < FILE_BYTES_MAX;
        if !open.as_ref().is_some_and(is_current) {
            *open = Some(self.next_file(&day, now)?);
        }
        let open = open.as_mut().expect("it was opened above");
        open.file.write_all(text)?;
        open.bytes += text.len() as u64;
        Ok(())
    }

    fn next_file(&self, day: &str, now: Timestamp) -> std::io::Result<Open> {
        fs::create_dir_all(&self.folder)?;
        self.forget_old(now);
        let path = self.folder.join(format!("{day}.log"));
        if path.metadata().is_ok_and(|it| it.len() >= FILE_BYTES_MAX) {
            fs::rename(&path, self.folder.join(format!("{day}.log.1")))?;
        }
        // What functions say of their work is nobody else's, whatever the folder allows.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Open { day: day.to_owned(), file, bytes })
    }

    fn forget_old(&self, now: Timestamp) {
        let Ok(oldest) = now.checked_sub(self.retention) else { return };
        let oldest = oldest.strftime("%Y-%m-%d").to_string();
        for file in files(&self.folder) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.as_str() < oldest.as_str() {
                let _ = fs::remove_file(file);
            }
        }
    }
}

/// The files of a log, oldest first.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    // `.log.1` is older than `.log` of the same day.
    files.sort_by_key(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name.chars().take(10).collect::<String>(), !name.ends_with(".1"))
    });
    files
}

/// The end of what one invocation wrote.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    written: usize,
}

impl Tail {
    /// Takes in a piece and gives what of it is within the share of the invocation.
    pub(crate) fn take<'t>(&mut self, piece: &'t [u8]) -> &'t [u8] {
        let room = INVOCATION_BYTES_MAX.saturating_sub(self.written);
        self.written += piece.len();
        self.bytes.extend_from_slice(&piece[piece.len().saturating_sub(TAIL_BYTES)..]);
        let surplus = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.bytes.drain(..surplus);
        &piece[..piece.len().min(room)]
    }

    /// Bytes that were beyond the share.
    pub(crate) fn dropped(&self) -> usize {
        self.written.saturating_sub(INVOCATION_BYTES_MAX)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn old_files_go_and_full_ones_turn() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("2026-01-01.log"), "old").unwrap();
        File::create(path("2026-11-30.log")).unwrap().set_len(FILE_BYTES_MAX).unwrap();
        let log = Log::new(folder.path().to_owned(), Duration::from_hours(14 * 24));
        log.write(b"new\n", "2026-11-30T12:00:00Z".parse().unwrap());
        assert_eq!(files(folder.path()), [path("2026-11-30.log.1"), path("2026-11-30.log")]);
        assert_eq!(fs::read_to_string(path("2026-11-30.log")).unwrap(), "new\n");
        let mode = path("2026-11-30.log").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_tail_is_the_end_and_the_share_is_bounded() {
        let mut tail = Tail::default();
        assert_eq!(tail.take(b"begin").len(), 5);
        let flood = vec![b'x'; INVOCATION_BYTES_MAX];
        assert_eq!(tail.take(&flood).len(), INVOCATION_BYTES_MAX - 5);
        assert_eq!(tail.take(b"end").len(), 0);
        assert_eq!(tail.dropped(), 8);
        let bytes = tail.into_bytes();
        assert_eq!((bytes.len(), bytes.ends_with(b"xend")), (TAIL_BYTES, true));
    }
}
