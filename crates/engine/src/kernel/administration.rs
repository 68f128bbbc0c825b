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
        name: String,
        tags: Vec<Tag>,
        reply: Reply<()>,
    },
    Untag {
        name: String,
        keys: Vec<String>,
        reply: Reply<()>,
    },
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
            Administration::Tag { name, tags, reply } => {
                let answer = self.change_tags(&name, |old| with_tags(old, tags));
                self.answer(reply, answer);
            }
            Administration::Untag { name, keys, reply } => {
                let answer =
                    self.change_tags(&name, |old| old.retain(|it| !keys.contains(&it.key)));
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

    fn change_tags(&mut self, name: &str, change: impl FnOnce(&mut Vec<Tag>)) -> Result<(), Error> {
        self.accept()?;
        let Some(row) = self.registry.active(name) else {
            return Err(Error::ResourceNotFound { arn: self.arns.state_machine(name) });
        };
        let mut row = row.clone();
        change(&mut row.tags);
        if row.tags.len() > TAGS_MAX {
            let reason = format!("a state machine has at most {TAGS_MAX} tags");
            return Err(Error::TooManyTags { reason });
        }
        self.registry.put(row.clone());
        self.write(vec![Record::StateMachine(row)], Vec::new(), None);
        Ok(())
    }
}

/// Tags of one resource at most. Source: API reference, "TagResource".
const TAGS_MAX: usize = 50;

/// Tags with the same key get the new value.
pub(super) fn with_tags(tags: &mut Vec<Tag>, new: Vec<Tag>) {
    for tag in new {
        match tags.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value = tag.value,
            None => tags.push(tag),
        }
    }
}
