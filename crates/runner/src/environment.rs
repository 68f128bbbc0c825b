//! The environment of a process: Lambda's variables and those of the function, and nothing else.

use jiff::Timestamp;
use uuid::Uuid;

use crate::arn::LATEST;
use crate::function::Function;
use crate::options::Options;

/// Where function processes look for programs, as on Lambda.
pub(crate) const FUNCTION_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/bin";

/// The variables of a process whose Runtime API is at `api`. References to secrets have become their values.
pub(crate) async fn variables(
    options: &Options,
    function: &Function,
    api: &str,
) -> Result<Vec<(String, String)>, String> {
    let endpoint = options.endpoint.iter().flat_map(|url| {
        // `sync-` before an address, as the SDKs write it for some operations, would be no name of a host.
        [("AWS_ENDPOINT_URL", &**url), ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")]
    });
    let endpoint = endpoint.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut variables: Vec<_> = fixed(options, function, api).into_iter().chain(endpoint).collect();
    for (name, value) in &function.environment {
        let value = match value.strip_prefix("secret:") {
            Some(secret) => options.secrets.resolve(secret).await?,
            None => value.clone(),
        };
        // The function's own `PATH` or `AWS_ENDPOINT_URL` takes the place of ours.
        variables.retain(|(set, _)| set != name);
        variables.push((name.clone(), value));
    }
    Ok(variables)
}

fn fixed(options: &Options, function: &Function, api: &str) -> Vec<(String, String)> {
    let name = &function.name;
    let day = Timestamp::now().strftime("%Y/%m/%d/");
    let stream = format!("{day}[$LATEST]{}", Uuid::new_v4().simple());
    let variables = [
        ("PATH", FUNCTION_PATH),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("_HANDLER", &function.handler),
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", LATEST),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
        ("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime)),
        ("AWS_REGION", &options.region),
        ("AWS_DEFAULT_REGION", &options.region),
        ("AWS_ACCESS_KEY_ID", &options.access_key.0),
        ("AWS_SECRET_ACCESS_KEY", &options.access_key.1),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
