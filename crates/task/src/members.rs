//! The members of what a task asks for, held against what its action knows, before any task runs.

/// The members that an action knows. Names are those of definitions: `QueueUrl`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Members<'m> {
    /// The action, in texts: `sqs:sendMessage`.
    pub of: &'m str,
    /// Those that AWS knows; nothing if that is not known here.
    pub of_aws: Option<&'m [&'m str]>,
    /// Those that are served here; nothing if all are.
    pub served: Option<&'m [&'m str]>,
    /// Those without which AWS refuses the definition.
    pub required: &'m [&'m str],
}

/// A member that does not fit the action. In AWS's words where AWS refuses it, too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// AWS does not know it.
    #[error("The field \"{member}\" is not supported by Step Functions")]
    Unknown {
        /// Its name.
        member: String,
    },
    /// AWS knows it, and here nothing would be done with it.
    #[error("The field \"{member}\" of {of} is not supported by stepwell")]
    NotServed {
        /// Its name.
        member: String,
        /// `sqs:sendMessage`
        of: String,
    },
    /// It must be there and is not.
    #[error("The field '{member}' is required but was missing")]
    Missing {
        /// Its name.
        member: String,
    },
}

impl Misfit {
    /// The member.
    pub fn member(&self) -> &str {
        match self {
            Self::Unknown { member }
            | Self::NotServed { member, .. }
            | Self::Missing { member } => member,
        }
    }
}

impl Members<'_> {
    /// What of the given members does not fit, in their order, and then what is missing.
    pub fn misfits(&self, given: &[&str]) -> Vec<Misfit> {
        let misfits = given.iter().filter_map(|member| self.misfit(member));
        let missing = self.required.iter().filter(|member| !given.contains(member));
        let missing = missing.map(|member| Misfit::Missing { member: (*member).to_owned() });
        misfits.chain(missing).collect()
    }

    fn misfit(&self, member: &str) -> Option<Misfit> {
        let knows = |members: Option<&[&str]>| members.is_none_or(|all| all.contains(&member));
        let member = member.to_owned();
        if !knows(self.of_aws) {
            Some(Misfit::Unknown { member })
        } else if !knows(self.served) {
            Some(Misfit::NotServed { member, of: self.of.to_owned() })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Members<'_> = Members {
        of: "sqs:sendMessage",
        of_aws: Some(&["MessageBody", "MessageSystemAttributes", "QueueUrl"]),
        served: Some(&["MessageBody", "QueueUrl"]),
        required: &["QueueUrl"],
    };

    fn texts(members: &Members<'_>, given: &[&str]) -> Vec<String> {
        members.misfits(given).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_does_not_fit_is_told_in_order() {
        assert_eq!(
            texts(&SEND, &["queueUrl", "MessageSystemAttributes", "MessageBody"]),
            [
                "The field \"queueUrl\" is not supported by Step Functions",
                "The field \"MessageSystemAttributes\" of sqs:sendMessage is not supported by stepwell",
                "The field 'QueueUrl' is required but was missing",
            ]
        );
        assert!(SEND.misfits(&["QueueUrl", "MessageBody"]).is_empty());
    }

    #[test]
    fn of_an_action_that_is_not_known_nothing_is_refused() {
        assert!(Members::default().misfits(&["Anything"]).is_empty());
    }
}
