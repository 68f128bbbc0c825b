//! The part of the door that is about versions, aliases and tags.

use crate::arn::{Qualified, Qualifier};
use crate::configuration::{Route, Tag};
use crate::error::Error;
use crate::handle::Handle;
use crate::kernel::{Administration, Event, Tagged};
use crate::record::{AliasRecord, Page, Paged, VersionRecord};

impl Handle {
    /// Gives the current revision of a state machine a version number. A revision that has one keeps it. With
    /// `revision`, only if that is the current one; `INITIAL` stands for the first.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`], [`Error::Conflict`] if the revision is another.
    pub async fn publish_version(
        &self,
        arn: &str,
        description: Option<String>,
        revision: Option<String>,
    ) -> Result<VersionRecord, Error> {
        let name = self.arns().parse_state_machine(arn)?.to_owned();
        self.administer(|reply| Administration::PublishVersion {
            name,
            description,
            revision,
            reply,
        })
        .await
    }

    /// Deletes a version. Its number is not used again. One that does not exist is no error, as in AWS.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::Conflict`] if an alias routes to it.
    pub async fn delete_version(&self, arn: &str) -> Result<(), Error> {
        match self.arns().parse_qualified(arn)? {
            Qualified { state_machine: name, qualifier: Some(Qualifier::Version(number)) } => {
                self.administer(|reply| Administration::DeleteVersion { name, number, reply }).await
            }
            _ => Err(invalid_arn(arn, "expected the ARN of a version")),
        }
    }

    /// Lists the versions of a state machine, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`], [`Error::InvalidToken`].
    pub async fn list_versions(
        &self,
        arn: &str,
        page: Page,
    ) -> Result<Paged<VersionRecord>, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.list_versions(&arn, &page)).await
    }

    /// Creates an alias. `routes` are ARNs of versions of one state machine with their weights. Idempotent.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the routes are no versions of one state machine or their weights are not 100 together,
    /// [`Error::ReferenceDoesNotExist`], [`Error::Conflict`] if the name is that of another alias.
    pub async fn create_alias(
        &self,
        alias: String,
        description: Option<String>,
        routes: &[(String, u8)],
    ) -> Result<AliasRecord, Error> {
        let (name, routes) = self.routes(routes)?;
        self.administer(|reply| Administration::CreateAlias {
            name,
            alias,
            description,
            routes,
            reply,
        })
        .await
    }

    /// Changes an alias; what is missing stays as it is.
    ///
    /// # Errors
    /// Those of [`create_alias`](Self::create_alias).
    pub async fn update_alias(
        &self,
        arn: &str,
        description: Option<String>,
        routes: Option<&[(String, u8)]>,
    ) -> Result<AliasRecord, Error> {
        let (name, alias) = self.alias(arn)?;
        let routes = routes.map(|routes| self.routes(routes)).transpose()?;
        if routes.as_ref().is_some_and(|(other, _)| *other != name) {
            return Err(Error::Invalid { reason: ONE_STATE_MACHINE.to_owned() });
        }
        let routes = routes.map(|(_, routes)| routes);
        self.administer(|reply| Administration::UpdateAlias {
            name,
            alias,
            description,
            routes,
            reply,
        })
        .await
    }

    /// Deletes an alias. One that does not exist is no error, as in AWS.
    ///
    /// # Errors
    /// [`Error::InvalidArn`].
    pub async fn delete_alias(&self, arn: &str) -> Result<(), Error> {
        let (name, alias) = self.alias(arn)?;
        self.administer(|reply| Administration::DeleteAlias { name, alias, reply }).await
    }

    /// Shows an alias.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ReferenceDoesNotExist`].
    pub async fn describe_alias(&self, arn: &str) -> Result<AliasRecord, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.describe_alias(&arn)).await
    }

    /// Lists the aliases of a state machine by name, or those that route to a version of it.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`], [`Error::InvalidToken`].
    pub async fn list_aliases(&self, arn: &str, page: Page) -> Result<Paged<AliasRecord>, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.list_aliases(&arn, &page)).await
    }

    /// Adds tags to a state machine or an activity; those with a known key get the new value.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ResourceNotFound`], [`Error::TooManyTags`].
    pub async fn tag(&self, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        let of = self.tagged(arn)?;
        self.administer(|reply| Administration::Tag { of, tags, reply }).await
    }

    /// Takes tags from a state machine or an activity.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ResourceNotFound`].
    pub async fn untag(&self, arn: &str, keys: Vec<String>) -> Result<(), Error> {
        let of = self.tagged(arn)?;
        self.administer(|reply| Administration::Untag { of, keys, reply }).await
    }

    /// The tags of a state machine or an activity, in the order in which they came.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ResourceNotFound`].
    pub async fn list_tags(&self, arn: &str) -> Result<Vec<Tag>, Error> {
        let (of, arn) = (self.tagged(arn)?, arn.to_owned());
        let tags = self.read(move |reader| reader.tags(&of)).await?;
        tags.ok_or(Error::ResourceNotFound { arn })
    }

    /// What can have tags: versions and aliases have none.
    fn tagged(&self, arn: &str) -> Result<Tagged, Error> {
        let missing = || Error::ResourceNotFound { arn: arn.to_owned() };
        if let Ok(activity) = self.arns().parse_activity(arn) {
            return activity.map(|name| Tagged::Activity(name.to_owned())).ok_or_else(missing);
        }
        match self.arns().parse_qualified(arn) {
            Ok(Qualified { state_machine, qualifier: None }) => {
                Ok(Tagged::StateMachine(state_machine))
            }
            Ok(_) | Err(Error::StateMachineDoesNotExist { .. }) => Err(missing()),
            Err(error) => Err(error),
        }
    }

    /// The names of state machine and alias in the ARN of an alias.
    fn alias(&self, arn: &str) -> Result<(String, String), Error> {
        match self.arns().parse_qualified(arn)? {
            Qualified { state_machine, qualifier: Some(Qualifier::Alias(alias)) } => {
                Ok((state_machine, alias))
            }
            _ => Err(invalid_arn(arn, "expected the ARN of an alias")),
        }
    }

    /// The state machine of some routes, and the numbers in them.
    fn routes(&self, routes: &[(String, u8)]) -> Result<(String, Vec<Route>), Error> {
        let mut name = None;
        let mut found: Vec<Route> = Vec::new();
        for (arn, weight) in routes {
            let Ok(Qualified { state_machine, qualifier: Some(Qualifier::Version(version)) }) =
                self.arns().parse_qualified(arn)
            else {
                return Err(no_versions(routes));
            };
            if *name.get_or_insert_with(|| state_machine.clone()) != state_machine {
                return Err(Error::Invalid { reason: ONE_STATE_MACHINE.to_owned() });
            }
            if found.iter().any(|route| route.version == version) {
                return Err(Error::Invalid { reason: TWICE.to_owned() });
            }
            found.push(Route { version, weight: *weight });
        }
        if found.iter().map(|route| u32::from(route.weight)).sum::<u32>() != 100 {
            return Err(Error::Invalid { reason: NOT_100.to_owned() });
        }
        Ok((name.unwrap_or_default(), found))
    }

    async fn administer<T>(
        &self,
        request: impl FnOnce(crate::kernel::Reply<T>) -> Administration,
    ) -> Result<T, Error> {
        self.ask(|reply| Event::Administer(request(reply))).await
    }
}

const ONE_STATE_MACHINE: &str =
    "Routing configuration must contain versions of the same state machine";
const TWICE: &str = "Routing configuration must not contain the same version twice";
const NOT_100: &str = "Sum of routing configuration weights must equal 100";

fn no_versions(routes: &[(String, u8)]) -> Error {
    let arns: Vec<&str> = routes.iter().map(|(arn, _)| arn.as_str()).collect();
    Error::Invalid {
        reason: format!(
            "Routing configuration must contain state machine version ARNs. Received: [{}]",
            arns.join(", ")
        ),
    }
}

fn invalid_arn(arn: &str, reason: &'static str) -> Error {
    Error::InvalidArn { arn: arn.to_owned(), reason }
}
