//! Requests about what surrounds a state machine: versions, aliases, tags.

use jiff::Timestamp;

use super::Kernel;
use super::event::Reply;
use crate::configuration::{Route, Tag};
use crate::error::Error;
use crate::record::{AliasRecord, VersionRecord};
use crate::store::{Record, StateMachineRow};

/// A request; `name` is that of the state machine.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the requests of `Handle`")]
pub enum Administration {
    PublishVersion {
        name: String,
        description: Option<String>,
        revision: Option<String>,
        reply: Reply<VersionRecord>,
    },
    DeleteVersion {
        name: String,
        number: i64,
        reply: Reply<()>,
    },
    CreateAlias {
        name: String,
        alias: String,
        description: Option<String>,
        routes: Vec<Route>,
        reply: Reply<AliasRecord>,
    },
    UpdateAlias {
        name: String,
        alias: String,
        description: Option<String>,
        routes: Option<Vec<Route>>,
        reply: Reply<AliasRecord>,
    },
    DeleteAlias {
        name: String,
        alias: String,
        reply: Reply<()>,
    },
    Tag {
        of: Tagged,
        tags: Vec<Tag>,
        reply: Reply<()>,
    },
    Untag {
        of: Tagged,
        keys: Vec<String>,
        reply: Reply<()>,
    },
}

/// What can have tags, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Tagged {
    StateMachine(String),
    Activity(String),
}

impl Kernel {
    pub(super) fn administer(&mut self, request: Administration, now: Timestamp) {
        match request {
            Administration::PublishVersion { name, description, revision, reply } => {
                let answer = self.publish_version(&name, description, revision.as_deref(), now);
                self.answer(reply, answer);
            }
            Administration::DeleteVersion { name, number, reply } => {
                let answer = self.delete_version(&name, number);
                self.answer(reply, answer);
            }
            Administration::CreateAlias { name, alias, description, routes, reply } => {
                let answer = self.create_alias(&name, alias, description, routes, now);
                self.answer(reply, answer);
            }
            Administration::UpdateAlias { name, alias, description, routes, reply } => {
                let answer = self.update_alias(&name, &alias, description, routes, now);
                self.answer(reply, answer);
            }
            Administration::DeleteAlias { name, alias, reply } => {
                let answer = self.delete_alias(&name, &alias);
                self.answer(reply, answer);
            }
            Administration::Tag { of, tags, reply } => {
                let answer = self.change_tags(&of, |old| with_tags(old, tags));
                self.answer(reply, answer);
            }
            Administration::Untag { of, keys, reply } => {
                let answer = self.change_tags(&of, |old| old.retain(|it| !keys.contains(&it.key)));
                self.answer(reply, answer);
            }
        }
    }

    /// A state machine that exists, for a change.
    pub(super) fn changeable(&self, name: &str) -> Result<StateMachineRow, Error> {
        self.accept()?;
        let arn = || self.arns.state_machine(name);
        let row = self.registry.active(name).cloned();
        row.ok_or_else(|| Error::StateMachineDoesNotExist { arn: arn() })
    }

    fn change_tags(
        &mut self,
        of: &Tagged,
        change: impl FnOnce(&mut Vec<Tag>),
    ) -> Result<(), Error> {
        self.accept()?;
        let name = match of {
            Tagged::StateMachine(name) => name,
            Tagged::Activity(name) => return self.change_activity_tags(name, change),
        };
        let Some(row) = self.registry.active(name) else {
            return Err(Error::ResourceNotFound { arn: self.arns.state_machine(name) });
        };
        let row = StateMachineRow { tags: changed_tags(&row.tags, change)?, ..row.clone() };
        self.registry.put(row.clone());
        self.write(vec![Record::StateMachine(row)], Vec::new(), None);
        Ok(())
    }
}

/// Tags of one resource at most. Source: API reference, "TagResource".
const TAGS_MAX: usize = 50;

/// Tags after a change.
pub(super) fn changed_tags(
    tags: &[Tag],
    change: impl FnOnce(&mut Vec<Tag>),
) -> Result<Vec<Tag>, Error> {
    let mut tags = tags.to_vec();
    change(&mut tags);
    if tags.len() > TAGS_MAX {
        let reason = format!("a resource has at most {TAGS_MAX} tags");
        return Err(Error::TooManyTags { reason });
    }
    Ok(tags)
}

/// Tags with the same key get the new value.
pub(super) fn with_tags(tags: &mut Vec<Tag>, new: Vec<Tag>) {
    for tag in new {
        match tags.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value = tag.value,
            None => tags.push(tag),
        }
    }
}
