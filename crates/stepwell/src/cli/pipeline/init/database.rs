//! The database of the pipeline `canvas`: a role with a password of its own, schemas and grants.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use stepwell_canvas::target::Layout;
use stepwell_canvas::target::postgres::{Preparation, Role};

use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;
use crate::{output, secrets, wiring};

/// The secret that holds the connection string of a role that was created.
const TARGET_SECRET: &str = "canvas/target";

/// Where that connection string stands until the role exists, so that its password cannot be lost in between.
const PENDING_SECRET: &str = "canvas/target-pending";

/// The target without a database, as the commented section has it.
const FILE_TARGET: &str = "sqlite:canvas.db";

/// The role if none is named.
const ROLE: &str = "stepwell_canvas";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The database of `canvas` to prepare, as an administrator: `postgres://admin@host/database`
    #[arg(long, value_name = "DSN", env = "STEPWELL_ADMIN_DSN", hide_env_values = true)]
    admin_dsn: Option<String>,
    /// The role that will own the replica of `canvas` [default: stepwell_canvas]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    role: Option<String>,
    /// How the replica of `canvas` is laid out [default: stepwell]
    #[arg(long, value_enum)]
    layout: Option<LayoutName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutName {
    /// stepwell's own
    Stepwell,
    /// That of the official client
    Instructure,
}

/// The database that was named, and what is to be done in it.
pub(super) struct Database<'a> {
    dsn: Dsn<'a>,
    preparation: Preparation,
}

impl Options {
    /// The name of a flag that only `canvas` has, if one was given on the command line.
    pub(super) fn given(&self) -> Option<&'static str> {
        self.role.as_ref().map(|_| "--role").or(self.layout.map(|_| "--layout"))
    }

    /// The database to prepare.
    pub(super) fn database(&self) -> Outcome<Option<Database<'_>>> {
        let Some(dsn) = &self.admin_dsn else { return Ok(None) };
        let preparation = Preparation {
            role: self.role.clone().unwrap_or_else(|| ROLE.to_owned()),
            namespaces: vec!["canvas".to_owned()],
            layout: self.layout.map_or(Layout::Stepwell, Layout::from),
        };
        Ok(Some(Database { dsn: Dsn::read(dsn)?, preparation }))
    }

    /// The setting `target`.
    pub(super) fn target(&self) -> String {
        let secret = || format!("secret:{TARGET_SECRET}");
        self.admin_dsn.as_ref().map_or_else(|| FILE_TARGET.to_owned(), |_| secret())
    }

    /// The commented section with these choices in it.
    pub(super) fn filled_in(&self, template: &str) -> String {
        let mut section = template.replace(FILE_TARGET, &self.target());
        if let Some(LayoutName::Instructure) = self.layout {
            section = section.replace("layout = \"stepwell\"", "layout = \"instructure\"");
        }
        section
    }
}

impl Database<'_> {
    pub(super) fn role(&self) -> &str {
        &self.preparation.role
    }

    /// What an administrator would execute.
    pub(super) fn statements(&self) -> Vec<String> {
        self.preparation.statements(self.dsn.database(), Role::WithoutPassword)
    }

    /// Prepares the database and gives whether the role was created; its connection string is a secret then.
    pub(super) fn prepare(&self, project: &Project) -> Outcome<bool> {
        let password: SecretString = secrets::token().into();
        let admin: SecretString = self.dsn.whole.to_owned().into();
        let role = encoded(self.role());
        let address = self.dsn.address;
        let connection: SecretString =
            format!("postgres://{role}:{}@{address}", password.expose_secret()).into();
        project.vault().set(PENDING_SECRET, &connection)?;
        let applied = wiring::runtime()?.block_on(self.preparation.apply(&admin, &password));
        if matches!(applied, Ok(true)) {
            project.vault().set(TARGET_SECRET, &connection)?;
        }
        project.vault().remove(PENDING_SECRET)?;
        applied.map_err(|error| Failure::new(Exit::Unavailable, error))
    }

    /// Tells what was done.
    pub(super) fn tell(&self, created: bool) {
        let (role, address) = (self.role(), self.dsn.address);
        if created {
            output::note(format_args!(
                "created the role `{role}`; `secret:{TARGET_SECRET}` connects as it"
            ));
        } else {
            output::note(format_args!(
                "the role `{role}` exists: it keeps its password, and was granted its rights\n\
                 hint: `stepwell secret set {TARGET_SECRET}` to postgres://{role}:PASSWORD@{address}"
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
