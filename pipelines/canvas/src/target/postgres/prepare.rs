//! What a database administrator does once: a role for the replica, its schemas, its rights.
//!
//! Needs nothing of a superuser but the rights to create roles and schemas. Repeating it is harmless; a role
//! that exists keeps its password.

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};

use super::error::explain;
use crate::target::quote::quote;
use crate::target::{Layout, TargetError};
use stepwell_pipeline::postgres::Connector;

/// What is to be prepared.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// The role that will own the replica.
    pub role: String,
    /// The namespaces to replicate: a schema each.
    pub namespaces: Vec<String>,
    /// Where the state lives.
    pub layout: Layout,
}

/// What is done about the role itself.
#[derive(Debug, Clone, Copy)]
pub enum Role<'a> {
    /// It is there, and keeps its password.
    Exists,
    /// Created without a password: nobody can log in with one until the administrator sets it.
    WithoutPassword,
    /// Created with the password that this SCRAM verifier stands for.
    WithVerifier(&'a str),
}

impl Preparation {
    /// The statements, in order.
    pub fn statements(&self, database: &str, role: Role<'_>) -> Vec<String> {
        let name = quote(&self.role);
        let create = match role {
            Role::Exists => None,
            Role::WithoutPassword => Some(format!("CREATE ROLE {name} LOGIN")),
            Role::WithVerifier(verifier) => {
                let verifier = verifier.replace('\'', "''");
                Some(format!("CREATE ROLE {name} LOGIN PASSWORD '{verifier}'"))
            }
        };
        let role = name;
        let connect = format!("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {role}", quote(database));
        let schemas = self.schemas().flat_map(|schema| {
            let schema = quote(schema);
            [
                format!("CREATE SCHEMA IF NOT EXISTS {schema}"),
                format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"),
            ]
        });
        create.into_iter().chain([connect]).chain(schemas).collect()
    }

    fn schemas(&self) -> impl Iterator<Item = &str> {
        let official = (self.layout == Layout::Instructure).then_some("instructure_dap");
        self.namespaces.iter().map(String::as_str).chain(["stepwell"]).chain(official)
    }

    /// Prepares the database that `admin` names, in one transaction. Gives whether the role was created, which
    /// then has this password.
    ///
    /// # Errors
    /// [`TargetError`]; nothing has changed then.
    pub async fn apply(
        &self,
        admin: &SecretString,
        password: &SecretString,
    ) -> Result<bool, TargetError> {
        let connector = Connector::new(admin.expose_secret())?;
        let failed = |error| explain(&connector.place(), "preparing the database", &error);
        let mut client = connector.connect().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        let found =
            "SELECT current_database()::text, EXISTS (SELECT FROM pg_roles WHERE rolname = $1)";
        let row = transaction.query_one(found, &[&self.role]).await.map_err(failed)?;
        let (database, exists): (String, bool) = (row.get(0), row.get(1));
        // The server's log may show statements: it sees a verifier, never the password.
        let verifier = scram_sha_256(password.expose_secret().as_bytes());
        let statements = self.statements(
            &database,
            if exists { Role::Exists } else { Role::WithVerifier(&verifier) },
        );
        for statement in statements {
            transaction.batch_execute(&statement).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(!exists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_a_role_that_exists_is_not_created() {
        let preparation = Preparation {
            role: "can\"vas".into(),
            namespaces: vec!["canvas".into()],
            layout: Layout::Instructure,
        };
        assert_eq!(
            preparation.statements("cd2", Role::Exists),
            [
                r#"GRANT CONNECT, TEMPORARY ON DATABASE "cd2" TO "can""vas""#,
                r#"CREATE SCHEMA IF NOT EXISTS "canvas""#,
                r#"GRANT USAGE, CREATE ON SCHEMA "canvas" TO "can""vas""#,
                r#"CREATE SCHEMA IF NOT EXISTS "stepwell""#,
                r#"GRANT USAGE, CREATE ON SCHEMA "stepwell" TO "can""vas""#,
                r#"CREATE SCHEMA IF NOT EXISTS "instructure_dap""#,
                r#"GRANT USAGE, CREATE ON SCHEMA "instructure_dap" TO "can""vas""#,
            ]
        );
    }
}
