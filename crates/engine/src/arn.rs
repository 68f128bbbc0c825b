//! Names and ARNs: checked once at the edge, trusted inside.

use crate::error::Error;
use crate::limits::NAME_CHARACTERS_MAX;

/// Writes and reads the ARNs of one region and account. The store keeps names only, so that these two may
/// change between runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arns {
    region: String,
    account: String,
}

impl Arns {
    /// The ARNs of a region and account.
    pub fn new(region: impl Into<String>, account: impl Into<String>) -> Self {
        Self { region: region.into(), account: account.into() }
    }

    /// `arn:aws:states:<region>:<account>:stateMachine:<name>`
    pub fn state_machine(&self, name: &str) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{name}", self.region, self.account)
    }

    /// `arn:aws:states:<region>:<account>:execution:<state machine>:<name>`
    pub fn execution(&self, state_machine: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:execution:{state_machine}:{name}", self.region, self.account)
    }

    /// `arn:aws:states:<region>:<account>:activity:<name>`
    pub fn activity(&self, name: &str) -> String {
        format!("arn:aws:states:{}:{}:activity:{name}", self.region, self.account)
    }

    /// The name in the ARN of an activity; nothing if it is of another region or account.
    ///
    /// # Errors
    /// [`Error::InvalidArn`] if it has another shape.
    pub fn parse_activity<'a>(&self, arn: &'a str) -> Result<Option<&'a str>, Error> {
        let expected = "expected `arn:aws:states:<region>:<account>:activity:<name>`";
        let (mine, name) = self.resource(arn, "activity", expected)?;
        check_name(name).map_err(|_| invalid(arn, expected))?;
        Ok(mine.then_some(name))
    }

    /// `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`
    pub fn map_run(&self, state_machine: &str, label: &str, uuid: &str) -> String {
        format!(
            "arn:aws:states:{}:{}:mapRun:{state_machine}/{label}:{uuid}",
            self.region, self.account
        )
    }

    /// The last part of the ARN of a Map run.
    ///
    /// # Errors
    /// [`Error::InvalidArn`] if it has another shape; [`Error::ResourceNotFound`] if it is of another region or account.
    pub fn parse_map_run<'a>(&self, arn: &'a str) -> Result<&'a str, Error> {
        let expected =
            "expected `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`";
        let (mine, names) = self.resource(arn, "mapRun", expected)?;
        let (machine, uuid) = names.rsplit_once(':').ok_or_else(|| invalid(arn, expected))?;
        if !machine.contains('/') {
            return Err(invalid(arn, expected));
        }
        if mine { Ok(uuid) } else { Err(Error::ResourceNotFound { arn: arn.to_owned() }) }
    }

    /// `arn:aws:states:<region>:<account>:express:<state machine>:<name>:<uuid>`
    pub fn express(&self, state_machine: &str, name: &str, uuid: &str) -> String {
        format!("{}:{uuid}", self.tested(state_machine, name))
    }

    /// What AWS calls the execution in which a state is tested:
    /// `arn:aws:states:<region>:<account>:express:<state machine>:<name>`
    pub(crate) fn tested(&self, state_machine: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:express:{state_machine}:{name}", self.region, self.account)
    }

    /// `arn:aws:states:<region>:<account>:stateMachine:<name>:<version number or alias>`
    pub fn qualified(&self, state_machine: &str, qualifier: impl std::fmt::Display) -> String {
        format!("{}:{qualifier}", self.state_machine(state_machine))
    }

    /// The role that executions show when a state machine was created without one.
    pub fn default_role(&self) -> String {
        format!("arn:aws:iam::{}:role/stepwell", self.account)
    }

    /// The name in the ARN of a state machine.
    ///
    /// # Errors
    /// [`Error::InvalidArn`] if it has another shape; [`Error::StateMachineDoesNotExist`] if it is of another
    /// region or account.
    pub fn parse_state_machine<'a>(&self, arn: &'a str) -> Result<&'a str, Error> {
        let expected = "expected `arn:aws:states:<region>:<account>:stateMachine:<name>`";
        let (mine, name) = self.resource(arn, "stateMachine", expected)?;
        if !mine {
            return Err(Error::StateMachineDoesNotExist { arn: arn.to_owned() });
        }
        check_name(name).map_err(|_| invalid(arn, expected))?;
        Ok(name)
    }

    /// The name in the ARN of a state machine, and its version or alias if the ARN has one.
    ///
    /// # Errors
    /// As [`parse_state_machine`](Self::parse_state_machine).
    pub fn parse_qualified(&self, arn: &str) -> Result<Qualified, Error> {
        let (plain, qualifier) = match arn.match_indices(':').nth(6) {
            Some((end, _)) => (&arn[..end], Some(&arn[end + 1..])),
            None => (arn, None),
        };
        let state_machine = self.parse_state_machine(plain)?.to_owned();
        let qualifier = qualifier.map(|text| Qualifier::parse(text, arn)).transpose()?;
        Ok(Qualified { state_machine, qualifier })
    }

    /// The names of state machine and execution in the ARN of an execution. Of a child of a Map run, that of the state
    /// machine has a label: `m/Label`.
    ///
    /// # Errors
    /// [`Error::InvalidArn`] if it has another shape; [`Error::ExecutionDoesNotExist`] if it is of another
    /// region or account.
    pub fn parse_execution<'a>(&self, arn: &'a str) -> Result<(&'a str, &'a str), Error> {
        let expected =
            "expected `arn:aws:states:<region>:<account>:execution:<state machine>:<name>`";
        let (mine, names) = self.resource(arn, "execution", expected)?;
        let (state_machine, name) = names.split_once(':').ok_or_else(|| invalid(arn, expected))?;
        if !mine {
            return Err(Error::ExecutionDoesNotExist { arn: arn.to_owned() });
        }
        for part in [split_label(state_machine).0, name] {
            check_name(part).map_err(|_| invalid(arn, expected))?;
        }
        Ok((state_machine, name))
    }

    /// Whether the ARN is of this region and account, and what follows its resource type.
    fn resource<'a>(
        &self,
        arn: &'a str,
        kind: &str,
        expected: &'static str,
    ) -> Result<(bool, &'a str), Error> {
        let mut parts = arn.splitn(7, ':');
        let mut part = || parts.next().ok_or_else(|| invalid(arn, expected));
        let prefix = (part()?, part()?, part()?);
        let (region, account) = (part()?, part()?);
        if prefix != ("arn", "aws", "states") || part()? != kind {
            return Err(invalid(arn, expected));
        }
        Ok((region == self.region && account == self.account, part()?))
    }
}

/// What an ARN of a state machine names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qualified {
    /// The name of the state machine.
    pub state_machine: String,
    /// Which of its versions or aliases; none stands for the state machine itself.
    pub qualifier: Option<Qualifier>,
}

/// The last part of the ARN of a version or an alias. An alias is no number, so that they cannot be mistaken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Qualifier {
    Version(i64),
    Alias(String),
}

impl Qualifier {
    fn parse(text: &str, arn: &str) -> Result<Self, Error> {
        if text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            return Ok(Self::Version(number));
        }
        let expected = "expected the number of a version or the name of an alias at its end";
        check_name(text).map_err(|_| invalid(arn, expected))?;
        Ok(Self::Alias(text.to_owned()))
    }

    /// The number, if it is a version.
    pub fn version(&self) -> Option<i64> {
        match self {
            Self::Version(number) => Some(*number),
            Self::Alias(_) => None,
        }
    }

    /// The name, if it is an alias.
    pub fn alias(&self) -> Option<&str> {
        match self {
            Self::Version(_) => None,
            Self::Alias(name) => Some(name),
        }
    }
}

/// What is in `m/Label`: a child of a Map run names the label of its Map state as well.
pub(crate) fn split_label(state_machine: &str) -> (&str, Option<&str>) {
    match state_machine.split_once('/') {
        Some((name, label)) => (name, Some(label)),
        None => (state_machine, None),
    }
}

/// Checks the name of a state machine or an execution.
///
/// # Errors
/// [`Error::InvalidName`]. Source: API reference, `StartExecution`, `name`.
pub fn check_name(name: &str) -> Result<(), Error> {
    let refuse = |reason| Err(Error::InvalidName { name: name.to_owned(), reason });
    match name.chars().count() {
        0 => return refuse("it is empty"),
        1..=NAME_CHARACTERS_MAX => {}
        _ => return refuse("it has more than 80 characters"),
    }
    if name.chars().any(is_forbidden) {
        return refuse(
            "it has white space, a control character or one of `< > { } [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : /`",
        );
    }
    Ok(())
}

fn is_forbidden(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
}

fn invalid(arn: &str, reason: &'static str) -> Error {
    Error::InvalidArn { arn: arn.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arns() -> Arns {
        Arns::new("us-east-1", "000000000000")
    }

    #[test]
    fn what_is_written_is_read() {
        let arn = arns().execution("canvas", "monday");
        assert_eq!(arns().parse_execution(&arn).unwrap(), ("canvas", "monday"));
        let arn = arns().state_machine("canvas");
        assert_eq!(arns().parse_state_machine(&arn).unwrap(), "canvas");
    }

    #[test]
    fn another_shape_is_an_invalid_arn() {
        for arn in ["", "canvas", "arn:aws:states:us-east-1:000000000000:activity:x"] {
            let error = arns().parse_state_machine(arn).unwrap_err();
            assert_eq!(error.aws_name(), "InvalidArn", "{arn}");
        }
        let error = arns().parse_execution("arn:aws:states:us-east-1:0:execution:canvas");
        assert_eq!(error.unwrap_err().aws_name(), "InvalidArn");
    }

    #[test]
    fn another_account_does_not_exist() {
        let arn = Arns::new("us-east-1", "123456789012").state_machine("canvas");
        let error = arns().parse_state_machine(&arn).unwrap_err();
        assert_eq!(error.aws_name(), "StateMachineDoesNotExist");
    }

    #[test]
    fn names_are_checked_as_aws_does() {
        for name in ["", "a b", "a:b", "a/b", "a\u{7f}", &"x".repeat(81)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["a", "a.b_c-d", "gr\u{fc}n", "a'(!)+@=", &"x".repeat(80)] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }
}
