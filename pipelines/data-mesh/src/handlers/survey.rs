//! `stepwell-data-mesh-survey`: everything, so that drift of any kind is found.
//!
//! | What is found | What is done in the Map state, access by access |
//! | --- | --- |
//! | an active access | examined: granted where it is not |
//! | a grant in the ledger whose policy is missing or was changed by hand | marked; written again, or removed if the access is not active |
//! | a policy by one of our names that the ledger does not know | noted; adopted if an active access wants it so, else brought in step or removed |
//! | a grant in the ledger whose access is not in the listing | examined by its id; removed if it is deleted |
//!
//! Roles that the configuration does not allow are not even looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use stepwell_pipeline::progress::Update;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::receive::ACCESSES_TOGETHER;
use super::{Run, apply};
use crate::config::Config;
use crate::desired::document::{read, same};
use crate::desired::role;
use crate::dmm::{Access, Listing, Page};
use crate::event::{Cause, legacy};
use crate::feed::{Follower, Place};
use crate::layout;
use crate::ledger::{Batch, Cursor, Failure, Grant, Item, State};
use crate::service::{Service, World};
use crate::target::{RoleState, handler_error};

/// In place of the event that asked for an access.
pub(super) const KIND: &str = "Survey";

/// So many grants may always go; the share counts above.
const REVOKED_MIN: usize = 10;

/// Surveys.
pub struct Survey {
    pub(crate) service: Arc<Service>,
}

/// What was found.
///
/// ```json
/// {"status":"SURVEYED","accesses":212,"active":200,"examined":203,"roles":40,"found":1,"drifted":2,
///  "unread":[],"cursor_lost":false,"held_back":0}
/// ```
#[derive(Debug, Default, Serialize)]
pub struct Surveyed {
    status: &'static str,
    /// In the listing.
    accesses: usize,
    active: usize,
    /// To be examined one by one.
    examined: usize,
    /// Roles that may be touched and were looked at.
    roles: usize,
    /// Policies by our names that the ledger did not know.
    found: usize,
    /// Policies that were missing or changed by hand.
    drifted: usize,
    /// Accesses of the listing that cannot be read.
    unread: Vec<String>,
    /// The feed did not have the cursor any more: it goes on from the newest event.
    cursor_lost: bool,
    /// Accesses with grants that the listing lacks, too many to believe it: nothing is done about them.
    held_back: usize,
}

#[async_trait]
impl Function for Survey {
    type Input = Run;
    type Output = Surveyed;

    fn name(&self) -> &'static str {
        "stepwell-data-mesh-survey"
    }

    async fn call(&self, input: Run, ctx: &Context) -> Result<Surveyed, HandlerError> {
        let Run { run, input } = input;
        let world = self.service.world(&run, input.plan).await?;
        let mut surveyed = Surveyed { status: "SURVEYED", ..Surveyed::default() };
        // Before the listing: what happens from here on is in the feed behind the cursor.
        surveyed.cursor_lost = self.check_cursor(&world, ctx).await?;
        let listing = self.service.dmm.accesses(ctx).await?;
        let accesses = &listing.accesses;
        tell(ctx, accesses.len());
        world.ledger.remember(accesses).await?;
        let known = world.ledger.grants().await?;
        let elsewhere = self.elsewhere(&world, &listing).await?;
        let held = if input.allow_deletes || !listing.is_there {
            BTreeSet::new()
        } else {
            self.held_back(&world, &run, missing(&known, accesses, &elsewhere), &known).await?
        };
        let roles = self.look_at_roles(&world).await?;
        let found = found(&known, &roles);
        let drifted = drifted(&world, &known, &roles).await?;
        surveyed.accesses = accesses.len();
        surveyed.active = accesses.iter().filter(|it| it.active).count();
        surveyed.roles = roles.len();
        surveyed.found = found.len();
        surveyed.drifted = drifted.len();
        let mut asked = asked(accesses, &known, &found);
        asked.extend(elsewhere);
        asked.retain(|access| !held.contains(access));
        surveyed.held_back = held.len();
        surveyed.examined = asked.len();
        let noted = found.into_iter().chain(drifted).collect();
        world.ledger.write(&run, Timestamp::now(), noted, Vec::new()).await?;
        world.ledger.add_survey(&run, batches(&run, asked, ctx)).await?;
        surveyed.unread = listing.unread;
        Ok(surveyed)
    }
}

impl Survey {
    /// A service that answers an unknown cursor with nothing, or with everything, does not say that it is lost. So the
    /// feed is passed over once a survey, and must have the cursor in it.
    async fn check_cursor(&self, world: &World, ctx: &Context) -> Result<bool, HandlerError> {
        let Cursor { place, is_anchored, reconcile, .. } = world.ledger.cursor().await?;
        if is_anchored && reconcile.is_some() {
            // Just put to the newest event.
            return Ok(false);
        }
        let mut follower = Follower::new(&self.service.dmm, Place::default());
        let (mut has_cursor, mut told_of) = (false, Vec::new());
        while let Page::Events(events) = follower.next(ctx).await? {
            if events.is_empty() {
                break;
            }
            has_cursor |= events.iter().any(|event| Some(&event.id) == place.last.as_ref());
            told_of.extend(legacy(&events));
        }
        let newest = follower.place();
        let is_in_place = is_anchored && (has_cursor || place.last.is_none());
        // An empty feed says nothing about the cursor: all may have been forgotten for its age.
        let is_lost = !is_in_place && (newest.last.is_some() || !is_anchored);
        if is_lost {
            let reason =
                if is_anchored { "the feed has forgotten the cursor" } else { "the first start" };
            world.ledger.told_of(told_of).await?;
            world.ledger.anchor(newest, reason).await?;
        }
        Ok(is_lost && is_anchored)
    }

    /// Accesses that are known and not in the listing: of another collection, or of one that cannot be listed.
    async fn elsewhere(
        &self,
        world: &World,
        listing: &Listing,
    ) -> Result<BTreeSet<String>, HandlerError> {
        let is_listed = |resource| listing.is_there && resource == self.service.dmm.resource();
        let known = world.ledger.resources().await?.into_iter();
        Ok(known.filter(|(_, resource)| !is_listed(*resource)).map(|(id, _)| id).collect())
    }

    /// A listing that misses too many of the accesses that have grants is not believed: rather a wrong key or a broken
    /// service than so many deletions. Gives those about which nothing is done, and makes the run tell of them.
    async fn held_back(
        &self,
        world: &World,
        run: &str,
        missing: BTreeSet<String>,
        known: &[Grant],
    ) -> Result<BTreeSet<String>, HandlerError> {
        let max = self.service.config.max_revoked_percent;
        let granted = known.iter().map(|it| &it.access).collect::<BTreeSet<_>>().len();
        let count = missing.len();
        if count <= REVOKED_MIN || (count * 100) as u64 <= granted as u64 * max {
            return Ok(BTreeSet::new());
        }
        let failure = Failure {
            access: None,
            error: HandlerError::CONFIG.to_owned(),
            cause: format!(
                "{count} of {granted} accesses with grants are not in the listing, more than `max_revoked_percent` \
                 ({max}): they are held back; check base_url and api_key, or run once with --allow-deletes"
            ),
            attempts: 0,
            dead: false,
        };
        world.ledger.record_failures(run, Vec::new(), vec![failure]).await?;
        Ok(missing)
    }

    async fn look_at_roles(
        &self,
        world: &World,
    ) -> Result<BTreeMap<String, RoleState>, HandlerError> {
        let Config { rules, .. } = &self.service.config;
        let is_allowed = |name: &str| role::check(name, &rules.role_patterns).is_ok();
        let roles = world.target.survey(&rules.role_path_prefix, is_allowed).await;
        let mut roles = roles.map_err(|error| handler_error(&error))?;
        roles.retain(|_, state| {
            rules.accounts.contains(state.account())
                && state.role.path.starts_with(&rules.role_path_prefix)
        });
        Ok(roles)
    }
}

/// The accesses with grants that should be in the listing, and are not.
fn missing(known: &[Grant], accesses: &[Access], elsewhere: &BTreeSet<String>) -> BTreeSet<String> {
    let listed: BTreeSet<_> = accesses.iter().map(|it| &it.id).collect();
    let granted = known.iter().map(|it| &it.access);
    let missing = granted.filter(|it| !listed.contains(it) && !elsewhere.contains(*it));
    missing.cloned().collect()
}

/// Policies by our names that the ledger does not know.
fn found(known: &[Grant], roles: &BTreeMap<String, RoleState>) -> Vec<Grant> {
    let is_known = |access: &str, state: &RoleState| {
        known.iter().any(|it| {
            it.access == access && it.role == state.role.name && it.account == state.account()
        })
    };
    let of_role = |state: &RoleState| {
        let policies = state.policies.iter();
        let ours =
            policies.filter_map(|(policy, text)| Some((layout::access_of(policy)?, policy, text)));
        let new = ours.filter(|(access, _, _)| !is_known(access, state));
        new.map(|(access, policy, text)| found_grant(access, policy, text, state))
            .collect::<Vec<_>>()
    };
    roles.values().flat_map(of_role).collect()
}

fn found_grant(access: &str, policy: &str, document: &str, state: &RoleState) -> Grant {
    let statements = read(document).unwrap_or_default();
    let arns: BTreeSet<_> = statements.iter().flat_map(|it| it.resource.iter().cloned()).collect();
    Grant {
        access: access.to_owned(),
        account: state.account().to_owned(),
        role: state.role.name.clone(),
        role_arn: state.role.arn.clone(),
        policy: policy.to_owned(),
        hash: apply::hash(&statements),
        statements,
        arns: arns.into_iter().collect(),
        state: State::Found,
        note: Some("found on the role".to_owned()),
        cause: None,
    }
}

/// Grants whose policy is not there, or not as it was written.
async fn drifted(
    world: &World,
    known: &[Grant],
    roles: &BTreeMap<String, RoleState>,
) -> Result<Vec<Grant>, HandlerError> {
    let mut wanted = BTreeMap::new();
    for policy in world.ledger.policies().await? {
        wanted.insert((policy.account, policy.role, policy.policy), policy.document);
    }
    let note = |grant: &Grant| {
        let key = (grant.account.clone(), grant.role.clone(), grant.policy.clone());
        let actual = roles.get(&grant.role).and_then(|state| state.policies.get(&grant.policy));
        match (actual, wanted.get(&key).and_then(Option::as_ref)) {
            (None, _) => Some("its policy was missing"),
            (Some(actual), Some(wanted)) if !same(actual, wanted) => {
                Some("its policy was changed by hand")
            }
            _ if has_another(grant, roles) => Some("the role had a second policy for it"),
            _ => None,
        }
    };
    let granted = known.iter().filter(|it| it.state == State::Granted);
    let drifted = granted.filter_map(|grant| {
        let note = note(grant)?;
        Some(Grant { state: State::Drifted, note: Some(note.to_owned()), ..grant.clone() })
    });
    Ok(drifted.collect())
}

/// Whether the role has a policy for the access beside the one that the ledger knows.
fn has_another(grant: &Grant, roles: &BTreeMap<String, RoleState>) -> bool {
    roles.get(&grant.role).is_some_and(|state| {
        let mut names = state.policies.keys();
        names.any(|name| *name != grant.policy && layout::access_of(name) == Some(&grant.access))
    })
}

/// The accesses to examine.
fn asked(accesses: &[Access], known: &[Grant], found: &[Grant]) -> BTreeSet<String> {
    let active = accesses.iter().filter(|it| it.active).map(|it| it.id.clone());
    active.chain(known.iter().chain(found).map(|it| it.access.clone())).collect()
}

fn batches(run: &str, asked: BTreeSet<String>, ctx: &Context) -> Vec<Batch> {
    let cause = Cause { event: run.to_owned(), kind: KIND.to_owned() };
    let items: Vec<_> =
        asked.into_iter().map(|access| Item { access, cause: cause.clone() }).collect();
    let chunks = items.chunks(ACCESSES_TOGETHER).enumerate();
    let batch = |(at, items): (usize, &[Item])| Batch {
        id: format!("{}#survey-{at}", ctx.idempotency_key),
        items: items.to_vec(),
        messages: Vec::new(),
    };
    chunks.map(batch).collect()
}

fn tell(ctx: &Context, accesses: usize) {
    ctx.progress.update(Update {
        subject: "accesses".to_owned(),
        phase: "surveying",
        done: accesses as u64,
        total: None,
        unit: "accesses",
        finished: false,
    });
}
