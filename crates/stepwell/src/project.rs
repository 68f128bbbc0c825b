//! The folder of a project and what stands where in it.

use std::path::{Path, PathBuf};

use stepwell_asl::Severity;
use stepwell_engine::{Arns, Options};

use crate::config::{Config, Logs, Problem, Source, Store};
use crate::failure::{Exit, Failure, Outcome, WRITABLE};
use crate::private;
use crate::report;
use crate::secrets::Vault;

/// Region and account in ARNs: nothing here belongs to a real account.
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "000000000000";

/// A project's folder.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The project in `root`.
    pub(crate) fn open(root: &Path) -> Outcome<Self> {
        let root = std::path::absolute(root)?;
        if !root.is_dir() {
            return Err(Failure::message(
                Exit::Usage,
                format!("`{}` is no folder", root.display()),
            )
            .hint("name the folder of your project with `--project`"));
        }
        Ok(Self { root })
    }

    /// A path of the configuration, relative to the project's folder.
    pub(crate) fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder of the project.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where stepwell keeps what it writes for itself.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(".stepwell")
    }

    /// Where a server tells who it is.
    pub(crate) fn server_file(&self) -> PathBuf {
        self.state().join("server.json")
    }

    /// What is remembered of schedules.
    pub(crate) fn schedules_file(&self) -> PathBuf {
        self.state().join("schedules.json")
    }

    /// The encrypted secrets.
    pub(crate) fn vault(&self) -> Vault {
        Vault::in_folder(self.state())
    }

    /// Reads the configuration and tells everything that is wrong with it.
    pub(crate) fn config(&self) -> Outcome<Config> {
        let config = Config::load(&self.root).map_err(|it| refuse(&it.source, &it.problems))?;
        report::configuration(Severity::Warning, &config.source, &config.warnings);
        Ok(config)
    }

    /// The part of the configuration by which definitions are checked.
    pub(crate) fn services(&self) -> Outcome<Config> {
        Config::load_services(&self.root).map_err(|it| refuse(&it.source, &it.problems))
    }

    /// What the server writes its log to, for before the configuration is read.
    pub(crate) fn logs(&self) -> Outcome<Logs> {
        Logs::load(&self.root).map_err(|it| refuse(&it.source, &it.problems))
    }

    /// The file of the store, for who needs nothing else of the configuration.
    pub(crate) fn store_file(&self) -> Outcome<PathBuf> {
        let store = Store::load(&self.root).map_err(|it| refuse(&it.source, &it.problems))?;
        self.store(&store)
    }

    /// The engine's options.
    pub(crate) fn options(&self, config: &Config) -> Outcome<Options> {
        private::create_folder(&self.state()).map_err(|error| {
            Failure::message(
                Exit::Unavailable,
                format!("`{}` cannot be created: {error}", self.state().display()),
            )
            .hint(WRITABLE)
        })?;
        Ok(Options {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            retention_days: config.store.retention_days,
            aws_limits: config.aws_limits,
            ..Options::at(self.store(&config.store)?)
        })
    }

    /// The file of the store.
    fn store(&self, store: &Store) -> Outcome<PathBuf> {
        let file = self.path(&store.path);
        if file.is_dir() {
            let message = format!("the store `{}` is a folder", file.display());
            return Err(Failure::message(Exit::Unavailable, message)
                .hint("name a file with `path` in [store] of stepwell.toml"));
        }
        Ok(file)
    }

    /// Writes and reads ARNs.
    pub(crate) fn arns() -> Arns {
        Arns::new(REGION, ACCOUNT)
    }
}

/// Tells the mistakes of a configuration.
pub(crate) fn refuse(source: &Source, problems: &[Problem]) -> Failure {
    report::configuration(Severity::Error, source, problems);
    Failure::told(Exit::Usage)
}
