//! The tables: where they are to be had, and how they are read without losing a record.

use super::client::Api;

/// A table.
#[derive(Debug)]
pub(super) struct Spec {
    /// What a dataset calls it.
    pub(super) name: &'static str,
    /// Below the API's address.
    pub(super) path: &'static str,
    /// What names a record on the wire; nothing does in the audit trail.
    pub(super) key: Option<&'static str>,
    /// When a record changed last, or was made if it never changes.
    pub(super) time: Option<&'static str>,
    pub(super) way: Way,
}

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a search in the order of time, each page from the time of the one before on.
    Search(Search),
    /// By a list, each page overlapping the one before.
    List(List),
    /// What hangs on each record of another table, below `<path>/{id}/<name>`.
    Children { of: &'static str, name: &'static str, parent_as: Option<&'static str> },
    /// The audit trail.
    Events,
}

/// What is special about a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Search {
    /// A second time at which records change without the first one moving.
    pub(super) also: Option<&'static str>,
    /// Records that others name here have changed although their time did not move.
    pub(super) adjusts: Option<&'static str>,
    /// A search of the whole table by cursor is allowed in this order.
    pub(super) cursor: Option<&'static str>,
    /// A search by cursor is allowed in this order for a span of time.
    pub(super) cursor_between: Option<&'static str>,
    /// The body is the list of criteria itself, and nothing is said of the order.
    pub(super) bare_criteria: bool,
    /// Only dates are understood; records come in the order of this field, and never change.
    pub(super) dates_by: Option<&'static str>,
}

/// What is special about a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) sort: Option<&'static str>,
    /// One list for each of these types.
    pub(super) types: &'static [&'static str],
    pub(super) span: Span,
    /// There is one page alone.
    pub(super) is_whole: bool,
    /// Records are wrapped in this.
    pub(super) wrapped: Option<&'static str>,
    pub(super) api: Api,
}

/// Which days a list wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    None,
    /// `dueFrom`, `dueTo`
    Due,
    /// `from`, `to`, around the window.
    Window,
}

const SEARCH: Search = Search {
    also: None,
    adjusts: None,
    cursor: None,
    cursor_between: None,
    bare_criteria: false,
    dates_by: None,
};

const LIST: List = List {
    sort: None,
    types: &[],
    span: Span::None,
    is_whole: false,
    wrapped: None,
    api: Api::Second,
};

const fn spec(
    name: &'static str,
    path: &'static str,
    time: Option<&'static str>,
    way: Way,
) -> Spec {
    Spec { name, path, key: Some("encodedKey"), time, way }
}

const fn search(
    name: &'static str,
    path: &'static str,
    time: &'static str,
    search: Search,
) -> Spec {
    spec(name, path, Some(time), Way::Search(search))
}

const fn list(name: &'static str, path: &'static str, sort: Option<&'static str>) -> Spec {
    spec(name, path, Some("lastModifiedDate"), Way::List(List { sort, ..LIST }))
}

const MODIFIED: &str = "lastModifiedDate";
const CREATED: &str = "creationDate";
const ADJUSTS: Option<&str> = Some("originalTransactionKey");

/// All of them.
pub(super) const SPECS: &[Spec] = &[
    list("branches", "branches", Some("lastModifiedDate:ASC")),
    list("centres", "centres", Some("lastModifiedDate:ASC")),
    search("clients", "clients:search", MODIFIED, SEARCH),
    search("groups", "groups:search", MODIFIED, SEARCH),
    list("users", "users", Some("id:ASC")),
    list("tasks", "tasks", Some("lastModifiedDate:ASC")),
    list("loan_products", "loanproducts", Some("id:ASC")),
    list("deposit_products", "depositproducts", Some("id:ASC")),
    list("credit_arrangements", "creditarrangements", Some("creationDate:ASC")),
    list("custom_field_sets", "customfieldsets", None),
    search(
        "loan_accounts",
        "loans:search",
        MODIFIED,
        Search { also: Some("lastAccountAppraisalDate"), cursor: Some(MODIFIED), ..SEARCH },
    ),
    search(
        "deposit_accounts",
        "deposits:search",
        MODIFIED,
        Search { cursor: Some(MODIFIED), ..SEARCH },
    ),
    search(
        "loan_transactions",
        "loans/transactions:search",
        CREATED,
        Search { adjusts: ADJUSTS, ..SEARCH },
    ),
    search(
        "deposit_transactions",
        "deposits/transactions:search",
        CREATED,
        Search { adjusts: ADJUSTS, ..SEARCH },
    ),
    spec(
        "cards",
        "deposits",
        None,
        Way::Children { of: "deposit_accounts", name: "cards", parent_as: Some("depositId") },
    ),
    spec(
        "loan_repayments",
        "loans",
        None,
        Way::Children { of: "loan_accounts", name: "schedule", parent_as: None },
    ),
    spec("installments", "installments", None, Way::List(List { span: Span::Due, ..LIST })),
    Spec {
        key: Some("glCode"),
        ..spec(
            "gl_accounts",
            "glaccounts",
            Some(MODIFIED),
            Way::List(List {
                types: &["ASSET", "LIABILITY", "EQUITY", "INCOME", "EXPENSE"],
                ..LIST
            }),
        )
    },
    Spec {
        key: Some("entryId"),
        ..search(
            "gl_journal_entries",
            "gljournalentries:search",
            CREATED,
            Search { cursor_between: Some("entryId"), ..SEARCH },
        )
    },
    Spec {
        key: Some("entryId"),
        ..search(
            "interest_accrual_breakdown",
            "accounting/interestaccrual:search",
            CREATED,
            Search { dates_by: Some("entryId"), ..SEARCH },
        )
    },
    search(
        "communications",
        "communications/messages:search",
        CREATED,
        Search { bare_criteria: true, ..SEARCH },
    ),
    spec(
        "activities",
        "activities",
        Some("timestamp"),
        Way::List(List { span: Span::Window, wrapped: Some("activity"), api: Api::First, ..LIST }),
    ),
    Spec { key: None, ..spec("audit_trail", "", Some("occurred_at"), Way::Events) },
    spec(
        "index_rate_sources",
        "indexratesources",
        None,
        Way::List(List { is_whole: true, ..LIST }),
    ),
];

/// The table of this name.
pub(super) fn spec_of(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

impl Spec {
    /// Whether a record may come again, changed, although its time did not move.
    pub(super) fn changes_unseen(&self) -> bool {
        matches!(self.way, Way::Search(search) if search.also.is_some() || search.adjusts.is_some())
    }
}
