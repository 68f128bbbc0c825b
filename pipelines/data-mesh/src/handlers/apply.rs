//! Makes roles as they should be: what `grant`, `revoke` and `report` share.
//!
//! Every write to a role happens while nobody else writes to it, after a claim that no later reading was acted on, and
//! after the ledger knows of it: a crash at any instant leaves no policy that a revocation would not find.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use stepwell_integrations::iam::{Error as IamError, check_policy_name};
use stepwell_pipeline::HandlerError;

use super::Examined;
use crate::config::{Boundary, Rules};
use crate::desired::document::document;
use crate::desired::{Statement, Wanted, role};
use crate::dmm::{Report, Transition};
use crate::layout::{self, Layout, MERGED, Member, Step};
use crate::ledger::{Grant, ItemResult, Outcome, Policy, State};
use crate::service::World;
use crate::target::{RoleState, handler_error};

/// What came of the attempt to grant.
pub(super) enum Granting {
    /// The policy is as it should be.
    Granted(Box<Grant>, Outcome, Vec<String>),
    /// The role, or its size, does not allow it.
    Refused(String),
    /// A later reading was acted on.
    Superseded,
}

/// What the work on one access needs.
pub(super) struct Work<'w> {
    pub(super) world: &'w World,
    pub(super) rules: &'w Rules,
    pub(super) task: &'w Examined,
    pub(super) ticket: i64,
}

impl Work<'_> {
    /// Writes the policy that the access should have.
    pub(super) async fn grant(&self, wanted: &Wanted) -> Result<Granting, HandlerError> {
        let (world, task, name) = (self.world, self.task, wanted.role.as_str());
        if check_policy_name(&layout::policy_name(&task.access)).is_err() {
            let reason = "the id of the access cannot be part of a policy's name: IAM takes letters, digits and \
                          `_+=,.@-`, and 105 characters at most";
            return Ok(Granting::Refused(reason.to_owned()));
        }
        let mut slot = world.target.lock(name).await;
        if !world.ledger.claim(&task.access, self.ticket).await? {
            return Ok(Granting::Superseded);
        }
        let loaded = world.target.load(&mut slot, name, &task.batch, task.many).await;
        let Some(state) = loaded.map_err(|error| handler_error(&error))? else {
            return Ok(Granting::Refused(format!("the role `{name}` does not exist")));
        };
        if let Some(reason) = refusal(state, &wanted.partition, self.rules) {
            return Ok(Granting::Refused(reason));
        }
        let on_role = world.ledger.grants_on(state.account(), name).await?;
        let mut grant = self.new_grant(wanted, state, &on_role);
        let known = on_role.iter().find(|it| it.access == task.access);
        let others: Vec<_> =
            on_role.iter().filter(|it| it.access != task.access).cloned().collect();
        let members: Vec<_> = others.iter().chain([&grant]).map(member).collect();
        let layout = match layout::plan(&state.policies, &members, &[]) {
            Ok(layout) => layout,
            Err(no_room) => return Ok(Granting::Refused(format!("role `{name}`: {no_room}"))),
        };
        grant.policy = layout.policy_of[&task.access].clone();
        let outcome = outcome(known.map(|it| it.state), known, &grant, &layout);
        if !layout.steps.is_empty() {
            self.write(vec![grant.clone()], Vec::new()).await?;
            match world.target.carry_out(&mut slot, name, &layout.steps).await {
                Ok(()) => {}
                // Somebody else has taken the room meanwhile.
                Err(error @ IamError::LimitExceeded { .. }) => {
                    return Ok(Granting::Refused(error.to_string()));
                }
                Err(error) => return Err(handler_error(&error)),
            }
        }
        grant.state = State::Granted;
        let warnings = told(&layout, &grant, &wanted.warnings);
        let policies = policies(&grant.account, name, &layout);
        let moved = moved(others, &layout);
        self.write(moved.chain([grant.clone()]).collect(), policies).await?;
        Ok(Granting::Granted(Box::new(grant), outcome, warnings))
    }

    /// Removes what the access has, except on `keep`. Gives what was removed; nothing if a later reading was acted on.
    pub(super) async fn revoke(
        &self,
        keep: Option<&Grant>,
        reason: &str,
    ) -> Result<Option<Vec<Grant>>, HandlerError> {
        let mut revoked = Vec::new();
        for grant in self.world.ledger.grants_of(&self.task.access).await? {
            if keep.is_some_and(|it| it.account == grant.account && it.role == grant.role) {
                continue;
            }
            match self.revoke_one(grant, reason).await? {
                Some(grant) => revoked.push(grant),
                None => return Ok(None),
            }
        }
        Ok(Some(revoked))
    }

    async fn revoke_one(
        &self,
        mut grant: Grant,
        reason: &str,
    ) -> Result<Option<Grant>, HandlerError> {
        let (world, task, name) = (self.world, self.task, grant.role.clone());
        self.check_allowed(&grant)?;
        let mut slot = world.target.lock(&name).await;
        if !world.ledger.claim(&task.access, self.ticket).await? {
            return Ok(None);
        }
        grant.state = State::Revoked;
        grant.note = Some(reason.to_owned());
        let is_alone = grant.policy != MERGED && task.cause.kind != super::survey::KIND;
        if is_alone {
            let policy = grant.policy.clone();
            let gone = [Step::Delete { policy: policy.clone() }];
            match world.target.carry_out(&mut slot, &name, &gone).await {
                Ok(()) => {}
                Err(IamError::NoSuchRole { .. }) => {
                    grant.note =
                        Some(format!("{reason}; the role is gone, and its policies with it"));
                }
                Err(error) => return Err(handler_error(&error)),
            }
            let policies = vec![removed(&grant.account, &name, policy)];
            self.write(vec![grant.clone()], policies).await?;
            return Ok(Some(grant));
        }
        let loaded = world.target.load(&mut slot, &name, &task.batch, task.many).await;
        let Some(state) = loaded.map_err(|error| handler_error(&error))? else {
            grant.note = Some(format!("{reason}; the role is gone, and its policies with it"));
            let policies = vec![removed(&grant.account, &name, grant.policy.clone())];
            self.write(vec![grant.clone()], policies).await?;
            return Ok(Some(grant));
        };
        let others = world.ledger.grants_on(&grant.account, &name).await?;
        let others: Vec<_> = others.into_iter().filter(|it| it.access != task.access).collect();
        let members: Vec<_> = others.iter().map(member).collect();
        let of_access = |it: &&String| layout::access_of(it) == Some(&task.access);
        let gone: Vec<_> = state.policies.keys().filter(of_access).cloned().collect();
        let layout = layout::plan(&state.policies, &members, &gone)
            .map_err(|no_room| HandlerError::Data(format!("role `{name}`: {no_room}")))?;
        let carried = world.target.carry_out(&mut slot, &name, &layout.steps).await;
        carried.map_err(|error| handler_error(&error))?;
        let mut policies = policies(&grant.account, &name, &layout);
        if grant.policy != MERGED {
            policies.push(removed(&grant.account, &name, grant.policy.clone()));
        }
        let moved = moved(others, &layout);
        self.write(moved.chain([grant.clone()]).collect(), policies).await?;
        Ok(Some(grant))
    }

    /// Nothing but what the configuration allows is ever touched, not even to revoke.
    fn check_allowed(&self, grant: &Grant) -> Result<(), HandlerError> {
        let by_name = role::check(&grant.role, &self.rules.role_patterns).err();
        let by_name = by_name.map(|error| error.to_string());
        let by_account = (!self.rules.accounts.contains(&grant.account))
            .then(|| format!("the account {} is not among the `accounts`", grant.account));
        by_name.or(by_account).map_or(Ok(()), |reason| {
            Err(HandlerError::Config(format!(
                "the policy `{}` on `{}` has to go and must not be touched: {reason}; allow it, or remove the policy by hand",
                grant.policy, grant.role_arn
            )))
        })
    }

    async fn write(&self, grants: Vec<Grant>, policies: Vec<Policy>) -> Result<(), HandlerError> {
        Ok(self.world.ledger.write(&self.task.run, Timestamp::now(), grants, policies).await?)
    }

    fn new_grant(&self, wanted: &Wanted, state: &RoleState, on_role: &[Grant]) -> Grant {
        let access = &self.task.access;
        let known = on_role.iter().find(|it| it.access == *access);
        let policy = known.map_or_else(|| layout::policy_name(access), |it| it.policy.clone());
        Grant {
            access: access.clone(),
            account: state.account().to_owned(),
            role: wanted.role.clone(),
            role_arn: state.role.arn.clone(),
            policy,
            hash: hash(&wanted.statements),
            statements: wanted.statements.clone(),
            arns: wanted.arns.clone(),
            state: State::Granting,
            note: None,
            cause: Some(self.task.cause.clone()),
        }
    }
}

fn member(grant: &Grant) -> Member {
    Member {
        access: grant.access.clone(),
        policy: grant.policy.clone(),
        statements: grant.statements.clone(),
    }
}

/// Why the role must not be touched, or not with these resources.
fn refusal(state: &RoleState, partition: &str, rules: &Rules) -> Option<String> {
    let role = &state.role;
    let (account, of) = (state.account(), state.partition());
    if !rules.accounts.contains(account) {
        return Some(format!(
            "the account {account} of the role `{}` is not among the `accounts`",
            role.name
        ));
    }
    if !role.path.starts_with(&rules.role_path_prefix) {
        let (path, prefix) = (&role.path, &rules.role_path_prefix);
        return Some(format!("the role `{}` has the path `{path}`, not `{prefix}`", role.name));
    }
    if let Some(policy) = administrators_policy(state) {
        return Some(format!(
            "the role `{}` is an administrator's, by its policy `{policy}`, and is never touched",
            role.name
        ));
    }
    if of != partition {
        return Some(format!(
            "the role `{}` is of the partition {of}, the resources are of {partition}",
            role.name
        ));
    }
    let has = role.permissions_boundary.as_deref();
    match &rules.boundary {
        Boundary::Any if has.is_none() => Some(format!(
            "the role `{}` has no permissions boundary, which the configuration requires",
            role.name
        )),
        Boundary::This(wanted) if has != Some(wanted) => Some(format!(
            "the role `{}` has the permissions boundary `{}`, not `{wanted}`",
            role.name,
            has.unwrap_or("none")
        )),
        _ => None,
    }
}

/// The policy that makes the role an administrator's, whatever its name.
fn administrators_policy(state: &RoleState) -> Option<&str> {
    let attached = state.role.attached_policies.iter().map(String::as_str);
    let inline = state
        .policies
        .iter()
        .filter(|(name, document)| !layout::is_ours(name) && role::allows_everything(document));
    let inline = inline.map(|(name, _)| name.as_str());
    attached.filter(|arn| role::is_administrators_policy(arn)).chain(inline).next()
}

/// What a grant was, seen from what was known and from what had to be written.
fn outcome(state: Option<State>, known: Option<&Grant>, grant: &Grant, layout: &Layout) -> Outcome {
    let is_written = layout.steps.iter().any(|step| match step {
        Step::Put { policy, .. } => *policy == grant.policy,
        Step::Delete { .. } => false,
    });
    let is_same = known.is_some_and(|it| it.hash == grant.hash);
    match (state, is_written) {
        // Or the work on another access of the role repaired it along.
        (Some(State::Drifted), _) if is_same => Outcome::Repaired,
        (Some(State::Found), true) => Outcome::Repaired,
        (None | Some(State::Found), false) => Outcome::Adopted,
        (Some(State::Granted), false) if is_same => Outcome::Unchanged,
        _ => Outcome::Granted,
    }
}

/// What somebody should know about the writes.
fn told(layout: &Layout, grant: &Grant, warnings: &[String]) -> Vec<String> {
    let mut warnings = warnings.to_vec();
    let is_merged = layout.documents.contains_key(MERGED);
    let removes = layout.steps.iter().filter(|step| matches!(step, Step::Delete { .. })).count();
    if is_merged && removes > 0 {
        warnings.push(format!(
            "the policies of {} accesses on the role `{}` are merged into `{MERGED}`: one by one they would exceed the limit",
            layout.policy_of.len(),
            grant.role
        ));
    }
    warnings
}

/// The policies of a role as the ledger keeps them.
fn policies(account: &str, role: &str, layout: &Layout) -> Vec<Policy> {
    let written = layout.documents.iter().map(|(policy, document)| Policy {
        account: account.to_owned(),
        role: role.to_owned(),
        policy: policy.clone(),
        document: Some(document.clone()),
    });
    let gone = layout.steps.iter().filter_map(|step| match step {
        Step::Delete { policy } if !layout.documents.contains_key(policy) => {
            Some(removed(account, role, policy.clone()))
        }
        _ => None,
    });
    written.chain(gone).collect()
}

fn removed(account: &str, role: &str, policy: String) -> Policy {
    Policy { account: account.to_owned(), role: role.to_owned(), policy, document: None }
}

/// The other grants of the role that stand in another policy now.
fn moved(others: Vec<Grant>, layout: &Layout) -> impl Iterator<Item = Grant> {
    let at = layout.policy_of.clone();
    others.into_iter().filter_map(move |grant| {
        let policy = at.get(&grant.access)?.clone();
        (policy != grant.policy).then_some(Grant { policy, ..grant })
    })
}

/// Of statements, whatever their order.
pub(super) fn hash(statements: &[Statement]) -> String {
    let mut sorted = statements.to_vec();
    for statement in &mut sorted {
        statement.action.sort();
        statement.resource.sort();
    }
    sorted.sort();
    hex::encode(Sha256::digest(document(&sorted)))
}

/// The report of a grant.
pub(super) fn granted_report(grant: &Grant) -> Report {
    Report {
        transition: Transition::ProvisioningSucceeded,
        reference: Some(format!("{}#{}", grant.role_arn, grant.policy)),
        diagnostics: None,
        note: None,
    }
}

/// The report of a revocation.
pub(super) fn revoked_report(grant: &Grant) -> Report {
    Report {
        transition: Transition::DeprovisioningSucceeded,
        reference: Some(format!("{}#{}", grant.role_arn, grant.policy)),
        diagnostics: None,
        note: grant.note.clone(),
    }
}

/// A report as the ledger keeps it.
pub(super) fn text(report: &Report) -> String {
    serde_json::to_string(report).expect("texts become JSON")
}

/// The result of a grant.
pub(super) fn result(
    grant: &Grant,
    outcome: Outcome,
    detail: String,
    warnings: Vec<String>,
) -> ItemResult {
    ItemResult {
        access: grant.access.clone(),
        outcome,
        role: Some(grant.role.clone()),
        policy: Some(grant.policy.clone()),
        detail,
        warnings,
    }
}
