//! The encrypted store of secrets in a project's folder.
//!
//! Two files: `secrets.key` holds a random key, `secrets.json` the values, each sealed with ChaCha20-Poly1305
//! under a nonce of its own and bound to its name, so that two entries cannot be exchanged. A copy of
//! `secrets.json` without the key tells the names and lengths of secrets, nothing more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::private;

/// The format of `secrets.json`. A number, once written, is never used for another format.
const FORMAT: u32 = 1;

/// The secrets of one project.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    folder: PathBuf,
}

/// Why the store of secrets could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error("the file `{}` cannot be used: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the file `{}` can be read by others: `chmod 600` it and change its secrets", path.display())]
    Exposed { path: PathBuf },
    #[error("the file `{}` is damaged: restore it, or remove it and set the secrets again", path.display())]
    Damaged { path: PathBuf },
    #[error("the file `{}` has format {found}, this stepwell reads {FORMAT}: use the newer one", path.display())]
    TooNew { path: PathBuf, found: u32 },
    #[error("the secret `{name}` does not open with the key in `{}`: set it again", key.display())]
    Sealed { name: String, key: PathBuf },
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    format: u32,
    /// Base64 of nonce and sealed value, by name.
    secrets: BTreeMap<String, String>,
}

impl Vault {
    /// The secrets in `folder`, which need not exist yet.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The value of a secret.
    pub(crate) fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        let content = self.read()?;
        let Some(sealed) = content.secrets.get(name) else {
            return Ok(None);
        };
        let key = self.key()?.ok_or_else(|| self.wrong_key(name))?;
        open(&key, name, sealed).map(Some).ok_or_else(|| self.wrong_key(name))
    }

    /// The names of all secrets.
    pub(crate) fn names(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.read()?.secrets.into_keys().collect())
    }

    /// Adds or replaces a secret. True if it replaced one.
    pub(crate) fn set(&self, name: &str, value: &SecretString) -> Result<bool, VaultError> {
        let mut content = self.read()?;
        let key = match self.key()? {
            Some(key) => key,
            None => self.create_key()?,
        };
        let replaced = content.secrets.insert(name.to_owned(), seal(&key, name, value)).is_some();
        self.write(&content)?;
        Ok(replaced)
    }

    /// Removes a secret. False if there was none.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, VaultError> {
        let mut content = self.read()?;
        let removed = content.secrets.remove(name).is_some();
        if removed {
            self.write(&content)?;
        }
        Ok(removed)
    }

    fn content_path(&self) -> PathBuf {
        self.folder.join("secrets.json")
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("secrets.key")
    }

    fn read(&self) -> Result<Content, VaultError> {
        let path = self.content_path();
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(Content { format: FORMAT, ..Content::default() });
        };
        let content: Content = serde_json::from_slice(&bytes)
            .map_err(|_| VaultError::Damaged { path: path.clone() })?;
        if content.format > FORMAT {
            return Err(VaultError::TooNew { path, found: content.format });
        }
        Ok(content)
    }

    fn write(&self, content: &Content) -> Result<(), VaultError> {
        let path = self.content_path();
        let text = serde_json::to_vec_pretty(content).expect("text keys and values are JSON");
        private::write(&path, &text).map_err(|source| VaultError::File { path, source })
    }

    fn key(&self) -> Result<Option<LessSafeKey>, VaultError> {
        let path = self.key_path();
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(None);
        };
        if private::is_exposed(&path)
            .map_err(|source| VaultError::File { path: path.clone(), source })?
        {
            return Err(VaultError::Exposed { path });
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .map_err(|_| VaultError::Damaged { path })?;
        Ok(Some(LessSafeKey::new(key)))
    }

    fn create_key(&self) -> Result<LessSafeKey, VaultError> {
        let path = self.key_path();
        let bytes: [u8; 32] = random();
        private::write(&path, &bytes).map_err(|source| VaultError::File { path, source })?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .expect("the key has the algorithm's length");
        Ok(LessSafeKey::new(key))
    }

    fn wrong_key(&self, name: &str) -> VaultError {
        VaultError::Sealed { name: name.to_owned(), key: self.key_path() }
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(VaultError::File { path: path.to_owned(), source }),
    }
}

fn seal(key: &LessSafeKey, name: &str, value: &SecretString) -> String {
    let nonce: [u8; NONCE_LEN] = random();
    let mut sealed = value.expose_secret().as_bytes().to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut sealed)
        .expect("a secret is far shorter than the cipher's limit");
    STANDARD.encode([&nonce[..], &sealed].concat())
}

fn open(key: &LessSafeKey, name: &str, sealed: &str) -> Option<SecretString> {
    let mut bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let value = key.open_in_place(nonce, Aad::from(name), sealed).ok()?;
    String::from_utf8(value.to_vec()).ok().map(SecretString::from)
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::in_folder(folder.path().join("state"));
        (folder, vault)
    }

    fn value(vault: &Vault, name: &str) -> Option<String> {
        vault.get(name).unwrap().map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn what_is_set_is_got_and_sealed_on_disk() {
        let (folder, vault) = vault();
        assert!(!vault.set("a/b", &"hunter2-hunter2".into()).unwrap());
        assert!(vault.set("a/b", &"correct horse".into()).unwrap());
        assert_eq!(value(&vault, "a/b").as_deref(), Some("correct horse"));
        assert_eq!(vault.names().unwrap(), ["a/b"]);
        for file in std::fs::read_dir(folder.path().join("state")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("correct"));
        }
        assert!(vault.remove("a/b").unwrap());
        assert!(!vault.remove("a/b").unwrap());
        assert_eq!(value(&vault, "a/b"), None);
    }

    #[test]
    fn entries_cannot_be_exchanged() {
        let (_folder, vault) = vault();
        vault.set("low", &"public".into()).unwrap();
        vault.set("high", &"private".into()).unwrap();
        let mut content = vault.read().unwrap();
        let high = content.secrets["high"].clone();
        content.secrets.insert("low".to_owned(), high);
        vault.write(&content).unwrap();
        assert!(matches!(vault.get("low"), Err(VaultError::Sealed { .. })));
    }

    #[test]
    fn a_damaged_file_a_newer_one_and_an_open_key_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, vault) = vault();
        vault.set("a", &"b".into()).unwrap();
        std::fs::set_permissions(vault.key_path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(vault.get("a"), Err(VaultError::Exposed { .. })));
        private::write(&vault.content_path(), br#"{"format":2,"secrets":{}}"#).unwrap();
        assert!(matches!(vault.get("a"), Err(VaultError::TooNew { found: 2, .. })));
        private::write(&vault.content_path(), b"{").unwrap();
        assert!(matches!(vault.names(), Err(VaultError::Damaged { .. })));
    }
}
