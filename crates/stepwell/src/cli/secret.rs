//! `stepwell secret set|list|remove`

use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use secrecy::SecretString;
use serde_json::json;

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::secrets::{check_name, variable_name};
use stepwell_asl::suggest::closest;

/// Keep secrets in the encrypted store of the project
///
/// Values come from stdin or a prompt: a command line can be seen by everybody on the machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Set a secret to what stdin holds, or to what you type
    Set {
        /// Its name, for instance `canvas/client-id`; settings refer to it as `secret:canvas/client-id`
        name: String,
    },
    /// List the names of secrets
    List,
    /// Remove a secret
    Remove {
        /// Its name
        name: String,
    },
}

impl Secret {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let vault = global.project()?.vault();
        match self {
            Self::Set { name } => {
                let name = checked(&name)?;
                let value = read_value(name)?;
                let replaced = vault.set(name, &value)?;
                if global.json {
                    output::json(&json!({ "name": name, "replaced": replaced }))?;
                } else {
                    let what = if replaced { "replaced" } else { "set" };
                    output::note(format_args!("{what} `secret:{name}`"));
                }
                warn_of_variable(name);
            }
            Self::List => {
                let names = vault.names()?;
                if global.json {
                    output::json(&names)?;
                } else {
                    for name in names {
                        output::line(name)?;
                    }
                }
            }
            Self::Remove { name } => {
                let name = checked(&name)?;
                if !vault.remove(name)? {
                    return Err(unknown(name, &vault.names()?));
                }
                if global.json {
                    output::json(&json!({ "name": name, "removed": true }))?;
                } else {
                    output::note(format_args!("removed `secret:{name}`"));
                }
            }
        }
        Ok(())
    }
}

/// The name, without the prefix that settings write.
fn checked(name: &str) -> Outcome<&str> {
    let name = name.strip_prefix("secret:").unwrap_or(name);
    check_name(name).map(|()| name).map_err(|reason| Failure::message(Exit::Usage, reason))
}

fn read_value(name: &str) -> Outcome<SecretString> {
    let text = if io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal.write_str(&format!("value of `secret:{name}` (not shown): "))?;
        terminal.read_secure_line()?
    } else {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        text
    };
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(Failure::message(Exit::Refused, "the value is empty")
            .hint(format!("pipe it in: `stepwell secret set {name} < FILE`")));
    }
    Ok(value.into())
}

/// The environment comes first: who sets a secret should know that it does not count.
fn warn_of_variable(name: &str) {
    let variable = variable_name(name);
    if crate::config::variables::get(&variable).is_some() {
        output::note(format_args!(
            "warning: the environment variable {variable} is set and comes first"
        ));
    }
}

fn unknown(name: &str, known: &[String]) -> Failure {
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let failure =
        Failure::message(Exit::Refused, format!("there is no secret `{name}` in the store"));
    match closest(name, known) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint("`stepwell secret list` names them"),
    }
}
