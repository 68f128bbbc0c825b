//! What a definition asks for that nobody does here: it is refused with the definition, and not when the task runs.

use std::sync::Arc;

use stepwell_asl::diagnostic::Code;
use stepwell_asl::model::{Distributed, Given, Map, Resource, StateKind, Task, Written};
use stepwell_asl::{Diagnostic, StateMachine};
use stepwell_task::{Misfit, TaskRouter, Unsupported};

/// Everything in a machine that `router` does not serve, in the order of the text: resources, members of what their
/// tasks are given, data of Distributed Maps.
pub fn unserved(router: &dyn TaskRouter, machine: &StateMachine) -> Vec<Diagnostic> {
    let of_state = |kind: &StateKind| match kind {
        StateKind::Task(task) => of_task(router, task),
        StateKind::Map(Map { distributed: Some(distributed), .. }) => of_data(router, distributed),
        _ => Vec::new(),
    };
    let mut found: Vec<_> = machine.states().flat_map(|state| of_state(&state.kind)).collect();
    found.sort_by_key(|diagnostic| diagnostic.span.start);
    found
}

fn of_task(router: &dyn TaskRouter, task: &Task) -> Vec<Diagnostic> {
    let resource = match &task.resource {
        // Activities are served by the engine itself, and may be created later.
        Resource::Activity(_) => return Vec::new(),
        Resource::Lambda(_) | Resource::Service { .. } => task.resource.arn(),
    };
    if let Err(unsupported) = router.route(resource) {
        return vec![not_served(&task.resource_at, &unsupported)];
    }
    // What a function is given is its own business.
    let is_service = matches!(task.resource, Resource::Service { .. });
    let given = task.given.as_ref().filter(|_| is_service);
    given.map(|given| misfits(router, resource, given)).unwrap_or_default()
}

fn not_served(at: &Written, unsupported: &Unsupported) -> Diagnostic {
    let message = format!("the resource `{}` is not supported", unsupported.resource);
    let help = Some(unsupported.reason.clone());
    Diagnostic { help, ..Diagnostic::error(Code::UnsupportedResource, at, message) }
}

fn misfits(router: &dyn TaskRouter, resource: &str, given: &Given) -> Vec<Diagnostic> {
    let names: Vec<_> = given.members.iter().map(|(name, _)| &**name).collect();
    router.misfits(resource, &names).iter().map(|misfit| of_member(misfit, given)).collect()
}

/// AWS names the place of the members, and we show that of the one.
fn of_member(misfit: &Misfit, given: &Given) -> Diagnostic {
    let code = match misfit {
        Misfit::Unknown { .. } | Misfit::NotServed { .. } => Code::UnknownField,
        Misfit::Missing { .. } => Code::MissingField,
    };
    let found = given.members.iter().find(|(name, _)| **name == *misfit.member());
    let at = found.map_or(&given.at, |(_, at)| at);
    let location = Some(given.at.location.clone());
    Diagnostic { location, ..Diagnostic::error(code, at, misfit.to_string()) }
}

/// The reader and the writer of a Distributed Map, if nobody reads and writes here.
fn of_data(router: &dyn TaskRouter, distributed: &Distributed) -> Vec<Diagnostic> {
    if router.map_data().is_some() {
        return Vec::new();
    }
    let reader = distributed.reader.as_ref().map(|reader| (&reader.resource, &reader.resource_at));
    let writer = distributed.writer.as_ref().and_then(|writer| writer.resource.as_ref());
    let writer = writer.map(|(resource, at)| (resource, at));
    let unserved = |(resource, at): (&Arc<str>, &Written)| {
        let reason = "Distributed Maps have no buckets here".to_owned();
        not_served(at, &Unsupported { resource: resource.to_string(), reason })
    };
    reader.into_iter().chain(writer).map(unserved).collect()
}
