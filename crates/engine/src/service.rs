//! The engine as a service: owns its parts, runs until told to stop.

use std::sync::Arc;

use stepwell_task::TaskRouter;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Entropy};
use crate::error::{Halted, StoreError};
use crate::handle::Handle;
use crate::options::Options;

/// An opened engine.
pub struct Service {}

impl Service {
    pub(crate) fn open(
        options: Options,
        router: Arc<dyn TaskRouter>,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let _ = (options, router, clock, entropy);
        todo!()
    }

    /// The door to it. Requests wait until [`run`](Self::run) runs.
    pub fn handle(&self) -> Handle {
        todo!()
    }

    /// Runs the engine until `shutdown` is cancelled or a commit fails.
    ///
    /// A shutdown is graceful: nothing new is accepted, the handlers are asked to stop and get a grace
    /// period to return; what is then still open goes on at the next start.
    ///
    /// # Errors
    /// [`Halted`] if the store could not be written or read.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Halted> {
        let _ = shutdown;
        todo!()
    }
}
