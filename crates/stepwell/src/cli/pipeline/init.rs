//! `stepwell pipeline init canvas`

use std::fs::OpenOptions;
use std::io::Write;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use stepwell_canvas::target::Layout;
use stepwell_canvas::target::postgres::{Preparation, Role};

use crate::cli::Global;
use crate::config::FILE;
use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;
use crate::{output, secrets, wiring};

/// The commented section, with `@TARGET@` and `@LAYOUT@` open.
const TEMPLATE: &str = include_str!("canvas.toml");

/// The secret that holds the connection string of a role that was created.
const TARGET_SECRET: &str = "canvas/target";

/// Where that connection string stands until the role exists, so that its password cannot be lost in between.
const PENDING_SECRET: &str = "canvas/target-pending";

/// Writes `[pipelines.canvas]` into `stepwell.toml`. With `--admin-dsn` it also creates a role with a password of its
/// own, schemas and grants in PostgreSQL, and keeps the role's connection string as a secret.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The pipeline
    #[arg(value_enum)]
    pipeline: Name,
    /// The database to prepare, as an administrator: `postgres://admin@host/database`
    #[arg(long, value_name = "DSN", env = "STEPWELL_ADMIN_DSN", hide_env_values = true)]
    admin_dsn: Option<String>,
    /// The role that will own the replica
    #[arg(long, value_name = "NAME", default_value = "stepwell_canvas")]
    role: String,
    /// How the replica is laid out
    #[arg(long, value_enum, default_value = "stepwell")]
    layout: LayoutName,
    /// Print what would be written and executed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    Canvas,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutName {
    /// stepwell's own
    Stepwell,
    /// That of the official client
    Instructure,
}

impl Init {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let Name::Canvas = self.pipeline;
        let project = global.project()?;
        let existing = project.config()?;
        if existing.canvas.is_some() && !self.dry_run {
            return Err(Failure::message(
                Exit::Refused,
                format!("`{FILE}` has `[pipelines.canvas]` already"),
            )
            .hint("edit it, or see what would be written with `--dry-run`"));
        }
        let preparation = Preparation {
            role: self.role.clone(),
            namespaces: vec!["canvas".to_owned()],
            layout: self.layout.into(),
        };
        if self.dry_run {
            return self.show(&preparation);
        }
        let target = match &self.admin_dsn {
            Some(dsn) => self.prepare(&project, &preparation, dsn)?,
            None => "sqlite:canvas.db".to_owned(),
        };
        append(&project, &self.section(&target))?;
        next_steps();
        Ok(())
    }

    fn section(&self, target: &str) -> String {
        let layout = match self.layout {
            LayoutName::Stepwell => "stepwell",
            LayoutName::Instructure => "instructure",
        };
        TEMPLATE.replace("@TARGET@", target).replace("@LAYOUT@", layout)
    }

    /// Prints TOML with the SQL as comments, and SQL with nothing else where a database is named.
    fn show(&self, preparation: &Preparation) -> Outcome {
        let Some(dsn) = &self.admin_dsn else {
            return Ok(output::line(self.section("sqlite:canvas.db").trim_end())?);
        };
        let database =
            dsn.split(['/', '?']).nth(3).filter(|name| !name.is_empty()).unwrap_or("postgres");
        output::note(format_args!(
            "to be executed as the administrator, and then kept in `{FILE}`:"
        ));
        for statement in preparation.statements(database, Role::WithoutPassword) {
            output::line(format_args!("{statement};"))?;
        }
        output::line(format_args!("-- then give it a password: \\password {}", self.role))?;
        output::note(format_args!(
            "\n{}",
            self.section(&format!("secret:{TARGET_SECRET}")).trim_end()
        ));
        Ok(())
    }

    /// Prepares the database and gives the setting `target`.
    fn prepare(&self, project: &Project, preparation: &Preparation, dsn: &str) -> Outcome<String> {
        let address = address(dsn).ok_or_else(|| {
            Failure::message(Exit::Usage, "`--admin-dsn` is no URL")
                .hint("write it as postgres://user:password@host:5432/database")
        })?;
        let password: SecretString = secrets::token().into();
        let admin: SecretString = dsn.to_owned().into();
        let role = encoded(&self.role);
        let connection: SecretString =
            format!("postgres://{role}:{}@{address}", password.expose_secret()).into();
        project.vault().set(PENDING_SECRET, &connection)?;
        let applied = wiring::runtime()?.block_on(preparation.apply(&admin, &password));
        if matches!(applied, Ok(true)) {
            project.vault().set(TARGET_SECRET, &connection)?;
        }
        project.vault().remove(PENDING_SECRET)?;
        let created = applied.map_err(|error| Failure::new(Exit::Unavailable, error))?;
        if !created {
            output::note(format_args!(
                "the role `{}` exists: it keeps its password, and was granted its rights",
                self.role
            ));
            output::note(format_args!(
                "hint: `stepwell secret set {TARGET_SECRET}` to postgres://{role}:PASSWORD@{address}"
            ));
            return Ok(format!("secret:{TARGET_SECRET}"));
        }
        output::note(format_args!(
            "created the role `{}`; `secret:{TARGET_SECRET}` connects as it",
            self.role
        ));
        Ok(format!("secret:{TARGET_SECRET}"))
    }
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Stepwell => Self::Stepwell,
            LayoutName::Instructure => Self::Instructure,
        }
    }
}

/// What follows the user in a URL: `host:5432/database?sslmode=require`.
fn address(dsn: &str) -> Option<&str> {
    let rest = dsn.strip_prefix("postgres://").or_else(|| dsn.strip_prefix("postgresql://"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
    Some(&rest[start..])
}

/// A name inside a URL.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Adds a section to the file, or makes the file.
fn append(project: &Project, section: &str) -> Outcome {
    let path = project.root().join(FILE);
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    if !is_new {
        writeln!(file)?;
    }
    file.write_all(section.as_bytes())?;
    file.sync_all()?;
    let what = if is_new { "wrote" } else { "added [pipelines.canvas] to" };
    output::note(format_args!("{what} {}", path.display()));
    Ok(())
}

fn next_steps() {
    output::note(
        "next:\n  stepwell secret set canvas/client-id\n  stepwell secret set canvas/client-secret\n  stepwell run canvas",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_a_configuration() {
        let init = Init {
            pipeline: Name::Canvas,
            admin_dsn: None,
            role: "r".to_owned(),
            layout: LayoutName::Instructure,
            dry_run: false,
        };
        let folder = tempfile::tempdir().unwrap();
        let section = init.section("sqlite:canvas.db");
        std::fs::write(folder.path().join(FILE), &section).unwrap();
        // Every commented setting is one that is understood.
        let all: String = section.lines().map(uncommented).collect();
        std::fs::write(folder.path().join(FILE), all).unwrap();
        let canvas = crate::config::Config::load(folder.path()).unwrap().canvas.unwrap();
        assert_eq!(canvas.settings.layout, Layout::Instructure);
        assert_eq!(canvas.settings.skip_tables, ["web_logs"]);
        assert!(canvas.trigger.is_some());
    }

    fn uncommented(line: &str) -> String {
        let setting = line
            .strip_prefix("# ")
            .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')));
        format!("{}\n", setting.unwrap_or(line))
    }

    #[test]
    fn the_address_follows_the_user() {
        assert_eq!(
            address("postgres://a:p%40@h:1/db?sslmode=require"),
            Some("h:1/db?sslmode=require")
        );
        assert_eq!(address("postgresql://h/db"), Some("h/db"));
        assert_eq!(address("host=h user=a"), None);
        assert_eq!(encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}
