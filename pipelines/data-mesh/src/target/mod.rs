//! Roles and their inline policies, as they are in IAM or in the embedded access ledger.
//!
//! Responsible for: reading roles with few calls, one writer at a time for each role, and, in a plan, acting as if
//! what is planned were done. Left to others: what a role should have ([`crate::layout`]), which roles may be
//! touched ([`crate::desired::role`]).
//!
//! What a batch needs of a role is read once. A batch of many accesses reads all roles at once
//! (`GetAccountAuthorizationDetails`), unless the credentials may not: then role by role.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use stepwell_integrations::aws::CallError;
use stepwell_integrations::iam::{Error, Role, RolePolicies};
use tokio::sync::{Mutex as AsyncMutex, OnceCell, OwnedMutexGuard};
use tokio::time::Instant;

use crate::layout::{self, Step};

mod error;

pub(crate) use error::handler_error;

/// From so many accesses on, all roles are read at once.
pub(crate) const MANY: usize = 8;

/// So many roles are read at the same time.
const READERS: usize = 8;

/// The overviews of so many batches are kept: two machines may run beside each other.
const OVERVIEWS_KEPT: usize = 4;

/// A role with its inline policies.
#[derive(Debug, Clone)]
pub(crate) struct RoleState {
    pub(crate) role: Role,
    pub(crate) policies: BTreeMap<String, String>,
}

/// What a batch knows of a role. Whoever holds it is the only one who writes to the role.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    batch: Option<String>,
    /// Nothing: there is no such role.
    state: Option<RoleState>,
    written: Option<Instant>,
}

/// All roles at one moment.
#[derive(Debug)]
struct Overview {
    read: Instant,
    roles: BTreeMap<String, RoleState>,
}

type Once<T> = Arc<OnceCell<T>>;

/// Where policies are written.
#[derive(Debug)]
pub(crate) struct Target {
    iam: Arc<dyn RolePolicies>,
    is_plan: bool,
    slots: Mutex<BTreeMap<String, Arc<AsyncMutex<Slot>>>>,
    overviews: Mutex<VecDeque<(String, Once<Option<Overview>>)>>,
}

impl Target {
    pub(crate) fn new(iam: Arc<dyn RolePolicies>, is_plan: bool) -> Self {
        Self { iam, is_plan, slots: Mutex::default(), overviews: Mutex::default() }
    }

    /// Waits until nobody else works on the role.
    pub(crate) async fn lock(&self, role: &str) -> OwnedMutexGuard<Slot> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(role.to_owned()).or_default())
        };
        slot.lock_owned().await
    }

    /// The role as this batch knows it; nothing if there is no such role.
    pub(crate) async fn load<'s>(
        &self,
        slot: &'s mut Slot,
        role: &str,
        batch: &str,
        is_of_many: bool,
    ) -> Result<Option<&'s mut RoleState>, Error> {
        let is_known =
            slot.batch.as_deref() == Some(batch) || (self.is_plan && slot.batch.is_some());
        if !is_known {
            slot.state = self.read(role, batch, is_of_many, slot.written).await?;
            slot.batch = Some(batch.to_owned());
        }
        Ok(slot.state.as_mut())
    }

    async fn read(
        &self,
        role: &str,
        batch: &str,
        is_of_many: bool,
        written: Option<Instant>,
    ) -> Result<Option<RoleState>, Error> {
        if is_of_many {
            let overview = self.overview_of(batch);
            let overview = overview.get_or_try_init(|| self.overview()).await?;
            if let Some(overview) = overview.as_ref().filter(|it| written < Some(it.read)) {
                return match overview.roles.get(role) {
                    Some(state) => Ok(Some(state.clone())),
                    None => self.unlisted(role).await,
                };
            }
        }
        self.read_role(role).await
    }

    /// A role that no overview names may exist all the same: those of the embedded ledger come into being with their
    /// first policy.
    async fn unlisted(&self, role: &str) -> Result<Option<RoleState>, Error> {
        match self.iam.get_role(role).await {
            Ok(role) => Ok(Some(RoleState { role, policies: BTreeMap::new() })),
            Err(Error::NoSuchRole { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn overview_of(&self, batch: &str) -> Once<Option<Overview>> {
        let mut overviews = self.overviews.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = overviews.iter().find(|(of, _)| of == batch) {
            return Arc::clone(known);
        }
        let new = Once::default();
        overviews.push_back((batch.to_owned(), Arc::clone(&new)));
        if overviews.len() > OVERVIEWS_KEPT {
            overviews.pop_front();
        }
        new
    }

    /// All roles; nothing if the credentials may not see them at once.
    async fn overview(&self) -> Result<Option<Overview>, Error> {
        let read = Instant::now();
        match self.iam.roles_with_policies().await {
            Ok(roles) => {
                let roles = roles.into_iter().map(|it| {
                    (it.role.name.clone(), RoleState { role: it.role, policies: it.policies })
                });
                Ok(Some(Overview { read, roles: roles.collect() }))
            }
            Err(Error::Call(CallError::AccessDenied { .. })) => {
                tracing::debug!(
                    "roles are read one by one: iam:GetAccountAuthorizationDetails is not allowed"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_role(&self, role: &str) -> Result<Option<RoleState>, Error> {
        let found = match self.iam.get_role(role).await {
            Ok(found) => found,
            Err(Error::NoSuchRole { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let policies = self.read_policies(role).await?;
        Ok(policies.map(|policies| RoleState { role: found, policies }))
    }

    /// The inline policies of a role; nothing if there is no such role.
    async fn read_policies(&self, role: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let names = match self.iam.list_role_policies(role).await {
            Ok(names) => names,
            Err(Error::NoSuchRole { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut policies = BTreeMap::new();
        for name in names {
            match self.iam.get_role_policy(role, &name).await {
                Ok(document) => drop(policies.insert(name, document)),
                Err(Error::NoSuchPolicy { .. }) => {}
                Err(Error::NoSuchRole { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(policies))
    }

    /// Carries the steps out, one after the other.
    pub(crate) async fn carry_out(
        &self,
        slot: &mut Slot,
        role: &str,
        steps: &[Step],
    ) -> Result<(), Error> {
        for step in steps {
            if !self.is_plan {
                // What is half done is read anew.
                let batch = slot.batch.take();
                slot.written = Some(Instant::now());
                self.write(role, step).await?;
                slot.batch = batch;
                slot.written = Some(Instant::now());
            }
            if let Some(state) = &mut slot.state {
                match step {
                    Step::Put { policy, document } => {
                        state.policies.insert(policy.clone(), document.clone());
                    }
                    Step::Delete { policy } => drop(state.policies.remove(policy)),
                }
            }
        }
        Ok(())
    }

    async fn write(&self, role: &str, step: &Step) -> Result<(), Error> {
        match step {
            Step::Put { policy, document } => {
                self.iam.put_role_policy(role, policy, document).await
            }
            Step::Delete { policy } => match self.iam.delete_role_policy(role, policy).await {
                Err(Error::NoSuchPolicy { .. }) => Ok(()),
                outcome => outcome,
            },
        }
    }

    /// Every role whose name is `allowed`, with those of its policies that are ours.
    pub(crate) async fn survey(
        &self,
        path_prefix: &str,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, RoleState>, Error> {
        if let Some(overview) = self.overview().await? {
            let roles = overview.roles.into_iter().filter(|(name, _)| allowed(name));
            return Ok(roles.map(|(name, state)| (name, state.ours())).collect());
        }
        let names = self.iam.list_roles(path_prefix).await?;
        let read = stream::iter(names.into_iter().filter(|name| allowed(name)))
            .map(async |name| Ok::<_, Error>((self.read_role(&name).await?, name)))
            .buffer_unordered(READERS);
        let found: Vec<_> = read.try_collect().await?;
        let there = found.into_iter().filter_map(|(state, name)| Some((name, state?.ours())));
        Ok(there.collect())
    }

    /// The documents of these policies as they are now, read from the target; those that are not there are left out.
    pub(crate) async fn read_back(
        &self,
        policies: &BTreeSet<(String, String)>,
    ) -> Result<BTreeMap<(String, String), String>, Error> {
        if policies.len() >= MANY
            && let Some(overview) = self.overview().await?
        {
            let all = overview.roles.into_iter().flat_map(|(role, state)| {
                state.policies.into_iter().map(move |(name, text)| ((role.clone(), name), text))
            });
            return Ok(all.filter(|(key, _)| policies.contains(key)).collect());
        }
        let read = stream::iter(policies.iter().cloned())
            .map(async |(role, name)| match self.iam.get_role_policy(&role, &name).await {
                Ok(document) => Ok(Some(((role, name), document))),
                Err(Error::NoSuchPolicy { .. } | Error::NoSuchRole { .. }) => Ok(None),
                Err(error) => Err(error),
            })
            .buffer_unordered(READERS);
        let found: Vec<_> = read.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

impl RoleState {
    fn ours(mut self) -> Self {
        self.policies.retain(|name, _| layout::is_ours(name));
        self
    }

    /// The account of the role, from its ARN.
    pub(crate) fn account(&self) -> &str {
        self.role.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The partition of the role, from its ARN.
    pub(crate) fn partition(&self) -> &str {
        self.role.arn.split(':').nth(1).unwrap_or_default()
    }
}
