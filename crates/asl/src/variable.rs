//! Variables: how they are called, and how an evaluation reads them.
//!
//! Left to others: which ones a state sees and when it assigns them (the interpreter).
//!
//! Source: Step Functions Developer Guide, "Passing data between states with variables".

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Data;

/// Characters of a name, at most.
pub const NAME_LENGTH_MAX: usize = 80;

/// What the language keeps for itself: `$states`.
pub const RESERVED: &str = "states";

/// The variables that a state assigns, by name.
pub type Assigned = BTreeMap<Arc<str>, Data>;

/// Gives the values of variables as they were when the state was entered.
pub trait Variables {
    /// The value of a variable, if there is such a variable.
    fn get(&self, name: &str) -> Option<&Data>;
}

impl Variables for Assigned {
    fn get(&self, name: &str) -> Option<&Data> {
        BTreeMap::get(self, name)
    }
}

/// Whether a variable may be called so: an identifier in the sense of Unicode (UAX 31).
///
/// ```
/// use stepwell_asl::variable::is_name;
///
/// assert!(is_name("customer_2") && is_name("größe"));
/// assert!(!is_name("2nd") && !is_name("a-b") && !is_name(""));
/// ```
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name)
        && chars.all(continues_name)
        && text.chars().count() <= NAME_LENGTH_MAX
}

/// Whether a name may begin with `c`.
pub(crate) fn starts_name(c: char) -> bool {
    unicode_ident::is_xid_start(c)
}

/// Whether a name may go on with `c`.
pub(crate) fn continues_name(c: char) -> bool {
    unicode_ident::is_xid_continue(c)
}
