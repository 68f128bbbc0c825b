//! Log files: one a day, in UTC, kept for so many days.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Span, Timestamp, tz};

use crate::config::Logs;
use crate::failure::{Exit, Failure, Outcome, WRITABLE};

/// `stepwell-2026-03-01.log`
const PREFIX: &str = "stepwell-";
const SUFFIX: &str = ".log";

/// The file of the day. The others go when a day begins.
#[derive(Debug)]
pub(crate) struct Daily {
    folder: PathBuf,
    /// 0: for ever.
    retention_days: u32,
    today: Date,
    file: File,
}

impl Daily {
    /// Opens the file of the day and deletes those that are too old.
    pub(crate) fn open(root: &Path, logs: &Logs, now: Timestamp) -> Outcome<Option<Self>> {
        let Some(folder) = &logs.folder else { return Ok(None) };
        let folder = root.join(folder);
        let today = date_of(now);
        let file = std::fs::create_dir_all(&folder).and_then(|()| file_of(&folder, today));
        let file = file.map_err(|error| {
            let message = format!("no log can be written in `{}`: {error}", folder.display());
            Failure::message(Exit::Unavailable, message).hint(WRITABLE)
        })?;
        let daily = Self { folder, retention_days: logs.retention_days, today, file };
        daily.forget();
        Ok(Some(daily))
    }

    /// Writes at a time. Where a new file cannot be made, the one of the day before goes on.
    fn write_at(&mut self, bytes: &[u8], now: Timestamp) -> io::Result<()> {
        let today = date_of(now);
        if today != self.today
            && let Ok(file) = file_of(&self.folder, today)
        {
            (self.file, self.today) = (file, today);
            self.forget();
        }
        self.file.write_all(bytes)
    }

    /// Deletes the files whose days are over; other files are nobody's business here.
    fn forget(&self) {
        let kept = Span::new().try_days(self.retention_days).ok().filter(|it| !it.is_zero());
        let Some(first) = kept.and_then(|kept| self.today.checked_sub(kept).ok()) else { return };
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for file in files {
            if day_of(&file.file_name().to_string_lossy()).is_some_and(|day| day <= first) {
                // It is tried again tomorrow.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

impl Write for Daily {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_at(bytes, Timestamp::now())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn date_of(now: Timestamp) -> Date {
    tz::Offset::UTC.to_datetime(now).date()
}

fn file_of(folder: &Path, day: Date) -> io::Result<File> {
    let path = folder.join(format!("{PREFIX}{day}{SUFFIX}"));
    OpenOptions::new().create(true).append(true).open(path)
}

fn day_of(name: &str) -> Option<Date> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn names(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).expect("it is there");
        let name = |file: io::Result<std::fs::DirEntry>| {
            file.expect("a file").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = files.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join("logs"), "").expect("a file");
        let logs = Logs { folder: Some("logs".into()), retention_days: 14 };
        let failure = Daily::open(root.path(), &logs, time("2026-03-01T12:00:00Z"));
        assert!(failure.expect_err("a file is in its place").text().contains("no log can be"));
    }

    #[test]
    fn every_day_has_its_file_and_old_ones_go() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("logs");
        std::fs::create_dir(&folder).expect("a folder");
        for name in ["stepwell-2026-02-15.log", "stepwell-2026-02-16.log", "stepwell-notes.log"] {
            std::fs::write(folder.join(name), "old").expect("a file");
        }
        let logs = Logs { folder: Some("logs".into()), retention_days: 14 };
        let daily = Daily::open(root.path(), &logs, time("2026-03-01T23:59:59Z"));
        let mut daily = daily.expect("it is opened").expect("a folder is configured");
        daily.write_at(b"one\n", time("2026-03-01T23:59:59Z")).expect("it is written");
        assert_eq!(
            names(&folder),
            ["stepwell-2026-02-16.log", "stepwell-2026-03-01.log", "stepwell-notes.log"]
        );
        daily.write_at(b"two\n", time("2026-03-02T00:00:00Z")).expect("it is written");
        assert_eq!(
            names(&folder),
            ["stepwell-2026-03-01.log", "stepwell-2026-03-02.log", "stepwell-notes.log"]
        );
        let text = std::fs::read_to_string(folder.join("stepwell-2026-03-02.log"));
        assert_eq!(text.expect("it is there"), "two\n");
    }
}
