//! Shapes of the Lambda API.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::error::Refusal;
use crate::function::{Function, LIMITS};

/// `CreateFunction`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    pub(super) function_name: String,
    pub(super) runtime: String,
    pub(super) handler: Option<String>,
    pub(super) role: String,
    pub(super) code: Code,
    #[serde(default)]
    pub(super) publish: bool,
    #[serde(default)]
    pub(super) package_type: Option<String>,
    #[serde(default)]
    pub(super) architectures: Option<Vec<String>>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) timeout: Option<u32>,
    #[serde(default)]
    pub(super) memory_size: Option<u32>,
    #[serde(default)]
    pub(super) environment: Option<Environment>,
    #[serde(default)]
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
}

/// `UpdateFunctionConfiguration`
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct UpdateConfiguration {
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) role: Option<String>,
    pub(super) description: Option<String>,
    pub(super) timeout: Option<u32>,
    pub(super) memory_size: Option<u32>,
    pub(super) environment: Option<Environment>,
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
    pub(super) revision_id: Option<String>,
}

/// `UpdateFunctionCode`
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct UpdateCode {
    #[serde(deserialize_with = "package")]
    pub(super) zip_file: Option<Vec<u8>>,
    pub(super) publish: bool,
    pub(super) dry_run: bool,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) revision_id: Option<String>,
}

/// Code in the request; code in a bucket or an image is refused by its name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Code {
    #[serde(default, deserialize_with = "package")]
    pub(super) zip_file: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Environment {
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EphemeralStorage {
    pub(super) size: u32,
}

impl UpdateConfiguration {
    /// Refuses references to secrets: whoever may create a function could read any secret of the project by one.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let variables = self.environment.iter().flat_map(|it| &it.variables);
        match variables.into_iter().find(|(_, value)| value.starts_with("secret:")) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::invalid_parameter(format!(
                "The variable {name} refers to a secret; that is for functions of stepwell.toml only."
            ))),
        }
    }

    /// Changes what is named.
    pub(super) fn apply(self, function: &mut Function) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut function.runtime, self.runtime);
        set(&mut function.handler, self.handler);
        set(&mut function.role, self.role);
        set(&mut function.description, self.description);
        set(&mut function.timeout_seconds, self.timeout);
        set(&mut function.memory_mb, self.memory_size);
        set(&mut function.environment, self.environment.map(|it| it.variables));
        set(&mut function.ephemeral_mb, self.ephemeral_storage.map(|it| it.size));
    }
}

fn package<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    STANDARD.decode(text).map(Some).map_err(|_| serde::de::Error::custom("ZipFile is no base64"))
}

/// Reads the body of a request.
pub(super) fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|_| {
        Refusal::entity_too_large(format!(
            "Request must be smaller than {} bytes for the CreateFunction operation",
            LIMITS.zip_bytes_max
        ))
    })?;
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::validation(
            error.to_string().replace("unknown field", "not supported here: the member"),
        ),
        _ => Refusal::not_parsed(format!("Could not parse request body into json: {error}")),
    })
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let at_fault = if status.is_server_error() { "Service" } else { "User" };
        let mut body = json!({"Type": at_fault, "Message": self.message});
        if let Some(reason) = self.reason {
            body["Reason"] = reason.into();
        }
        let mut response = answer(status, &body);
        if let Ok(code) = self.code.parse() {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }
}

/// An answer of the API.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let id = Uuid::new_v4().to_string();
    let headers = [(header::CONTENT_TYPE.as_str(), "application/json"), ("x-amzn-requestid", &id)];
    (status, headers, body.to_string()).into_response()
}
