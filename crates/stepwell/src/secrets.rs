//! Where secrets come from: the environment, files, the encrypted store of the project, AWS Secrets Manager where
//! that is configured, in this order.
//!
//! Responsible for: finding a value at the moment of use. Left to others: what is done with it; values live
//! in [`SecretString`], which no log prints.

mod manager;
mod vault;

use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::surroundings::{Provider, Services};

use self::manager::Manager;
use crate::config::variables::{self, CREDENTIALS_DIRECTORY, SECRET_PREFIX, SECRETS_DIR};
pub(crate) use vault::{Vault, VaultError};

/// Looks in all places.
pub(crate) struct Resolver {
    local: Local,
    manager: Option<Manager>,
}

/// Looks on this machine only.
#[derive(Debug, Clone)]
struct Local {
    folders: Vec<PathBuf>,
    vault: Vault,
}

impl Resolver {
    /// The places of a project whose store of secrets is `vault`.
    pub(crate) fn new(vault: Vault, services: &Services) -> Self {
        let local = Local::new(vault);
        let manager = match services.secretsmanager {
            Provider::Embedded => None,
            Provider::Aws => Some(Manager::new(services.aws.clone(), local.clone())),
        };
        Self { local, manager }
    }
}

impl Local {
    /// The places of a project whose store of secrets is `vault`.
    fn new(vault: Vault) -> Self {
        let folders = [SECRETS_DIR, CREDENTIALS_DIRECTORY].into_iter().filter_map(variables::get);
        Self { folders: folders.map(PathBuf::from).collect(), vault }
    }

    fn find(&self, name: &str) -> Result<Option<SecretString>, HandlerError> {
        check_name(name)
            .map_err(|reason| HandlerError::Config(format!("`secret:{name}`: {reason}")))?;
        if let Some(value) = variables::get(&variable_name(name)) {
            return Ok(Some(value.into()));
        }
        if let Some(value) = self.in_files(name)? {
            return Ok(Some(value));
        }
        self.vault.get(name).map_err(|error| HandlerError::Config(error.to_string()))
    }

    fn in_files(&self, name: &str) -> Result<Option<SecretString>, HandlerError> {
        for folder in &self.folders {
            for file in file_names(name) {
                let path = folder.join(file);
                match std::fs::read_to_string(&path) {
                    Ok(text) => return Ok(Some(without_line_end(text).into())),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        let message =
                            format!("the secret file `{}` cannot be read: {error}", path.display());
                        return Err(HandlerError::Config(message));
                    }
                }
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Secrets for Resolver {
    async fn resolve(&self, name: &str) -> Result<SecretString, HandlerError> {
        if let Some(value) = self.local.find(name)? {
            return Ok(value);
        }
        match &self.manager {
            Some(manager) => manager.find(name).await?.ok_or_else(|| {
                nowhere(
                    name,
                    ", or create it in AWS Secrets Manager, in the region of [services.aws]",
                )
            }),
            None => Err(nowhere(name, "")),
        }
    }
}

#[async_trait]
impl Secrets for Local {
    async fn resolve(&self, name: &str) -> Result<SecretString, HandlerError> {
        self.find(name)?.ok_or_else(|| nowhere(name, ""))
    }
}

fn nowhere(name: &str, or: &str) -> HandlerError {
    let variable = variable_name(name);
    HandlerError::Config(format!(
        "there is no secret `{name}`: set it with `stepwell secret set {name}` or the variable `{variable}`{or}"
    ))
}

/// A text that nobody can guess.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(vault::random::<32>())
}

/// `canvas/client-id` is `STEPWELL_SECRET_CANVAS_CLIENT_ID`.
pub(crate) fn variable_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{SECRET_PREFIX}{}", name.chars().map(letter).collect::<String>())
}

/// `canvas/client-id` is the file `canvas/client-id`, or `canvas-client-id` where names hold no slash.
fn file_names(name: &str) -> impl Iterator<Item = String> {
    let flat = name.replace('/', "-");
    [name.to_owned(), flat.clone()].into_iter().take(if flat == name { 1 } else { 2 })
}

fn without_line_end(mut text: String) -> String {
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    text
}

/// A name is also a relative path, so it must not lead elsewhere.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./+=@:".contains(c);
    let plain = |component| matches!(component, Component::Normal(_));
    if name.is_empty() || name.len() > 200 || !name.chars().all(allowed) {
        return Err("the name of a secret has 1 to 200 letters, digits, or some of `-_./+=@:`");
    }
    if !Path::new(name).components().all(plain) || name.ends_with('/') || name.contains("//") {
        return Err("the name of a secret is a plain relative path such as `canvas/client-id`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_inside_its_folder() {
        for name in
            ["canvas/client-id", "a", "a.b_c-d/e", "arn:aws:secretsmanager:eu-central-1:1:secret:a"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "a b", "a\0", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_variables_and_files() {
        assert_eq!(variable_name("canvas/client-id"), "STEPWELL_SECRET_CANVAS_CLIENT_ID");
        assert_eq!(file_names("canvas/id").collect::<Vec<_>>(), ["canvas/id", "canvas-id"]);
        assert_eq!(file_names("id").collect::<Vec<_>>(), ["id"]);
    }
}
