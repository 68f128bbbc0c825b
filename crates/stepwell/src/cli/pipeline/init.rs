//! `stepwell pipeline init canvas`

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use stepwell_canvas::target::Layout;
use stepwell_canvas::target::postgres::{Preparation, Role};

use crate::cli::Global;
use crate::config::FILE;
use crate::failure::{Exit, Failure, Outcome, WRITABLE};
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
    #[arg(long, value_name = "NAME", default_value = "stepwell_canvas", value_parser = NonEmptyStringValueParser::new())]
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
        let dsn = self.admin_dsn.as_deref().map(Dsn::read).transpose()?;
        if self.dry_run {
            return self.show(&preparation, dsn.as_ref(), global);
        }
        let created = match &dsn {
            Some(dsn) => Some(self.prepare(&project, &preparation, dsn)?),
            None => None,
        };
        let target = target(dsn.as_ref());
        let file = append(&project, &self.section(&target))?;
        if global.json {
            return Ok(output::json(&json!({
                "file": file,
                "target": target,
                "role": created.is_some().then_some(&self.role),
                "roleCreated": created,
            }))?);
        }
        self.tell(dsn.as_ref().zip(created));
        output::note(format_args!("wrote [pipelines.canvas] to {}", file.display()));
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

    /// Prints TOML, or, where a database is named, SQL with nothing else.
    fn show(&self, preparation: &Preparation, dsn: Option<&Dsn<'_>>, global: &Global) -> Outcome {
        let settings = self.section(&target(dsn));
        let role = Role::WithoutPassword;
        let statements = dsn.map(|dsn| preparation.statements(dsn.database(), role));
        if global.json {
            let statements = statements.unwrap_or_default();
            let plan = json!({ "settings": settings, "statements": statements });
            return Ok(output::json(&plan)?);
        }
        let Some(statements) = statements else {
            return Ok(output::line(settings.trim_end())?);
        };
        output::note(format_args!(
            "to be executed as the administrator, and then kept in `{FILE}`:"
        ));
        for statement in statements {
            output::line(format_args!("{statement};"))?;
        }
        output::line(format_args!("-- then give it a password: \\password {}", self.role))?;
        output::note(format_args!("\n{}", settings.trim_end()));
        Ok(())
    }

    /// Prepares the database and gives whether the role was created; its connection string is a secret then.
    fn prepare(
        &self,
        project: &Project,
        preparation: &Preparation,
        dsn: &Dsn<'_>,
    ) -> Outcome<bool> {
        let password: SecretString = secrets::token().into();
        let admin: SecretString = dsn.whole.to_owned().into();
        let role = encoded(&self.role);
        let address = dsn.address;
        let connection: SecretString =
            format!("postgres://{role}:{}@{address}", password.expose_secret()).into();
        project.vault().set(PENDING_SECRET, &connection)?;
        let applied = wiring::runtime()?.block_on(preparation.apply(&admin, &password));
        if matches!(applied, Ok(true)) {
            project.vault().set(TARGET_SECRET, &connection)?;
        }
        project.vault().remove(PENDING_SECRET)?;
        applied.map_err(|error| Failure::new(Exit::Unavailable, error))
    }

    fn tell(&self, prepared: Option<(&Dsn<'_>, bool)>) {
        let role = &self.role;
        match prepared {
            Some((_, true)) => output::note(format_args!(
                "created the role `{role}`; `secret:{TARGET_SECRET}` connects as it"
            )),
            Some((Dsn { address, .. }, false)) => output::note(format_args!(
                "the role `{role}` exists: it keeps its password, and was granted its rights\n\
                 hint: `stepwell secret set {TARGET_SECRET}` to postgres://{role}:PASSWORD@{address}"
            )),
            None => (),
        }
    }
}

/// The setting `target`.
fn target(dsn: Option<&Dsn<'_>>) -> String {
    dsn.map_or_else(|| "sqlite:canvas.db".to_owned(), |_| format!("secret:{TARGET_SECRET}"))
}

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Stepwell => Self::Stepwell,
            LayoutName::Instructure => Self::Instructure,
        }
    }
}

/// A connection string that can be read.
struct Dsn<'a> {
    whole: &'a str,
    /// What follows the user: `host:5432/database?sslmode=require`.
    address: &'a str,
}

impl<'a> Dsn<'a> {
    fn read(whole: &'a str) -> Outcome<Self> {
        let refused = |error: String| {
            Failure::message(Exit::Usage, format!("`--admin-dsn`: {error}"))
                .hint("write it as postgres://user:password@host:5432/database")
        };
        let address = address(whole).ok_or_else(|| refused("this is no URL".to_owned()))?;
        stepwell_canvas::target::check_form(whole).map_err(|error| refused(error.to_string()))?;
        Ok(Self { whole, address })
    }

    /// The database; PostgreSQL's own default without one is a matter of the user.
    fn database(&self) -> &str {
        let path = self.address.split('?').next().and_then(|address| address.split_once('/'));
        path.map(|(_, name)| name).filter(|name| !name.is_empty()).unwrap_or("postgres")
    }
}

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

/// Adds a section to the file, or makes the file, and gives its path.
fn append(project: &Project, section: &str) -> Outcome<PathBuf> {
    let path = project.root().join(FILE);
    let is_new = !path.exists();
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        if !is_new {
            writeln!(file)?;
        }
        file.write_all(section.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::message(Exit::Unavailable, message).hint(WRITABLE)
    })?;
    Ok(path)
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
