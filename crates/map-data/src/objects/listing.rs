//! The objects with a prefix in the order of their keys, without holding them: as they are listed, or folder by folder.

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::runtime::Handle;

use super::words;

/// Takes an object; false if nobody wants more.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(ObjectMeta) -> Result<bool, String>;

/// What is listed. Its methods block.
pub(super) struct Listing<'l> {
    pub(super) store: &'l dyn ObjectStore,
    pub(super) runtime: &'l Handle,
    pub(super) prefix: &'l str,
}

/// An object of a folder, or a folder in it.
enum Entry {
    Object(ObjectMeta),
    Folder(Path),
}

impl Listing<'_> {
    /// The innermost folder that has all objects with the prefix.
    pub(super) fn folder(&self) -> Option<Path> {
        let (folder, _) = self.prefix.rsplit_once('/')?;
        Path::parse(folder).ok()
    }

    /// Of a store that lists its objects in the order of their keys.
    pub(super) fn stream(&self, visit: Visit<'_>) -> Result<(), String> {
        let folder = self.folder();
        let mut objects = match self.offset() {
            Some(offset) => self.store.list_with_offset(folder.as_ref(), &offset),
            None => self.store.list(folder.as_ref()),
        };
        while let Some(object) = self.runtime.block_on(objects.next()) {
            let object = object.map_err(|error| words(&error))?;
            let key = object.location.as_ref();
            if !key.starts_with(self.prefix) {
                if key > self.prefix {
                    return Ok(());
                }
            } else if !visit(object)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A key before the first one with the prefix, and after most of those that come before.
    fn offset(&self) -> Option<Path> {
        let name = self.prefix.rsplit('/').next()?;
        let mut before = self.prefix.to_owned();
        before.pop();
        (name.chars().count() > 1).then(|| Path::parse(before).ok())?
    }

    /// Folder by folder, of a store without an order; false if nobody wants more. One folder on the way down is held at a
    /// time, not what is beside it.
    pub(super) fn walk(&self, folder: Option<&Path>, visit: Visit<'_>) -> Result<bool, String> {
        for (_, entry) in self.entries(folder)? {
            let goes_on = match entry {
                Entry::Object(object) => visit(object)?,
                Entry::Folder(folder) => self.walk(Some(&folder), &mut *visit)?,
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a folder holds of the prefix, by key; the key of a folder ends with a `/`.
    fn entries(&self, folder: Option<&Path>) -> Result<Vec<(String, Entry)>, String> {
        let found = self.runtime.block_on(self.store.list_with_delimiter(folder));
        let found = found.map_err(|error| words(&error))?;
        let object = |it: ObjectMeta| (it.location.to_string(), Entry::Object(it));
        let folder = |it: Path| (format!("{it}/"), Entry::Folder(it));
        let objects = found.objects.into_iter().map(object);
        let all = objects.chain(found.common_prefixes.into_iter().map(folder));
        let mut entries: Vec<_> = all.filter(|(key, entry)| self.may_be(key, entry)).collect();
        entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Ok(entries)
    }

    fn may_be(&self, key: &str, entry: &Entry) -> bool {
        let leads_there = matches!(entry, Entry::Folder(_)) && self.prefix.starts_with(key);
        leads_there || key.starts_with(self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    const KEYS: [&str; 9] =
        ["a", "in", "in-b", "in/a", "in/a-b", "in/a/x", "in/a/y/z", "in/ab", "out/x"];

    fn listed(prefix: &str, max: usize, is_stream: bool) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = InMemory::new();
        for key in KEYS {
            runtime.block_on(store.put(&Path::from(key), "x".into())).unwrap();
        }
        let mut keys = Vec::new();
        let mut visit = |object: ObjectMeta| {
            keys.push(object.location.to_string());
            Ok(keys.len() < max)
        };
        let listing = Listing { store: &store, runtime: runtime.handle(), prefix };
        if is_stream {
            listing.stream(&mut visit).unwrap();
        } else {
            listing.walk(listing.folder().as_ref(), &mut visit).unwrap();
        }
        keys
    }

    #[test]
    fn keys_come_in_their_order_however_they_are_listed() {
        for prefix in ["", "a", "i", "in", "in/", "in/a", "in/a/", "in/ab", "in/b", "o", "x/y"] {
            let expected: Vec<_> = KEYS.into_iter().filter(|key| key.starts_with(prefix)).collect();
            for is_stream in [true, false] {
                assert_eq!(listed(prefix, 100, is_stream), expected, "{prefix} {is_stream}");
            }
        }
    }

    #[test]
    fn nobody_is_shown_more_than_wanted() {
        assert_eq!(listed("in", 3, true), ["in", "in-b", "in/a"]);
        assert_eq!(listed("in/", 2, false), ["in/a", "in/a-b"]);
    }
}
