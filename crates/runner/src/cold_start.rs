//! How a process comes up. Its interpreter is found out first: it may be slow to answer, and meanwhile the process has no place
//! among those that come up.

use std::ffi::OsString;
use std::sync::Arc;

use crate::environment;
use crate::function::Function;
use crate::launch::{Isolation, Launch};
use crate::places::Place;
use crate::pool::Pool;
use crate::process::{Process, Started};
use crate::runtime::Runtime;
use crate::runtime_api::{self, Session};
use crate::shared::Shared;

/// What is known of a process before it comes up.
pub(crate) struct ColdStart {
    command: Vec<OsString>,
    isolation: Isolation,
}

impl Shared {
    pub(crate) async fn prepare(&self, function: &Function) -> Result<ColdStart, String> {
        let interpreter = self.interpreter(function).await.map_err(|refusal| refusal.message)?;
        let runtime = Runtime::parse(&function.runtime).map_err(|refusal| refusal.message)?;
        Ok(ColdStart {
            command: runtime.command(interpreter.as_deref(), function.memory_mb),
            isolation: self.isolation().await,
        })
    }

    pub(crate) async fn launch(
        &self,
        pool: &Pool,
        cold: ColdStart,
        starting: Place,
    ) -> Result<Process, String> {
        let ColdStart { command, isolation } = cold;
        let session = Arc::new(Session::default());
        let in_words = |error: std::io::Error| error.to_string();
        let (address, api) = runtime_api::serve(Arc::clone(&session)).await.map_err(in_words)?;
        let (function, address) = (&pool.function, address.to_string());
        let launch = Launch {
            isolation,
            function,
            command,
            state: &self.options.state,
            temporary: &self.options.temporary(),
            // Not before: others that wait may need no process of their own, and a secret is as it is now.
            variables: environment::variables(&self.options, function, &address).await?,
        };
        let (child, private) = launch.start().map_err(in_words)?;
        let (function, log) = (Arc::clone(function), Arc::clone(&pool.log));
        let arn = self.arn(&function.name);
        Ok(Process::of(Started { function, arn, session, api, child, log, private, starting }))
    }

    /// What the options ask for, as far as this system allows it.
    async fn isolation(&self) -> Isolation {
        if !self.options.namespaces {
            return Isolation::Groups;
        }
        let probe = async || Isolation::probe(&self.options.temporary()).await;
        *self.isolation.get_or_init(probe).await
    }
}
