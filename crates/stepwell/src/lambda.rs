//! Functions of AWS Lambda, where `[services]` says `lambda = "aws"`: connected to with the first call.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_integrations::lambda::LambdaFunctions;
use stepwell_pipeline::surroundings::Provider;
use stepwell_services::Opener;
use stepwell_task::{TaskFailure, TaskHandler, TaskOutcome, TaskRequest};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// The functions of an account.
pub(crate) struct AwsLambda {
    opener: Arc<Opener>,
    opened: OnceCell<LambdaFunctions>,
}

impl AwsLambda {
    /// Opens nothing yet; none where functions are this project's own.
    pub(crate) fn of(opener: &Arc<Opener>) -> Option<Arc<dyn TaskHandler>> {
        let is_wanted = opener.surroundings().services.lambda == Provider::Aws;
        let opener = Arc::clone(opener);
        is_wanted.then(|| Arc::new(Self { opener, opened: OnceCell::new() }) as _)
    }
}

#[async_trait]
impl TaskHandler for AwsLambda {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let connect = async || Ok(LambdaFunctions::new(self.opener.connection().await?));
        let connected: Result<_, stepwell_pipeline::HandlerError> =
            self.opened.get_or_try_init(connect).await;
        match connected {
            Ok(functions) => functions.handle(request, stop).await,
            Err(problem) => TaskOutcome::Failed(TaskFailure {
                error: "Lambda.SdkClientException".to_owned(),
                cause: Some(problem.to_string()),
            }),
        }
    }
}
