//! Salesforce as a source, against its sandbox.

mod access;
mod lake;
mod read;

use stepwell_sandbox::salesforce::Sandbox;

/// The settings of a lake with one dataset, `accounts`; `keys` are the dataset's own.
pub(crate) fn settings(sandbox: &Sandbox, connection: &str, keys: &str) -> String {
    let columns = [
        "id string not null",
        "name string",
        "balance decimal(18,2) from Balance__c",
        "rate decimal(18,9) from Rate__c",
        "employees bigint from NumberOfEmployees",
        "serial bigint from Serial__c",
        "description string",
        "active_on date from LastActivityDate",
        "modified timestamp from SystemModstamp",
    ];
    format!(
        "[salesforce]\nlogin_url = '{}'\nclient_id = '{}'\nclient_secret = '{}'\npoll_seconds = 0\n{connection}\n\
         [tables.accounts]\nsource = 'salesforce'\nobject = 'Account'\ncolumns = {columns:?}\nkey = ['id']\n\
         event_time = 'modified'\npartition_by = ['day(modified)']\n{keys}\n",
        sandbox.base_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
    )
}
