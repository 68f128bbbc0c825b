//! What all functions work with: the client, the queue, the ledger, the target, each opened with its first use.
//!
//! A plan has a world of its own: a copy of the ledger in memory and a target that writes nothing. The functions are
//! the same ones and do not know the difference.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use stepwell_integrations::Clock;
use stepwell_integrations::iam::{
    AwsRolePolicies, EmbeddedOptions as RoleOptions, EmbeddedRolePolicies, RolePolicies,
};
use stepwell_integrations::sqs::Queue;
use stepwell_pipeline::surroundings::Provider;
use stepwell_pipeline::{HandlerError, Surroundings};
use stepwell_services::Opener;
use tokio::sync::OnceCell;

use crate::config::{Boundary, Config};
use crate::dmm::Dmm;
use crate::ledger::Ledger;
use crate::reading::Readings;
use crate::target::{Target, handler_error};

/// Our own count of attempts comes first; this one only ends what kills the process again and again.
const RECEIVES_MAX: u32 = 50;

/// The worlds of so many plans are kept; a plan that never came to its end is forgotten.
const PLANS_KEPT: usize = 4;

/// The world of a plan, once a function of it was called.
type Plan = Arc<OnceCell<Arc<World>>>;

/// What all functions of the pipeline work with.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) dmm: Dmm,
    pub(crate) readings: Readings,
    services: Opener,
    queue: OnceCell<Arc<dyn Queue>>,
    real: OnceCell<Arc<World>>,
    plans: Mutex<VecDeque<(String, Plan)>>,
}

/// Where things are written.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) target: Target,
    pub(crate) is_plan: bool,
    iam: Arc<dyn RolePolicies>,
    /// The embedded access ledger, where that is the target.
    pub(crate) embedded: Option<EmbeddedRolePolicies>,
}

impl Service {
    pub(crate) fn new(config: Config, dmm: Dmm, surroundings: Surroundings) -> Self {
        Self {
            config,
            dmm,
            services: Opener::new(surroundings),
            readings: Readings::default(),
            queue: OnceCell::new(),
            real: OnceCell::new(),
            plans: Mutex::default(),
        }
    }

    /// The world of a run.
    pub(crate) async fn world(&self, run: &str, is_plan: bool) -> Result<Arc<World>, HandlerError> {
        let real = self.real.get_or_try_init(|| self.open()).await?;
        if !is_plan {
            return Ok(Arc::clone(real));
        }
        let plan = self.plan_of(run);
        plan.get_or_try_init(|| real.plan()).await.cloned()
    }

    /// Forgets the world of a plan.
    pub(crate) fn end_plan(&self, run: &str) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != run);
    }

    fn plan_of(&self, run: &str) -> Plan {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = plans.iter().find(|(of, _)| of == run) {
            return Arc::clone(known);
        }
        let new = Plan::default();
        plans.push_back((run.to_owned(), Arc::clone(&new)));
        if plans.len() > PLANS_KEPT {
            plans.pop_front();
        }
        new
    }

    async fn open(&self) -> Result<Arc<World>, HandlerError> {
        let ledger = Ledger::open(&self.services.file("data-mesh.db")?)?;
        let (iam, embedded): (Arc<dyn RolePolicies>, _) =
            match self.services.surroundings().services.iam {
                Provider::Aws => {
                    (Arc::new(AwsRolePolicies::new(self.services.connection().await?)), None)
                }
                Provider::Embedded => {
                    let embedded = self.embedded_ledger()?;
                    (Arc::new(embedded.clone()), Some(embedded))
                }
            };
        let target = Target::new(Arc::clone(&iam), false);
        Ok(Arc::new(World { ledger, target, is_plan: false, iam, embedded }))
    }

    /// Its roles come into being by themselves, in the first account that may be touched, with the boundary that is
    /// asked for.
    fn embedded_ledger(&self) -> Result<EmbeddedRolePolicies, HandlerError> {
        let rules = &self.config.rules;
        let account = rules.accounts.first().expect("accounts are not empty").clone();
        let permissions_boundary = match &rules.boundary {
            Boundary::This(arn) => Some(arn.clone()),
            Boundary::Any => {
                Some(format!("arn:{}:iam::{account}:policy/embedded", self.config.partition))
            }
            Boundary::NotNeeded => None,
        };
        let partition = self.config.partition.clone();
        let options =
            RoleOptions { partition, account, permissions_boundary, ..RoleOptions::default() };
        EmbeddedRolePolicies::open(&self.services.file("iam.db")?, options, clock())
            .map_err(|error| handler_error(&error))
    }

    pub(crate) async fn queue(&self) -> Result<&dyn Queue, HandlerError> {
        let Config { queue, dead_letter_queue, .. } = &self.config;
        let open = || self.services.queue(queue, dead_letter_queue.as_deref(), RECEIVES_MAX);
        let queue = self.queue.get_or_try_init(open).await?;
        Ok(queue.as_ref())
    }

    /// The requests to AWS so far.
    pub(crate) fn aws_requests(&self) -> u64 {
        self.services.aws_requests()
    }
}

impl World {
    /// A world in which everything is as here, and nothing of what happens there is kept.
    async fn plan(&self) -> Result<Arc<Self>, HandlerError> {
        let iam = Arc::clone(&self.iam);
        Ok(Arc::new(Self {
            ledger: self.ledger.copy().await?,
            target: Target::new(Arc::clone(&iam), true),
            is_plan: true,
            iam,
            embedded: None,
        }))
    }
}

fn clock() -> Clock {
    Arc::new(Timestamp::now)
}
