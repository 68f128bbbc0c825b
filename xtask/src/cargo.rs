//! cargo, as somebody at a prompt starts it.

use std::env;
use std::process::Command;

/// cargo without what `cargo run` told this program of its own package.
///
/// Some build scripts run anew when that changes; everything that depends on them would be compiled again and again, by
/// turns at a prompt and from here.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in env::vars_os() {
        let is_of_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_of_package {
            command.env_remove(name);
        }
    }
    command
}
