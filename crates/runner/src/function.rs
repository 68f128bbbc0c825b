//! One function: its configuration, and the limits that Lambda sets to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arn;
use crate::error::Refusal;
use crate::runtime::{Runtime, is_executable};

/// What AWS Lambda allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Seconds of one invocation.
    pub timeout_seconds: (u32, u32),
    /// Memory in MiB.
    pub memory_mb: (u32, u32),
    /// Bytes of a payload and of a response.
    pub payload_bytes_max: usize,
    /// Bytes of the payload of an asynchronous invocation.
    pub event_bytes_max: usize,
    /// Bytes of all environment variables.
    pub environment_bytes_max: usize,
    /// Bytes of code, unpacked.
    pub code_bytes_max: u64,
    /// Bytes of a zip file in a request.
    pub zip_bytes_max: usize,
}

/// Source: AWS Lambda developer guide, "Lambda quotas".
pub const LIMITS: Limits = Limits {
    timeout_seconds: (1, 900),
    memory_mb: (128, 10_240),
    payload_bytes_max: 6_291_556,
    event_bytes_max: 1 << 20,
    environment_bytes_max: 4096,
    code_bytes_max: 250 << 20,
    zip_bytes_max: 50 << 20,
};

/// A function that can be invoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its plain name.
    pub name: String,
    /// AWS's name of the runtime, for instance `python3.12`.
    pub runtime: String,
    /// What is called: `module.function`; for `provided.*` whatever the executable makes of it.
    pub handler: String,
    /// The role, which nothing here asks.
    #[serde(default)]
    pub role: String,
    /// A text for people.
    #[serde(default)]
    pub description: String,
    /// Seconds of one invocation.
    pub timeout_seconds: u32,
    /// Memory of its processes in MiB.
    pub memory_mb: u32,
    /// MiB that its processes may write to `/tmp`.
    pub ephemeral_mb: u32,
    /// Variables; a value `secret:NAME` is a reference until a process starts.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Invocations at the same time, if they are reserved.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The folder of the code.
    pub folder: PathBuf,
    /// SHA-256 of the package in base64.
    #[serde(default)]
    pub code_sha256: String,
    /// Bytes of the package.
    #[serde(default)]
    pub code_bytes: u64,
    /// When it was last changed: `2026-11-30T06:43:07.000+0000`.
    #[serde(default)]
    pub last_modified: String,
    /// Changes with each change.
    #[serde(default)]
    pub revision: String,
}

impl Function {
    /// A function with Lambda's defaults: 3 seconds, 128 MiB, 512 MiB of `/tmp`.
    pub fn new(name: &str, runtime: &str, handler: &str, folder: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            runtime: runtime.to_owned(),
            handler: handler.to_owned(),
            role: String::new(),
            description: String::new(),
            timeout_seconds: 3,
            memory_mb: 128,
            ephemeral_mb: 512,
            environment: BTreeMap::new(),
            concurrency: None,
            folder,
            code_sha256: String::new(),
            code_bytes: 0,
            last_modified: String::new(),
            revision: String::new(),
        }
    }

    /// Holds it to Lambda's limits. Its variables may say who it is at AWS, since it has no role here; a function that is made
    /// through the API may not: see [`Self::check_as_aws`].
    ///
    /// # Errors
    /// `ValidationException` or `InvalidParameterValueException`, in AWS's words.
    pub fn check(&self) -> Result<(), Refusal> {
        if !arn::is_name(&self.name) {
            return Err(Refusal::constraint(
                "functionName",
                &self.name,
                "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+",
            ));
        }
        Runtime::parse(&self.runtime)?;
        within("timeout", self.timeout_seconds, LIMITS.timeout_seconds)?;
        within("memorySize", self.memory_mb, LIMITS.memory_mb)?;
        within("ephemeralStorage.size", self.ephemeral_mb, (512, 10_240))?;
        if self.handler.is_empty()
            || self.handler.len() > 128
            || self.handler.contains(char::is_whitespace)
        {
            let rule = r"Member must satisfy regular expression pattern: [^\s]+";
            return Err(Refusal::constraint("handler", &self.handler, rule));
        }
        refuse_names(&self.environment, &RESERVED)?;
        check_environment(&self.environment)
    }

    /// As [`Self::check`], and everything else that Lambda refuses.
    pub(crate) fn check_as_aws(&self) -> Result<(), Refusal> {
        refuse_names(&self.environment, &[&RESERVED[..], &IDENTITY[..]].concat())?;
        self.check()
    }

    /// Whether there is something to run.
    ///
    /// # Errors
    /// `InvalidParameterValueException` if the executable of a `provided.*` runtime is missing.
    pub(crate) fn check_code(&self) -> Result<(), Refusal> {
        let is_provided = Runtime::parse(&self.runtime)? == Runtime::Provided;
        if is_provided && !is_executable(&self.folder.join("bootstrap")) {
            return Err(Refusal::invalid_parameter(
                "The package has no executable file `bootstrap`, which the runtime needs",
            ));
        }
        Ok(())
    }

    /// As `GetFunctionConfiguration` shows it.
    pub(crate) fn configuration(&self, arn: &str) -> Value {
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": arn,
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.code_bytes,
            "Description": self.description,
            "Timeout": self.timeout_seconds,
            "MemorySize": self.memory_mb,
            "LastModified": self.last_modified,
            "CodeSha256": self.code_sha256,
            "Version": arn::LATEST,
            "TracingConfig": {"Mode": "PassThrough"},
            "RevisionId": self.revision,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": [if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
            "EphemeralStorage": {"Size": self.ephemeral_mb},
        });
        if !self.environment.is_empty() {
            shown["Environment"] = json!({"Variables": self.environment});
        }
        shown
    }
}

fn within(member: &str, value: u32, (min, max): (u32, u32)) -> Result<(), Refusal> {
    let rule = |how: &str, bound| format!("Member must have value {how} than or equal to {bound}");
    let rule = match value {
        _ if value < min => rule("greater", min),
        _ if value > max => rule("less", max),
        _ => return Ok(()),
    };
    Err(Refusal::constraint(member, &value.to_string(), &rule))
}

/// Names that Lambda sets itself.
const RESERVED: [&str; 11] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
];

/// Names that say who calls AWS, and where; Lambda sets them from the role.
const IDENTITY: [&str; 5] = [
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

fn refuse_names(variables: &BTreeMap<String, String>, names: &[&str]) -> Result<(), Refusal> {
    let reserved: Vec<_> =
        variables.keys().map(String::as_str).filter(|name| names.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(Refusal::invalid_parameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    Ok(())
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        let rule = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
        return Err(Refusal::constraint("environment.variables", name, rule));
    }
    if variables.values().any(|value| value.contains('\0')) {
        return Err(Refusal::invalid_parameter("a value of an environment variable holds a NUL"));
    }
    let bytes = serde_json::to_string(variables).map_or(0, |text| text.len());
    if bytes > LIMITS.environment_bytes_max {
        // AWS repeats the variables here; they may be secrets.
        return Err(Refusal::invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.",
        ));
    }
    Ok(())
}
