//! What was granted, and what is known of each access.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Error, Ledger, from_json, to_json};
use crate::desired::Statement;
use crate::dmm::{Access, Consumer, Resource};
use crate::event::Cause;

/// A grant, from before its policy is written until after it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The access.
    pub access: String,
    /// The account of the role.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// The role's ARN.
    pub role_arn: String,
    /// The policy that it stands in.
    pub policy: String,
    /// What it allows.
    pub statements: Vec<Statement>,
    /// The resources.
    pub arns: Vec<String>,
    /// Of the statements.
    pub hash: String,
    /// How far it is.
    pub state: State,
    /// Why, where that needs saying.
    pub note: Option<String>,
    /// The last event about it.
    pub cause: Option<Cause>,
}

/// How far a grant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its policy is about to be written.
    Granting,
    /// Its policy was written.
    Granted,
    /// Its policy was found on the role and not written by us.
    Found,
    /// Its policy was found missing or changed.
    Drifted,
    /// Its policy is removed.
    Revoked,
}

const STATES: [(State, &str); 5] = [
    (State::Granting, "granting"),
    (State::Granted, "granted"),
    (State::Found, "found"),
    (State::Drifted, "drifted"),
    (State::Revoked, "revoked"),
];

impl State {
    fn text(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).expect("every state has its text").1
    }

    fn read(text: &str) -> Self {
        STATES.iter().find(|(_, it)| *it == text).map_or(Self::Drifted, |(state, _)| *state)
    }
}

/// A policy that we answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The account of the role.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// The policy's name.
    pub policy: String,
    /// What it should be; nothing if it should be gone.
    pub document: Option<String>,
}

/// One look at an access.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Later looks have higher ones.
    pub ticket: i64,
    /// What is not revoked.
    pub grants: Vec<Grant>,
    /// What was revoked last.
    pub revoked: Option<Grant>,
    /// What was reported last.
    pub reported: Option<String>,
    /// Where it was found last.
    pub resource: Option<Resource>,
}

const COLUMNS: &str =
    "access, account, role, role_arn, policy, statements, arns, hash, state, note, event, kind";

impl Ledger {
    /// Begins a look at an access: before it is read, so that the ticket says how old the reading may be.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn examine(&self, access: &str, cause: &Cause) -> Result<Examination, Error> {
        let (access, cause) = (access.to_owned(), cause.clone());
        self.change(move |connection| {
            let sql = "INSERT INTO access (id, issued, event, kind) VALUES (?1, 1, ?2, ?3)
                ON CONFLICT (id) DO UPDATE SET issued = issued + 1, event = excluded.event, kind = excluded.kind
                RETURNING issued, reported, resource";
            let (ticket, reported, resource) =
                connection.query_row(sql, params![access, cause.event, cause.kind], |row| {
                    Ok((row.get(0)?, row.get(1)?, resource(row, 2)?))
                })?;
            let grants = grants_where(connection, "access = ?1 AND state <> 'revoked'", &[&access])?;
            let revoked = last_revoked(connection, &access)?;
            Ok(Examination { ticket, grants, revoked, reported, resource })
        })
        .await
    }

    /// Remembers which products and teams affect an access, and where it was found.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn remember(&self, accesses: &[Access]) -> Result<(), Error> {
        let rows: Vec<_> = accesses.iter().map(subjects).collect();
        self.change(move |connection| {
            let sql = "INSERT INTO access (id, provider, consumer_product, consumer_team, resource)
                VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (id) DO UPDATE SET provider = coalesce(excluded.provider, provider),
                    consumer_product = excluded.consumer_product, consumer_team = excluded.consumer_team,
                    resource = excluded.resource";
            let mut insert = connection.prepare_cached(sql)?;
            for (id, provider, product, team, resource) in rows {
                insert.execute(params![id, provider, product, team, resource.path()])?;
            }
            Ok(())
        })
        .await
    }

    /// Remembers accesses that the listing may lack, by the collections that events told of; where one was found is
    /// known better.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn told_of(&self, accesses: Vec<(String, Resource)>) -> Result<(), Error> {
        self.change(move |connection| {
            let sql = "INSERT INTO access (id, resource) VALUES (?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET resource = coalesce(resource, excluded.resource)";
            let mut insert = connection.prepare_cached(sql)?;
            for (id, resource) in accesses {
                insert.execute(params![id, resource.path()])?;
            }
            Ok(())
        })
        .await
    }

    /// Where each access was found last, if it was not deleted.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn resources(&self) -> Result<BTreeMap<String, Resource>, Error> {
        self.read(|connection| {
            let sql = "SELECT id, resource FROM access WHERE resource IS NOT NULL";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, resource(row, 1)?)))?;
            let known =
                rows.filter_map(|row| row.map(|(id, resource)| Some((id, resource?))).transpose());
            known.collect()
        })
        .await
    }

    /// Where an access was found last.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn resource(&self, access: &str) -> Result<Option<Resource>, Error> {
        let access = access.to_owned();
        self.read(move |connection| {
            let sql = "SELECT resource FROM access WHERE id = ?1";
            let found = connection.query_row(sql, [access], |row| resource(row, 0)).optional()?;
            Ok(found.flatten())
        })
        .await
    }

    /// An access is nowhere any more.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn found_nowhere(&self, access: &str) -> Result<(), Error> {
        let access = access.to_owned();
        self.change(move |connection| {
            let sql = "UPDATE access SET resource = NULL WHERE id = ?1";
            connection.execute(sql, [access]).map(drop)
        })
        .await
    }

    /// The accesses that these products and teams affect, each with the one that does.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn affected(
        &self,
        products: Vec<String>,
        teams: Vec<String>,
    ) -> Result<BTreeSet<(String, String)>, Error> {
        self.read(move |connection| {
            let sql = "SELECT id FROM access WHERE provider = ?1 OR consumer_product = ?1";
            let mut found = affected(connection, sql, products)?;
            found.extend(affected(
                connection,
                "SELECT id FROM access WHERE consumer_team = ?1",
                teams,
            )?);
            Ok(found)
        })
        .await
    }

    /// Claims an access for what a reading led to. False if a later reading was acted on already.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn claim(&self, access: &str, ticket: i64) -> Result<bool, Error> {
        let access = access.to_owned();
        self.change(move |connection| {
            let sql = "UPDATE access SET applied = ?2 WHERE id = ?1 AND applied <= ?2";
            Ok(connection.execute(sql, params![access, ticket])? == 1)
        })
        .await
    }

    /// What an access has that is not revoked.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn grants_of(&self, access: &str) -> Result<Vec<Grant>, Error> {
        let access = access.to_owned();
        self.read(move |connection| {
            grants_where(connection, "access = ?1 AND state <> 'revoked'", &[&access])
        })
        .await
    }

    /// What an access had, and was revoked last.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn last_revoked(&self, access: &str) -> Result<Option<Grant>, Error> {
        let access = access.to_owned();
        self.read(move |connection| last_revoked(connection, &access)).await
    }

    /// What a role has that is not revoked.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn grants_on(&self, account: &str, role: &str) -> Result<Vec<Grant>, Error> {
        let (account, role) = (account.to_owned(), role.to_owned());
        self.read(move |connection| {
            let condition = "account = ?1 AND role = ?2 AND state <> 'revoked'";
            grants_where(connection, condition, &[&account, &role])
        })
        .await
    }

    /// Everything that is not revoked.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn grants(&self) -> Result<Vec<Grant>, Error> {
        self.read(|connection| grants_where(connection, "state <> 'revoked'", &[])).await
    }

    /// Writes grants and the policies that they stand in, all or none.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn write(
        &self,
        run: &str,
        now: jiff::Timestamp,
        grants: Vec<Grant>,
        policies: Vec<Policy>,
    ) -> Result<(), Error> {
        let (run, now) = (run.to_owned(), now.to_string());
        self.change(move |connection| {
            grants.iter().try_for_each(|grant| write_grant(connection, grant, &now))?;
            let sql =
                "INSERT INTO policy VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, role, policy)
                       DO UPDATE SET document = excluded.document, run = excluded.run";
            let mut insert = connection.prepare_cached(sql)?;
            for Policy { account, role, policy, document } in &policies {
                insert.execute(params![account, role, policy, document, run])?;
            }
            Ok(())
        })
        .await
    }

    /// The policies that we answer for.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn policies(&self) -> Result<Vec<Policy>, Error> {
        self.read(|connection| policies(connection, "document IS NOT NULL", &[])).await
    }

    /// The policies that a run wrote or removed.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn policies_of_run(&self, run: &str) -> Result<Vec<Policy>, Error> {
        let run = run.to_owned();
        self.read(move |connection| policies(connection, "run = ?1", &[&run])).await
    }

    /// What was reported last about an access.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn last_report(&self, access: &str) -> Result<Option<String>, Error> {
        let access = access.to_owned();
        self.read(move |connection| {
            let sql = "SELECT reported FROM access WHERE id = ?1";
            Ok(connection.query_row(sql, [access], |row| row.get(0)).optional()?.flatten())
        })
        .await
    }

    /// Remembers what was reported about an access.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn reported(&self, access: &str, report: &str) -> Result<(), Error> {
        let (access, report) = (access.to_owned(), report.to_owned());
        self.change(move |connection| {
            let sql = "UPDATE access SET reported = ?2 WHERE id = ?1";
            connection.execute(sql, params![access, report]).map(drop)
        })
        .await
    }
}

type Subjects = (String, Option<String>, Option<String>, Option<String>, Resource);

fn resource(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Resource>> {
    let path: Option<String> = row.get(column)?;
    Ok(path.as_deref().and_then(Resource::of_path))
}

/// A provider that is unknown by now stays remembered as it was.
fn subjects(access: &Access) -> Subjects {
    let (product, team) = match &access.consumer {
        Consumer::DataProduct(id) => (Some(id.clone()), None),
        Consumer::Team(id) => (None, Some(id.clone())),
        Consumer::User(_) | Consumer::Unknown => (None, None),
    };
    (access.id.clone(), access.provider_product.clone(), product, team, access.resource)
}

fn affected(
    connection: &Connection,
    sql: &str,
    resources: Vec<String>,
) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let mut select = connection.prepare_cached(sql)?;
    let mut found = BTreeSet::new();
    for resource in resources {
        for id in select.query_map([&resource], |row| row.get(0))? {
            found.insert((id?, resource.clone()));
        }
    }
    Ok(found)
}

fn grants_where(
    connection: &Connection,
    condition: &str,
    values: &[&String],
) -> rusqlite::Result<Vec<Grant>> {
    let sql =
        format!("SELECT {COLUMNS} FROM granted WHERE {condition} ORDER BY access, account, role");
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(rusqlite::params_from_iter(values), grant)?;
    rows.collect()
}

fn last_revoked(connection: &Connection, access: &str) -> rusqlite::Result<Option<Grant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM granted WHERE access = ?1 AND state = 'revoked' ORDER BY updated_at DESC LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row([access], grant).optional()
}

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let event: Option<String> = row.get(10)?;
    let kind: Option<String> = row.get(11)?;
    Ok(Grant {
        access: row.get(0)?,
        account: row.get(1)?,
        role: row.get(2)?,
        role_arn: row.get(3)?,
        policy: row.get(4)?,
        statements: from_json(&row.get::<_, String>(5)?)?,
        arns: from_json(&row.get::<_, String>(6)?)?,
        hash: row.get(7)?,
        state: State::read(&row.get::<_, String>(8)?),
        note: row.get(9)?,
        cause: event.zip(kind).map(|(event, kind)| Cause { event, kind }),
    })
}

fn write_grant(connection: &Connection, grant: &Grant, now: &str) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO granted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let cause = grant.cause.as_ref();
    connection
        .prepare_cached(sql)?
        .execute(params![
            grant.access,
            grant.account,
            grant.role,
            grant.role_arn,
            grant.policy,
            to_json(&grant.statements),
            to_json(&grant.arns),
            grant.hash,
            grant.state.text(),
            grant.note,
            cause.map(|it| &it.event),
            cause.map(|it| &it.kind),
            now
        ])
        .map(drop)
}

fn policies(
    connection: &Connection,
    condition: &str,
    values: &[&String],
) -> rusqlite::Result<Vec<Policy>> {
    let sql = format!("SELECT account, role, policy, document FROM policy WHERE {condition}");
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(rusqlite::params_from_iter(values), |row| {
        Ok(Policy {
            account: row.get(0)?,
            role: row.get(1)?,
            policy: row.get(2)?,
            document: row.get(3)?,
        })
    })?;
    rows.collect()
}
