//! `stepwell pipeline init NAME`

mod database;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use self::database::{Database, Options};
use crate::built_in::{self, BuiltIn};
use crate::cli::Global;
use crate::config::FILE;
use crate::failure::{Exit, Failure, Outcome, WRITABLE};
use crate::output;
use crate::project::Project;

/// Writes the section of a pipeline into `stepwell.toml`. With `--admin-dsn` it also prepares the database of `canvas`: it
/// creates a role with a password of its own, schemas and grants in PostgreSQL, and keeps the role's connection string as
/// a secret.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The pipeline
    #[arg(value_parser = PossibleValuesParser::new(built_in::names()))]
    pipeline: String,
    #[command(flatten)]
    of_canvas: Options,
    /// Print what would be written and executed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let name = &self.pipeline;
        let built_in = built_in::of_machine(name).expect("the parser knows the names");
        let database = self.database(built_in)?;
        let project = global.project()?;
        if project.config()?.pipelines.contains_key(built_in.name) && !self.dry_run {
            let message = format!("`{FILE}` has `[pipelines.{name}]` already");
            return Err(Failure::message(Exit::Refused, message)
                .hint("edit it, or see what would be written with `--dry-run`"));
        }
        let section = self.of_canvas.filled_in(built_in.template);
        if self.dry_run {
            return show(&section, database.as_ref(), global);
        }
        let created = database.as_ref().map(|database| database.prepare(&project)).transpose()?;
        let file = append(&project, &section)?;
        if global.json {
            return Ok(output::json(&json!({
                "file": file,
                "pipeline": name,
                "target": (name == "canvas").then(|| self.of_canvas.target()),
                "role": database.as_ref().map(Database::role),
                "roleCreated": created,
            }))?);
        }
        if let Some((database, created)) = database.as_ref().zip(created) {
            database.tell(created);
        }
        output::note(format_args!("wrote [pipelines.{name}] to {}", file.display()));
        next_steps(built_in);
        Ok(())
    }

    /// The database to prepare. Only one pipeline has one.
    fn database(&self, built_in: &BuiltIn) -> Outcome<Option<Database<'_>>> {
        if built_in.name == "canvas" {
            return self.of_canvas.database();
        }
        match self.of_canvas.given() {
            Some(flag) => {
                let message = format!("`{flag}` is for `canvas`, not for `{}`", built_in.name);
                Err(Failure::message(Exit::Usage, message))
            }
            None => Ok(None),
        }
    }
}

/// Prints TOML, or, where a database is named, SQL with nothing else.
fn show(settings: &str, database: Option<&Database<'_>>, global: &Global) -> Outcome {
    let statements = database.map(Database::statements);
    if global.json {
        let statements = statements.unwrap_or_default();
        return Ok(output::json(&json!({ "settings": settings, "statements": statements }))?);
    }
    let Some((database, statements)) = database.zip(statements) else {
        return Ok(output::line(settings.trim_end())?);
    };
    output::note(format_args!("to be executed as the administrator, and then kept in `{FILE}`:"));
    for statement in statements {
        output::line(format_args!("{statement};"))?;
    }
    output::line(format_args!("-- then give it a password: \\password {}", database.role()))?;
    output::note(format_args!("\n{}", settings.trim_end()));
    Ok(())
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

/// The secrets that the section refers to are still to be set.
fn next_steps(built_in: &BuiltIn) {
    let settings = built_in.template.lines().filter(|line| !line.starts_with('#'));
    let secrets: BTreeSet<_> = settings.filter_map(secret).collect();
    output::note("next:");
    for secret in secrets {
        output::note(format_args!("  stepwell secret set {secret}"));
    }
    output::note(format_args!("  stepwell run {}", built_in.name));
}

/// `canvas/client-id` of `client_id = "secret:canvas/client-id"`.
fn secret(line: &str) -> Option<&str> {
    line.split_once("\"secret:")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn every_section_is_a_configuration_and_every_commented_setting_is_understood() {
        for built_in in &built_in::ALL {
            let folder = tempfile::tempdir().unwrap();
            let all: String = built_in.template.lines().map(uncommented).collect();
            let scheduled = [built_in.template, &all].map(|section| {
                std::fs::write(folder.path().join(FILE), section).unwrap();
                let config = Config::load(folder.path());
                let config =
                    config.unwrap_or_else(|it| panic!("{}: {:?}", built_in.name, it.problems));
                let section = &config.pipelines[built_in.name];
                built_in.machines.iter().any(|machine| section.trigger(machine.name).is_some())
            });
            assert!(scheduled[1], "{}", built_in.name);
        }
    }

    #[test]
    fn every_key_stands_in_the_reference() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/stepwell-toml.md");
        let reference = std::fs::read_to_string(file).unwrap();
        for built_in in &built_in::ALL {
            let title = format!("## [pipelines.{}]\n", built_in.name);
            let (_, section) = reference.split_once(&title).unwrap_or_else(|| panic!("no {title}"));
            let section = section.split("\n## [").next().unwrap_or_default();
            let schedules = reference.split_once("## Schedules").unwrap().1;
            for key in built_in.template.lines().filter_map(key) {
                let named = format!("`{key}`");
                let is_there = section.contains(&named) || schedules.contains(&named);
                assert!(is_there, "{}: {named}", built_in.name);
            }
        }
    }

    fn key(line: &str) -> Option<&str> {
        let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
        (!key.contains([' ', '"', '['])).then_some(key)
    }

    fn uncommented(line: &str) -> String {
        let is_setting =
            |rest: &&str| rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let is_header = |rest: &&str| rest.starts_with('[');
        let setting = line.strip_prefix("# ").filter(|rest| is_setting(rest) || is_header(rest));
        format!("{}\n", setting.unwrap_or(line))
    }
}
