//! Agreements of Data Mesh Manager into the embedded access ledger: all of them, then what changed, then drift.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use stepwell_data_mesh::layout::policy_name;
use stepwell_integrations::iam::{EmbeddedOptions, EmbeddedRolePolicies, RolePolicies};
use stepwell_sandbox::dmm::{Agreement, Awkward, Options, Sandbox};

use super::changes::{Changes, Compared};
use super::stage::{Ended, Stage};
use crate::config::Section;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;

const AGREEMENTS: usize = 200;
/// So many end between two runs, and one more is deleted.
const ENDED: usize = 5;
/// So many policies are removed by hand before the repair.
const REMOVED: usize = 3;
const ACCOUNT: &str = "123456789012";

/// Role and policy of every grant.
type Grants = BTreeSet<(String, String)>;

pub(super) async fn perform(project: &Project) -> Outcome<Vec<Ended<Changes>>> {
    output::note(format_args!(
        "data-mesh: starting Data Mesh Manager on this machine with {AGREEMENTS} agreements"
    ));
    let options = Options { agreements: AGREEMENTS, ..Options::default() };
    let sandbox = Sandbox::start(options).await?;
    let stage = Stage::open(project, "data-mesh", Section::of(settings(&sandbox))).await?;
    let ledger = ledger(project)?;
    let leg = async |machine: &str, title: &'static str| {
        let ended = stage.run(machine, title).await?;
        let compared = compare(&sandbox, &grants(&ledger).await?);
        let changes = |summary| Changes::of(&summary, "outcome", "access", compared);
        Ok::<_, Failure>(ended.map(changes))
    };
    let first = leg("data-mesh", "first run").await?;
    end_some(&sandbox);
    let second = leg("data-mesh", "run after 6 agreements ended").await?;
    remove_by_hand(&ledger).await?;
    let third = leg("data-mesh-reconcile", "repair of 3 policies removed by hand").await?;
    stage.close().await?;
    Ok(vec![first, second, third])
}

/// The settings that a user would write, with the key of the sandbox.
fn settings(sandbox: &Sandbox) -> stepwell_data_mesh::Settings {
    let patterns = ["*-consumer", "*-consumer-*", "team-*"];
    stepwell_data_mesh::Settings {
        base_url: Some(sandbox.base_url().to_owned()),
        api_key: Some(sandbox.api_key().to_owned().into()),
        accounts: vec![ACCOUNT.to_owned()],
        role_patterns: patterns.map(str::to_owned).to_vec(),
        ..Default::default()
    }
}

/// The embedded access ledger, as the pipeline has it.
fn ledger(project: &Project) -> Outcome<EmbeddedRolePolicies> {
    let options = EmbeddedOptions { account: ACCOUNT.to_owned(), ..EmbeddedOptions::default() };
    let file = project.state().join("iam.db");
    EmbeddedRolePolicies::open(&file, options, Arc::new(Timestamp::now)).map_err(unusable)
}

async fn grants(ledger: &EmbeddedRolePolicies) -> Outcome<Grants> {
    let roles = ledger.roles_with_policies().await.map_err(unusable)?;
    let of_role = roles.into_iter().flat_map(|it| {
        let role = it.role.name;
        it.policies.into_keys().map(move |policy| (role.clone(), policy))
    });
    Ok(of_role.collect())
}

/// Looks into both sides: every agreement that is active has its policy, and there is no other.
fn compare(sandbox: &Sandbox, found: &Grants) -> Compared {
    let agreements = sandbox.agreements();
    let expected: Grants = agreements.iter().filter_map(expected).collect();
    let name = |(role, policy): &(String, String)| format!("`{policy}` on `{role}`");
    let missing = expected.difference(found).map(|it| format!("{} is missing", name(it)));
    let left = found.difference(&expected).map(|it| format!("{} is still there", name(it)));
    Compared { things: agreements.len(), differences: missing.chain(left).collect() }
}

fn expected(agreement: &Agreement) -> Option<(String, String)> {
    let granted = agreement.active && agreement.awkward.is_none_or(Awkward::is_grantable);
    let role = agreement.role.clone().filter(|_| granted)?;
    Some((role, policy_name(&agreement.id)))
}

/// Agreements end, and one is deleted.
fn end_some(sandbox: &Sandbox) {
    let active = sandbox.agreements().into_iter().filter(|it| it.active);
    let ids: Vec<_> = active.map(|it| it.id).take(ENDED + 1).collect();
    let (deleted, ended) = ids.split_last().expect("there are active agreements");
    for id in ended {
        sandbox.deactivate(id).expect("an active agreement can be deactivated");
    }
    sandbox.delete_access(deleted).expect("it is there");
}

/// What somebody may do in IAM behind everybody's back.
async fn remove_by_hand(ledger: &EmbeddedRolePolicies) -> Outcome {
    for (role, policy) in grants(ledger).await?.into_iter().take(REMOVED) {
        ledger.delete_role_policy(&role, &policy).await.map_err(unusable)?;
    }
    Ok(())
}

fn unusable(error: stepwell_integrations::iam::Error) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
