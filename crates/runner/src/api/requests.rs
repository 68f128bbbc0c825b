//! The operations on functions: create, get, list, update, delete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{self, Create, UpdateCode, UpdateConfiguration};
use crate::arn::{LATEST, Target};
use crate::error::Refusal;
use crate::function::{Function, LIMITS};
use crate::runner::Runner;
use crate::runtime::Runtime;

type Body = Result<Bytes, BytesRejection>;

/// Functions on a page of `ListFunctions`; as on AWS, whatever is asked for.
const PAGE_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Qualified {
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Paging {
    marker: Option<String>,
    max_items: Option<usize>,
    function_version: Option<String>,
    master_region: Option<String>,
}

pub(super) async fn create(State(runner): State<Runner>, body: Body) -> Result<Response, Refusal> {
    let request: Create = wire::read(body)?;
    let (function, package) = wanted(request)?;
    let function = runner.create(function, package).await?;
    Ok(wire::answer(StatusCode::CREATED, &shown(&runner, &function, None)))
}

fn wanted(request: Create) -> Result<(Function, Vec<u8>), Refusal> {
    refuse_publish(request.publish)?;
    refuse_architectures(request.architectures.as_deref())?;
    if request.package_type.is_some_and(|it| it != "Zip") {
        return Err(Refusal::validation("not supported here: a PackageType other than Zip"));
    }
    if !request.tags.is_empty() {
        return Err(Refusal::validation("not supported here: the member `Tags`"));
    }
    let name = Target::parse(&request.function_name)?.name;
    Runtime::parse(&request.runtime)?;
    let Some(handler) = request.handler else {
        return Err(Refusal::invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    };
    let package = checked(request.code.zip_file)?;
    // The folder is known once the package is unpacked.
    let mut function = Function::new(&name, &request.runtime, &handler, std::path::PathBuf::new());
    let change = UpdateConfiguration {
        role: Some(request.role),
        description: request.description,
        timeout: request.timeout,
        memory_size: request.memory_size,
        environment: request.environment,
        ephemeral_storage: request.ephemeral_storage,
        ..UpdateConfiguration::default()
    };
    change.check()?;
    change.apply(&mut function);
    Ok((function, package))
}

fn checked(package: Option<Vec<u8>>) -> Result<Vec<u8>, Refusal> {
    let Some(package) = package else {
        return Err(Refusal::invalid_parameter("Please provide a source for function code."));
    };
    if package.len() > LIMITS.zip_bytes_max {
        return Err(Refusal::entity_too_large(format!(
            "a package has at most {} bytes",
            LIMITS.zip_bytes_max
        )));
    }
    Ok(package)
}

fn refuse_publish(publish: bool) -> Result<(), Refusal> {
    if publish {
        return Err(Refusal::validation(
            "not supported here: `Publish`; the one version is $LATEST",
        ));
    }
    Ok(())
}

/// An executable that runs is of this machine's architecture, whatever it is called.
fn refuse_architectures(named: Option<&[String]>) -> Result<(), Refusal> {
    let is_known = |it: &String| it == "x86_64" || it == "arm64";
    match named {
        Some(named) if named.len() != 1 || !named.iter().all(is_known) => Err(Refusal::constraint(
            "architectures",
            &format!("{named:?}"),
            "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]",
        )),
        _ => Ok(()),
    }
}

pub(super) async fn get(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    Query(query): Query<Qualified>,
) -> Result<Response, Refusal> {
    let (function, qualifier) = found(&runner, &name, query.qualifier.as_deref())?;
    let body = json!({
        "Configuration": shown(&runner, &function, qualifier.as_deref()),
        "Code": {"RepositoryType": "S3", "Location": format!("file://{}", function.folder.display())},
    });
    Ok(wire::answer(StatusCode::OK, &body))
}

pub(super) async fn get_configuration(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    Query(query): Query<Qualified>,
) -> Result<Response, Refusal> {
    let (function, qualifier) = found(&runner, &name, query.qualifier.as_deref())?;
    Ok(wire::answer(StatusCode::OK, &shown(&runner, &function, qualifier.as_deref())))
}

fn found(
    runner: &Runner,
    name: &str,
    qualifier: Option<&str>,
) -> Result<(Arc<Function>, Option<String>), Refusal> {
    let target = Target::parse(name)?.qualified(qualifier)?;
    Ok((runner.function(&target)?, target.qualifier))
}

/// The ARN carries the qualifier that was asked for.
fn shown(runner: &Runner, function: &Function, qualifier: Option<&str>) -> Value {
    let arn = runner.arn(&function.name);
    function.configuration(&qualifier.map_or(arn.clone(), |qualifier| format!("{arn}:{qualifier}")))
}

pub(super) async fn list(
    State(runner): State<Runner>,
    Query(query): Query<Paging>,
) -> Result<Response, Refusal> {
    if query.master_region.is_some() {
        return Err(Refusal::validation("not supported here: the member `MasterRegion`"));
    }
    let most = query.max_items.unwrap_or(PAGE_MAX);
    if !(1..=10_000).contains(&most) {
        let rule =
            if most == 0 { "greater than or equal to 1" } else { "less than or equal to 10000" };
        return Err(Refusal::constraint(
            "maxItems",
            &most.to_string(),
            &format!("Member must have value {rule}"),
        ));
    }
    let qualifier = match query.function_version.as_deref() {
        None => None,
        // The one version of each.
        Some("ALL") => Some(LATEST),
        Some(other) => {
            let rule = "Member must satisfy enum value set: [ALL]";
            return Err(Refusal::constraint("functionVersion", other, rule));
        }
    };
    let after = query.marker.unwrap_or_default();
    let mut rest = runner.functions().into_iter().filter(|function| function.name > after);
    let page: Vec<_> = rest.by_ref().take(most.min(PAGE_MAX)).collect();
    let functions: Vec<_> =
        page.iter().map(|function| shown(&runner, function, qualifier)).collect();
    let mut body = json!({"Functions": functions});
    if let (Some(last), Some(_)) = (page.last(), rest.next()) {
        body["NextMarker"] = last.name.clone().into();
    }
    Ok(wire::answer(StatusCode::OK, &body))
}

pub(super) async fn update_code(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let request: UpdateCode = wire::read(body)?;
    refuse_publish(request.publish)?;
    refuse_architectures(request.architectures.as_deref())?;
    if request.dry_run {
        return Err(Refusal::validation("not supported here: the member `DryRun`"));
    }
    let package = checked(request.zip_file)?;
    let (target, revision) = (Target::parse(&name)?, request.revision_id.as_deref());
    let function = runner.change(&target, revision, |_| (), Some(package)).await?;
    Ok(wire::answer(StatusCode::OK, &shown(&runner, &function, None)))
}

pub(super) async fn update_configuration(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let mut request: UpdateConfiguration = wire::read(body)?;
    let (target, revision) = (Target::parse(&name)?, request.revision_id.take());
    request.check()?;
    let change = |function: &mut Function| request.apply(function);
    let function = runner.change(&target, revision.as_deref(), change, None).await?;
    Ok(wire::answer(StatusCode::OK, &shown(&runner, &function, None)))
}

pub(super) async fn delete(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    Query(query): Query<Qualified>,
) -> Result<Response, Refusal> {
    let target = Target::parse(&name)?.qualified(query.qualifier.as_deref())?;
    if target.qualifier.as_deref() == Some(LATEST) {
        return Err(Refusal::invalid_parameter(
            "$LATEST version cannot be deleted without deleting the function.",
        ));
    }
    runner.delete(&target).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
