//! The tables: where they are to be had, how they are searched, and what their records hold.

use Kind::{
    Amount, Choice, Created, Day, Flag, Int, Key, List, LongText, Modified, Name, Number, Object,
    Of, Set, Text, When,
};

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The record's own key, 32 hexadecimal digits.
    Key,
    /// The record's id: this, and its number.
    Name(&'static str),
    /// The record's number.
    Number,
    Text,
    LongText,
    Choice(&'static [&'static str]),
    Int,
    Flag,
    Amount,
    Day,
    When,
    Created,
    Modified,
    /// The key of a record of another table.
    Of(&'static str),
    Object(Fields),
    List(Fields),
    /// A custom field set.
    Set(Fields),
}

/// Names and kinds.
pub(crate) type Fields = &'static [(&'static str, Kind)];

/// What a search may look like in cursor mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CursorRule {
    /// There is none.
    None,
    /// Sorted by one of these and not filtered.
    Unfiltered(&'static [&'static str]),
    /// Sorted by one of these.
    Filtered(&'static [&'static str]),
    /// Sorted by one of these, and filtered with BETWEEN on one of those.
    Between(&'static [&'static str], &'static [&'static str]),
}

/// A table.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// `clients:search`
    pub(crate) search: Option<&'static str>,
    /// `clients`
    pub(crate) list: Option<&'static str>,
    pub(crate) cursor: CursorRule,
    /// Records for each one of the option, times ten.
    pub(crate) tenths: usize,
    pub(crate) fields: Fields,
}

const fn spec(name: &'static str, tenths: usize, fields: Fields) -> Spec {
    Spec { name, search: None, list: None, cursor: CursorRule::None, tenths, fields }
}

impl Spec {
    const fn searched(self, path: &'static str) -> Self {
        Self { search: Some(path), ..self }
    }

    const fn listed(self, path: &'static str) -> Self {
        Self { list: Some(path), ..self }
    }

    const fn cursor(self, cursor: CursorRule) -> Self {
        Self { cursor, ..self }
    }

    /// The field with this kind.
    pub(crate) fn field(&self, wanted: fn(&Kind) -> bool) -> Option<&'static str> {
        self.fields.iter().find(|(_, kind)| wanted(kind)).map(|(name, _)| *name)
    }
}

const STATES: Kind = Choice(&["ACTIVE", "INACTIVE", "PENDING_APPROVAL", "CLOSED"]);
const CURRENCY: Kind = Object(&[("code", Choice(&["EUR", "USD"]))]);
const ADDRESSES: Kind = List(&[("line1", Text), ("city", Text), ("postcode", Text)]);
/// Of loans: products can have several.
const RATES: Kind = List(&[
    ("interestRate", Object(&[("defaultValue", Amount), ("minValue", Amount)])),
    ("interestRateSource", Choice(&["FIXED_INTEREST_RATE", "INDEX_INTEREST_RATE"])),
]);
const PARTS: Kind = Object(&[("amount", AMOUNTS)]);
const AMOUNTS: Kind = Object(&[("expected", Amount), ("paid", Amount), ("due", Amount)]);

/// All of them.
pub(crate) const SPECS: &[Spec] = &[
    spec(
        "branches",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("B-")),
            ("name", Text),
            ("state", STATES),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("phoneNumber", Text),
            ("addresses", ADDRESSES),
            ("notes", LongText),
        ],
    )
    .listed("branches"),
    spec(
        "centres",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("CE-")),
            ("name", Text),
            ("state", STATES),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("assignedBranchKey", Of("branches")),
            ("meetingDay", Text),
            ("addresses", ADDRESSES),
        ],
    )
    .listed("centres"),
    spec(
        "clients",
        10,
        &[
            ("encodedKey", Key),
            ("id", Name("C-")),
            ("state", STATES),
            ("firstName", Text),
            ("lastName", Text),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("activationDate", When),
            ("approvedDate", When),
            ("birthDate", Day),
            ("assignedBranchKey", Of("branches")),
            ("clientRoleKey", Text),
            ("loanCycle", Int),
            ("mobilePhone", Text),
            ("emailAddress", Text),
            ("preferredLanguage", Choice(&["ENGLISH", "GERMAN"])),
            ("notes", LongText),
            ("addresses", ADDRESSES),
            (
                "idDocuments",
                List(&[("documentType", Text), ("documentId", Text), ("validUntil", Day)]),
            ),
            (
                "_clientDetails",
                Set(&[("risk", Choice(&["LOW", "HIGH"])), ("income", Amount), ("since", Day)]),
            ),
        ],
    )
    .searched("clients:search")
    .listed("clients"),
    spec(
        "groups",
        2,
        &[
            ("encodedKey", Key),
            ("id", Name("G-")),
            ("groupName", Text),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("assignedBranchKey", Of("branches")),
            ("loanCycle", Int),
            ("groupMembers", List(&[("clientKey", Of("clients"))])),
            ("notes", LongText),
        ],
    )
    .searched("groups:search")
    .listed("groups"),
    spec(
        "users",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("U-")),
            ("username", Text),
            ("firstName", Text),
            ("lastName", Text),
            ("userState", STATES),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("lastLoggedInDate", When),
            ("language", Text),
            ("twoFactorAuthentication", Flag),
            ("access", Object(&[("administratorAccess", Flag), ("mambuAccess", Flag)])),
        ],
    )
    .listed("users"),
    spec(
        "tasks",
        3,
        &[
            ("encodedKey", Key),
            ("id", Number),
            ("title", Text),
            ("status", Choice(&["OPEN", "COMPLETED"])),
            ("dueDate", Day),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("assignedUserKey", Of("users")),
            ("description", LongText),
        ],
    )
    .listed("tasks"),
    spec(
        "loan_products",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("LP-")),
            ("name", Text),
            ("state", STATES),
            ("type", Choice(&["FIXED_TERM_LOAN", "DYNAMIC_TERM_LOAN"])),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("currency", CURRENCY),
            (
                "loanAmountSettings",
                Object(&[("loanAmount", Object(&[("maxValue", Amount), ("minValue", Amount)]))]),
            ),
            ("interestSettings", Object(&[("interestRateSettings", RATES)])),
            ("notes", LongText),
        ],
    )
    .listed("loanproducts"),
    spec(
        "deposit_products",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("DP-")),
            ("name", Text),
            ("state", STATES),
            ("type", Choice(&["CURRENT_ACCOUNT", "SAVINGS_PLAN"])),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("interestSettings", Object(&[("paidIntoAccount", Flag), ("interestRate", Amount)])),
            ("notes", LongText),
        ],
    )
    .listed("depositproducts"),
    spec(
        "credit_arrangements",
        2,
        &[
            ("encodedKey", Key),
            ("id", Name("CA-")),
            ("state", STATES),
            ("amount", Amount),
            ("availableCreditAmount", Amount),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("startDate", Day),
            ("expireDate", Day),
            ("currency", CURRENCY),
            ("holderKey", Of("clients")),
            ("holderType", Choice(&["CLIENT"])),
            ("notes", LongText),
        ],
    )
    .listed("creditarrangements"),
    spec(
        "custom_field_sets",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("_set")),
            ("name", Text),
            ("availableFor", Choice(&["CLIENT", "LOAN_ACCOUNT"])),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("customFields", List(&[("id", Text), ("type", Choice(&["FREE_TEXT", "NUMBER"]))])),
        ],
    )
    .listed("customfieldsets"),
    spec(
        "loan_accounts",
        10,
        &[
            ("encodedKey", Key),
            ("id", Name("L-")),
            ("accountHolderKey", Of("clients")),
            ("accountHolderType", Choice(&["CLIENT"])),
            ("accountState", STATES),
            ("accountSubState", Choice(&["LOCKED", "PARTIALLY_DISBURSED"])),
            ("productTypeKey", Of("loan_products")),
            ("loanName", Text),
            ("loanAmount", Amount),
            ("currency", CURRENCY),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("lastAccountAppraisalDate", When),
            ("approvedDate", When),
            ("daysInArrears", Int),
            ("daysLate", Int),
            ("accruedInterest", Amount),
            (
                "balances",
                Object(&[
                    ("principalBalance", Amount),
                    ("principalPaid", Amount),
                    ("interestBalance", Amount),
                    ("feesBalance", Amount),
                ]),
            ),
            (
                "interestSettings",
                Object(&[
                    ("interestRate", Amount),
                    ("interestType", Choice(&["SIMPLE_INTEREST", "CAPITALIZED_INTEREST"])),
                ]),
            ),
            ("scheduleSettings", Object(&[("repaymentInstallments", Int), ("gracePeriod", Int)])),
            (
                "disbursementDetails",
                Object(&[("expectedDisbursementDate", When), ("firstRepaymentDate", When)]),
            ),
            ("tranches", List(&[("amount", Amount), ("number", Int)])),
            ("notes", LongText),
            ("_loanRisk", Set(&[("score", Int), ("limit", Amount), ("checked", Flag)])),
        ],
    )
    .searched("loans:search")
    .listed("loans")
    .cursor(CursorRule::Unfiltered(&["lastModifiedDate"])),
    spec(
        "deposit_accounts",
        10,
        &[
            ("encodedKey", Key),
            ("id", Name("D-")),
            ("accountHolderKey", Of("clients")),
            ("accountHolderType", Choice(&["CLIENT"])),
            ("accountState", STATES),
            ("accountType", Choice(&["CURRENT_ACCOUNT", "SAVINGS_PLAN"])),
            ("productTypeKey", Of("deposit_products")),
            ("name", Text),
            ("currencyCode", Choice(&["EUR", "USD"])),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("lastInterestCalculationDate", When),
            ("maturityDate", Day),
            (
                "balances",
                Object(&[
                    ("availableBalance", Amount),
                    ("totalBalance", Amount),
                    ("blockedBalance", Amount),
                ]),
            ),
            ("overdraftSettings", Object(&[("allowOverdraft", Flag), ("overdraftLimit", Amount)])),
            (
                "interestSettings",
                Object(&[("interestRateSettings", Object(&[("interestRate", Amount)]))]),
            ),
            ("notes", LongText),
            ("_depositTags", Set(&[("purpose", Text), ("goal", Amount)])),
        ],
    )
    .searched("deposits:search")
    .listed("deposits")
    .cursor(CursorRule::Unfiltered(&["lastModifiedDate"])),
    spec(
        "loan_transactions",
        30,
        &[
            ("encodedKey", Key),
            ("id", Number),
            ("parentAccountKey", Of("loan_accounts")),
            ("type", Choice(&["DISBURSEMENT", "REPAYMENT", "FEE_APPLIED"])),
            ("amount", Amount),
            ("creationDate", Created),
            ("valueDate", When),
            ("bookingDate", When),
            ("currency", CURRENCY),
            (
                "affectedAmounts",
                Object(&[
                    ("principalAmount", Amount),
                    ("interestAmount", Amount),
                    ("feesAmount", Amount),
                ]),
            ),
            ("accountBalances", Object(&[("totalBalance", Amount)])),
            ("userKey", Of("users")),
            ("notes", LongText),
            ("fees", List(&[("amount", Amount), ("name", Text)])),
            ("_channel", Set(&[("terminal", Text)])),
        ],
    )
    .searched("loans/transactions:search")
    .cursor(CursorRule::Filtered(&["id", "creationDate"])),
    spec(
        "deposit_transactions",
        30,
        &[
            ("encodedKey", Key),
            ("id", Number),
            ("parentAccountKey", Of("deposit_accounts")),
            ("type", Choice(&["DEPOSIT", "WITHDRAWAL", "TRANSFER"])),
            ("amount", Amount),
            ("currencyCode", Choice(&["EUR", "USD"])),
            ("creationDate", Created),
            ("valueDate", When),
            ("bookingDate", When),
            ("affectedAmounts", Object(&[("fundsAmount", Amount), ("interestAmount", Amount)])),
            ("accountBalances", Object(&[("totalBalance", Amount)])),
            ("userKey", Of("users")),
            ("notes", LongText),
            ("_channel", Set(&[("terminal", Text)])),
        ],
    )
    .searched("deposits/transactions:search")
    .cursor(CursorRule::Filtered(&["id", "transactionId", "creationDate"])),
    spec(
        "cards",
        5,
        &[
            ("encodedKey", Key),
            ("depositKey", Of("deposit_accounts")),
            ("referenceToken", Name("card-")),
        ],
    ),
    spec(
        "installments",
        20,
        &[
            ("encodedKey", Key),
            ("parentAccountKey", Of("loan_accounts")),
            ("number", Name("")),
            ("dueDate", Created),
            ("lastPaidDate", When),
            ("repaidDate", When),
            ("state", Choice(&["PAID", "PENDING", "LATE"])),
            ("isPaymentHoliday", Flag),
            ("principal", PARTS),
            ("interest", PARTS),
            ("fee", PARTS),
            ("penalty", PARTS),
        ],
    )
    .listed("installments"),
    spec(
        "gl_accounts",
        3,
        &[
            ("encodedKey", Key),
            ("glCode", Name("10")),
            ("type", Choice(&["ASSET", "LIABILITY", "EQUITY", "INCOME", "EXPENSE"])),
            ("name", Text),
            ("activated", Flag),
            ("usage", Choice(&["DETAIL", "HEADER"])),
            ("balance", Amount),
            ("currency", CURRENCY),
            ("creationDate", Created),
            ("lastModifiedDate", Modified),
            ("allowManualJournalEntries", Flag),
            ("description", LongText),
        ],
    )
    .listed("glaccounts"),
    spec(
        "gl_journal_entries",
        20,
        &[
            ("encodedKey", Key),
            ("entryId", Number),
            ("creationDate", Created),
            ("bookingDate", When),
            ("transactionId", Text),
            ("accountKey", Of("loan_accounts")),
            ("productKey", Of("loan_products")),
            ("type", Choice(&["DEBIT", "CREDIT"])),
            ("amount", Amount),
            ("glAccount", Object(&[("encodedKey", Of("gl_accounts")), ("glCode", Text)])),
            ("userKey", Of("users")),
            ("notes", LongText),
        ],
    )
    .searched("gljournalentries:search")
    .cursor(CursorRule::Between(&["entryId"], &["creationDate", "bookingDate"])),
    spec(
        "interest_accrual_breakdown",
        10,
        &[
            ("entryId", Number),
            ("accountId", Text),
            ("accountKey", Of("loan_accounts")),
            ("amount", Amount),
            ("creationDate", Created),
            ("bookingDate", Day),
            ("entryType", Choice(&["DEBIT", "CREDIT"])),
            ("glAccountKey", Of("gl_accounts")),
            ("productKey", Of("loan_products")),
        ],
    )
    .searched("accounting/interestaccrual:search"),
    spec(
        "communications",
        5,
        &[
            ("encodedKey", Key),
            ("creationDate", Created),
            ("sendDate", When),
            ("state", Choice(&["SENT", "QUEUED", "FAILED"])),
            ("type", Choice(&["EMAIL", "SMS"])),
            ("subject", Text),
            ("body", LongText),
            ("destination", Text),
            ("clientKey", Of("clients")),
            ("numRetries", Int),
        ],
    )
    .searched("communications/messages:search"),
    spec(
        "activities",
        10,
        &[
            ("encodedKey", Key),
            ("timestamp", Created),
            ("type", Choice(&["CLIENT_CREATED", "LOAN_ACCOUNT_EDITED"])),
            ("userKey", Of("users")),
            ("loanAccountKey", Of("loan_accounts")),
            ("notes", LongText),
            ("transactionID", Int),
            (
                "fieldChanges",
                List(&[("fieldChangeName", Text), ("originalValue", Text), ("newValue", Text)]),
            ),
        ],
    ),
    spec(
        "audit_trail",
        10,
        &[
            ("occurred_at", Created),
            ("event_source", Choice(&["API", "UI"])),
            ("request_uri", Text),
            ("request_method", Choice(&["GET", "POST"])),
            ("resource", Choice(&["loans", "clients"])),
            ("username", Text),
            ("client_ip", Text),
            ("response_code", Int),
            ("request_payload", LongText),
        ],
    ),
    spec(
        "index_rate_sources",
        1,
        &[
            ("encodedKey", Key),
            ("id", Name("IR-")),
            ("name", Text),
            ("type", Choice(&["INTEREST_RATE", "TAX_RATE"])),
            ("notes", LongText),
        ],
    )
    .listed("indexratesources"),
];

/// The table of this name.
pub(crate) fn spec_of(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}
