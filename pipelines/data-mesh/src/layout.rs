//! The plan of a role's inline policies: which access stands in which policy, before the limit of the role.
//!
//! IAM counts the characters of all inline policies of a role together, white space aside, up to 10,240. Each access
//! has a policy of its own, named as the reference names it, as long as they all fit. Where they do not, the
//! statements of all accesses are merged into one policy: equal actions share one statement, resources that several
//! accesses name stand there once. What does not fit even so is refused, and nothing changes.
//!
//! Responsible for: the decision and the order of the writes. Left to others: reading the role, writing, the ledger.
//! Pure.
//!
//! Source: IAM User Guide, "IAM and AWS STS quotas"; reference integration (names).

use std::collections::BTreeMap;

use stepwell_integrations::iam::{ROLE_POLICIES_CHARACTERS_MAX, counted_characters};

use crate::desired::Statement;
use crate::desired::document::{document, same};

/// The policy of one access: the reference's name since September 2023.
const PREFIX: &str = "DMM_DataUsageAgreement_";
/// Its name before that.
const OLD_PREFIX: &str = "DMM_Datacontract_";
/// The policy that several accesses share. No access can have a policy of this name.
pub const MERGED: &str = "DMM_Stepwell_Merged";

/// The policy of an access.
pub fn policy_name(access: &str) -> String {
    format!("{PREFIX}{access}")
}

/// The access that a policy is about, by its name; nothing for policies that are not ours alone.
pub fn access_of(policy: &str) -> Option<&str> {
    let access = policy.strip_prefix(PREFIX).or_else(|| policy.strip_prefix(OLD_PREFIX))?;
    (!access.is_empty()).then_some(access)
}

/// Whether a policy is one that we or the reference wrote, by its name.
pub fn is_ours(policy: &str) -> bool {
    policy == MERGED || access_of(policy).is_some()
}

/// An access that has, or shall have, something on the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The access.
    pub access: String,
    /// The policy that it stands in now; an older name stays.
    pub policy: String,
    /// What it allows.
    pub statements: Vec<Statement>,
}

/// What a role shall have, and how to come there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The policy of each access.
    pub policy_of: BTreeMap<String, String>,
    /// The documents of our policies.
    pub documents: BTreeMap<String, String>,
    /// The writes that lead there, in an order that never exceeds the limit.
    pub steps: Vec<Step>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Creates or replaces a policy.
    Put {
        /// Its name.
        policy: String,
        /// Its JSON.
        document: String,
    },
    /// Removes a policy.
    Delete {
        /// Its name.
        policy: String,
    },
}

/// The role has no room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the inline policies of the role would need {needed} characters ({foreign} of them in policies that are not ours), \
     even merged, and IAM allows {max}; give the consumer another role, or end accesses that it does not need",
    max = ROLE_POLICIES_CHARACTERS_MAX
)]
pub struct NoRoom {
    /// In the most compact plan.
    pub needed: usize,
    /// Of it in policies of others.
    pub foreign: usize,
}

/// Plans a role that has `actual` policies and shall serve `members`, and nobody else of `gone`.
///
/// Policies that belong to neither, by the names that their accesses have or had, are left as they are.
///
/// # Errors
/// [`NoRoom`] if the members do not fit.
pub fn plan(
    actual: &BTreeMap<String, String>,
    members: &[Member],
    gone: &[String],
) -> Result<Layout, NoRoom> {
    let is_own = |name: &str| {
        name == MERGED
            || gone.iter().any(|it| it == name)
            || members.iter().any(|it| it.policy == name || access_of(name) == Some(&it.access))
    };
    let foreign = actual.iter().filter(|(name, _)| !is_own(name));
    let foreign: usize = foreign.map(|(_, document)| counted_characters(document)).sum();
    let target = target(actual, members, foreign)?;
    let steps = steps(actual, &target, is_own);
    let policy_of = members.iter().map(|it| {
        let own = if target.contains_key(MERGED) { MERGED.to_owned() } else { own_name(it) };
        (it.access.clone(), own)
    });
    Ok(Layout { policy_of: policy_of.collect(), documents: target, steps })
}

/// The documents that the role shall have of ours.
fn target(
    actual: &BTreeMap<String, String>,
    members: &[Member],
    foreign: usize,
) -> Result<BTreeMap<String, String>, NoRoom> {
    let room = ROLE_POLICIES_CHARACTERS_MAX.saturating_sub(foreign);
    let apart: BTreeMap<_, _> =
        members.iter().map(|it| (own_name(it), document(&it.statements))).collect();
    let needed = size(&apart);
    // Merged policies are taken apart only where both fit beside each other: no access is without its policy for a
    // moment, and one access more or less does not turn the whole role over.
    let beside = actual.get(MERGED).map_or(0, |it| counted_characters(it));
    if needed + beside <= room {
        return Ok(apart);
    }
    let statements = members.iter().flat_map(|it| it.statements.iter().cloned());
    let merged = document(&merge(statements));
    let needed = counted_characters(&merged);
    if needed > room {
        return Err(NoRoom { needed: needed + foreign, foreign });
    }
    Ok([(MERGED.to_owned(), merged)].into())
}

/// The name of a policy that is the access's alone: the one that it has, if it is such a one.
fn own_name(member: &Member) -> String {
    match access_of(&member.policy) {
        Some(access) if access == member.access => member.policy.clone(),
        _ => policy_name(&member.access),
    }
}

/// Equal actions under equal conditions share one statement.
fn merge(statements: impl Iterator<Item = Statement>) -> Vec<Statement> {
    let mut merged: BTreeMap<_, Statement> = BTreeMap::new();
    for statement in statements {
        let key = (statement.action.clone(), statement.condition.clone());
        let into = merged
            .entry(key)
            .or_insert_with(|| Statement { resource: Vec::new(), ..statement.clone() });
        into.resource.extend(statement.resource);
    }
    merged
        .into_values()
        .map(|mut statement| {
            statement.resource.sort();
            statement.resource.dedup();
            statement
        })
        .collect()
}

/// The writes in an order in which no moment exceeds the limit, and, where the limit leaves the choice, no access is
/// without its policy for a moment: what is put comes before what is removed.
fn steps(
    actual: &BTreeMap<String, String>,
    target: &BTreeMap<String, String>,
    is_own: impl Fn(&str) -> bool,
) -> Vec<Step> {
    let mut now = size(actual);
    let counted = |name: &String| actual.get(name).map_or(0, |it| counted_characters(it));
    let differs = |(name, wanted): &(&String, &String)| {
        actual.get(*name).is_none_or(|found| !same(found, wanted))
    };
    let mut puts: Vec<_> = target.iter().filter(differs).collect();
    let mut deletes: Vec<_> =
        actual.keys().filter(|name| is_own(name) && !target.contains_key(*name)).collect();
    let mut steps = Vec::new();
    while !puts.is_empty() || !deletes.is_empty() {
        let after =
            |(name, wanted): &(&String, &String)| now - counted(name) + counted_characters(wanted);
        // A policy that shrinks always fits.
        let fits = puts.iter().position(|put| after(put) <= ROLE_POLICIES_CHARACTERS_MAX.max(now));
        if let Some(at) = fits {
            let put = puts.remove(at);
            now = after(&put);
            steps.push(Step::Put { policy: put.0.clone(), document: put.1.clone() });
        } else {
            let name = deletes.pop().expect("without what goes, all of what stays fits");
            now -= counted(name);
            steps.push(Step::Delete { policy: name.clone() });
        }
        if puts.is_empty() {
            let last = deletes.drain(..).map(|name| Step::Delete { policy: name.clone() });
            steps.extend(last);
        }
    }
    steps
}

fn size(policies: &BTreeMap<String, String>) -> usize {
    policies.values().map(|it| counted_characters(it)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::document::Effect;

    fn member(at: usize) -> Member {
        let statement = |action: &str, resource: String| Statement {
            effect: Effect::Allow,
            action: vec![action.to_owned()],
            resource: vec![resource],
            condition: None,
        };
        Member {
            access: format!("acc-{at}"),
            policy: policy_name(&format!("acc-{at}")),
            statements: vec![
                statement("s3:ListBucket", "arn:aws:s3:::acme-orders-prod-eu".to_owned()),
                statement("s3:GetObject", format!("arn:aws:s3:::acme-orders-prod-eu/{at:0>200}/*")),
            ],
        }
    }

    fn members(count: usize) -> Vec<Member> {
        (0..count).map(member).collect()
    }

    /// Carries the steps out, holding every moment against the limit.
    #[track_caller]
    fn carry_out(actual: &mut BTreeMap<String, String>, layout: &Layout) {
        for step in &layout.steps {
            match step {
                Step::Put { policy, document } => {
                    actual.insert(policy.clone(), document.clone());
                }
                Step::Delete { policy } => {
                    actual.remove(policy).expect("what is removed is there");
                }
            }
            assert!(size(actual) <= ROLE_POLICIES_CHARACTERS_MAX, "{}", size(actual));
        }
        for (name, document) in &layout.documents {
            assert!(same(&actual[name], document), "{name}");
        }
    }

    #[test]
    fn each_access_has_a_policy_of_its_own_until_they_do_not_fit() {
        let mut actual = BTreeMap::new();
        let (mut merged_at, mut refused_at) = (None, None);
        for count in 1..100 {
            match plan(&actual, &members(count), &[]) {
                Ok(layout) => {
                    carry_out(&mut actual, &layout);
                    if merged_at.is_none() && actual.contains_key(MERGED) {
                        merged_at = Some(count);
                        assert_eq!(actual.len(), 1, "nothing is left of the single policies");
                    }
                }
                Err(NoRoom { needed, foreign }) => {
                    assert!(needed > ROLE_POLICIES_CHARACTERS_MAX && foreign == 0);
                    refused_at = Some(count);
                    break;
                }
            }
        }
        let (merged_at, refused_at) = (merged_at.unwrap(), refused_at.unwrap());
        assert!(refused_at > merged_at + 8, "merged at {merged_at}, refused at {refused_at}");
        // And back: merged policies are taken apart once there is room.
        for count in (0..refused_at).rev() {
            let gone = [policy_name(&format!("acc-{count}"))];
            let layout = plan(&actual, &members(count), &gone).unwrap();
            carry_out(&mut actual, &layout);
        }
        assert!(actual.is_empty(), "{:?}", actual.keys());
    }

    #[test]
    fn policies_of_others_count_and_stay() {
        let foreign = format!(r#"{{"Statement":"{}"}}"#, "x".repeat(9_700));
        let mut actual = BTreeMap::from([("Others".to_owned(), foreign)]);
        let one = plan(&actual, &members(1), &[]).unwrap();
        carry_out(&mut actual, &one);
        let no_room = plan(&actual, &members(3), &[]).unwrap_err();
        assert!(no_room.foreign > 9_700 && no_room.to_string().contains("10240"), "{no_room}");
        let none = plan(&actual, &[], &[policy_name("acc-0")]).unwrap();
        carry_out(&mut actual, &none);
        assert_eq!(actual.keys().collect::<Vec<_>>(), ["Others"]);
    }

    #[test]
    fn a_policy_that_says_the_same_is_not_written_again() {
        let spaced = document(&member(0).statements).replace(',', " , ");
        let actual = BTreeMap::from([(policy_name("acc-0"), spaced)]);
        assert_eq!(plan(&actual, &members(1), &[]).unwrap().steps, []);
    }

    #[test]
    fn an_older_name_stays_and_a_second_policy_of_the_access_goes() {
        let old = "DMM_Datacontract_acc-0".to_owned();
        let one = Member { policy: old.clone(), ..member(0) };
        let actual = BTreeMap::from([
            (old.clone(), document(&one.statements)),
            (policy_name("acc-0"), document(&one.statements)),
        ]);
        let layout = plan(&actual, &[one], &[]).unwrap();
        assert_eq!(layout.steps, [Step::Delete { policy: policy_name("acc-0") }]);
        assert_eq!(layout.policy_of["acc-0"], old);
        assert_eq!(access_of("DMM_DataUsageAgreement_"), None);
    }
}
