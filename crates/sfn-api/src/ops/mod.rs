//! One file per operation: its request, its response and what it does.

pub(crate) mod create_state_machine;
pub(crate) mod create_state_machine_alias;
pub(crate) mod delete_state_machine;
pub(crate) mod delete_state_machine_alias;
pub(crate) mod delete_state_machine_version;
pub(crate) mod describe_execution;
pub(crate) mod describe_state_machine;
pub(crate) mod describe_state_machine_alias;
pub(crate) mod describe_state_machine_for_execution;
pub(crate) mod get_execution_history;
pub(crate) mod list_executions;
pub(crate) mod list_state_machine_aliases;
pub(crate) mod list_state_machine_versions;
pub(crate) mod list_state_machines;
pub(crate) mod list_tags_for_resource;
pub(crate) mod publish_state_machine_version;
pub(crate) mod start_execution;
pub(crate) mod stop_execution;
pub(crate) mod tag_resource;
pub(crate) mod untag_resource;
pub(crate) mod update_state_machine;
pub(crate) mod update_state_machine_alias;
pub(crate) mod validate_state_machine_definition;
