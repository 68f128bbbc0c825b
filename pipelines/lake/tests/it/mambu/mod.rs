//! Mambu as a source, against its sandbox.

mod lake;
mod read;
mod tables;

use stepwell_sandbox::mambu::Sandbox;

/// The settings of a lake with one dataset; `columns` and `keys` are its own.
pub(crate) fn settings(
    sandbox: &Sandbox,
    connection: &str,
    table: &str,
    columns: &[&str],
    keys: &str,
) -> String {
    format!(
        "[mambu]\nbase_url = '{}'\napi_key = '{}'\naudit_api_key = '{}'\n{connection}\n\
         [tables.t]\nsource = 'mambu'\ntable = '{table}'\ncolumns = {columns:?}\n{keys}\n",
        sandbox.base_url(),
        sandbox.api_key(),
        sandbox.audit_key(),
    )
}
