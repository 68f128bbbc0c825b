//! Which roles may be touched at all.
//!
//! A role's name is free text of the catalogue. Only names of IAM's grammar that the configuration allows are ever
//! used, and never those of administrators, of AWS's own and of its landing zones.

use regex::Regex;
use serde_json::Value;

/// Roles of AWS and of its account management: whoever changes them owns the account.
const RESERVED: [&str; 6] = [
    "AWSServiceRoleFor*",
    "AWSReservedSSO_*",
    "AWSControlTower*",
    "AWSCloudFormationStackSet*",
    "OrganizationAccountAccessRole",
    "stacksets-exec-*",
];

/// Words of a name that make it an administrator's.
const ADMINISTRATORS: [&str; 7] =
    ["admin", "admins", "administrator", "administrators", "administration", "root", "superuser"];

/// AWS's own managed policies that let a role do everything, or give itself every right.
const ADMINISTRATORS_POLICIES: [&str; 3] =
    ["AdministratorAccess", "IAMFullAccess", "PowerUserAccess"];

/// Why a role is not touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// No name of IAM's grammar.
    #[error(
        "`{0}` is no name of an IAM role (1 to 64 letters, digits and `_+=,.@-`; a name, not an ARN)"
    )]
    Name(String),
    /// An administrator's, or AWS's own.
    #[error("the role `{0}` is an administrator's or reserved by AWS, and is never touched")]
    Administrator(String),
    /// Not in `role_patterns`.
    #[error("the role `{0}` is not among the `role_patterns` that the configuration allows")]
    NotAllowed(String),
}

/// A pattern with `*` (any characters) and `?` (one), which matches as a whole.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What the regular expression says, for one that is too long.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        let escaped = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
        Ok(Self(Regex::new(&format!("^{escaped}$"))?))
    }

    /// Whether it matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// Checks a role's name against IAM's grammar and the allowed patterns.
///
/// # Errors
/// [`RoleError`] that says why the role is not touched.
pub fn check(name: &str, allowed: &[Pattern]) -> Result<(), RoleError> {
    let of_grammar = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(of_grammar) {
        return Err(RoleError::Name(name.to_owned()));
    }
    if is_administrator(name) {
        return Err(RoleError::Administrator(name.to_owned()));
    }
    if !allowed.iter().any(|pattern| pattern.matches(name)) {
        return Err(RoleError::NotAllowed(name.to_owned()));
    }
    Ok(())
}

fn is_administrator(name: &str) -> bool {
    let reserved = |pattern: &&str| Pattern::new(pattern).is_ok_and(|it| it.matches(name));
    RESERVED.iter().any(reserved)
        || words(name).iter().any(|word| ADMINISTRATORS.contains(&word.as_str()))
}

/// Whether this is the ARN of a managed policy of administrators, in any partition: `arn:aws:iam::aws:policy/IAMFullAccess`.
pub fn is_administrators_policy(arn: &str) -> bool {
    let name = arn.split_once(":iam::aws:policy/").map(|(_, name)| name);
    name.is_some_and(|name| ADMINISTRATORS_POLICIES.contains(&name))
}

/// Whether a policy's document allows every action on every resource.
pub fn allows_everything(document: &str) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let has = |list: &Value, all: &[&str]| {
        one_or_many(list).iter().any(|it| it.as_str().is_some_and(|it| all.contains(&it)))
    };
    one_or_many(&document["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && has(&statement["Action"], &["*", "*:*"])
            && has(&statement["Resource"], &["*"])
    })
}

/// IAM takes one element without its list.
fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// The words of `AWSDataAdminRole`, `aws-data-admin-role`: `aws`, `data`, `admin`, `role`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<_> = name.chars().collect();
    let is = |at: Option<usize>, what: fn(&char) -> bool| {
        at.and_then(|at| letters.get(at)).is_some_and(what)
    };
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1);
        let ends_acronym =
            is(before, char::is_ascii_uppercase) && is(Some(at + 1), char::is_ascii_lowercase);
        let begins =
            letter.is_ascii_uppercase() && (is(before, char::is_ascii_lowercase) || ends_acronym);
        if begins || !letter.is_ascii_alphabetic() {
            words.push(String::new());
        }
        if letter.is_ascii_alphabetic() {
            words.last_mut().expect("there is a first word").push(letter.to_ascii_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Pattern> {
        vec![Pattern::new("*").unwrap()]
    }

    #[test]
    fn policies_of_administrators_are_told_by_arn_and_by_document() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let arn = format!("arn:{partition}:iam::aws:policy/AdministratorAccess");
            assert!(is_administrators_policy(&arn));
        }
        assert!(!is_administrators_policy("arn:aws:iam::aws:policy/ReadOnlyAccess"));
        assert!(!is_administrators_policy("arn:aws:iam::123456789012:policy/IAMFullAccess"));
        for all in [
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":["s3:GetObject","*"],"Resource":["*"]}]}"#,
        ] {
            assert!(allows_everything(all), "{all}");
        }
        for less in [
            r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::x"}}"#,
            "nonsense",
        ] {
            assert!(!allows_everything(less), "{less}");
        }
    }

    #[test]
    fn administrators_are_refused_even_where_everything_is_allowed() {
        for name in [
            "AdministratorAccess",
            "OrganizationAccountAccessRole",
            "Admin",
            "DataAdminRole",
            "data-admin",
            "AWSReservedSSO_PowerUser_1",
            "AWSServiceRoleForECS",
            "ADMIN",
            "AWSAdministratorAccess",
            "root",
        ] {
            assert_eq!(check(name, &all()), Err(RoleError::Administrator(name.into())), "{name}");
        }
        for name in ["payments-consumer", "badminton-reader", "Trooter", "r_+=,.@-1"] {
            check(name, &all()).unwrap();
        }
    }

    #[test]
    fn only_names_of_the_grammar_and_of_the_patterns_are_allowed() {
        for name in ["", "arn:aws:iam::123456789012:role/x", "a b", "x/y", &"x".repeat(65)] {
            assert!(matches!(check(name, &all()), Err(RoleError::Name(_))), "{name}");
        }
        let patterns = [Pattern::new("*-consumer").unwrap(), Pattern::new("team-?").unwrap()];
        check("payments-consumer", &patterns).unwrap();
        check("team-a", &patterns).unwrap();
        for name in ["payments-consumer-2", "team-ab", "xteam-a"] {
            assert_eq!(check(name, &patterns), Err(RoleError::NotAllowed(name.into())));
        }
    }
}
