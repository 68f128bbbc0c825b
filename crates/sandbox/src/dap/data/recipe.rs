//! The names of the ways in which a column's values are drawn; [`super::generate`] draws.

/// How the values of a column look. Most columns take what their type suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// Whatever the type allows.
    Plain,
    /// The key of a row in another table, `namespace.table`.
    Reference(String),
    /// A key of which some belong to another Canvas instance and are very large.
    ShardKey,
    /// When the row came to be; never changes.
    Created,
    /// When the row last changed.
    Updated,
    /// When the row was soft-deleted; null before.
    Deleted,
    /// As long as the column allows: what a widened column is for.
    Filled,
    Code,
    Currency,
    Email,
    FileName,
    Grade,
    Grader,
    Html,
    JsonText,
    Locale,
    MimeType,
    Name,
    Price,
    Score,
    Sentence,
    SortableName,
    Status,
    TimeZone,
    Title,
    Token,
    Url,
    UserAgent,
}

impl Recipe {
    /// Reads the word after `~` in a data dictionary.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "shard_key" => Self::ShardKey,
            "created" => Self::Created,
            "updated" => Self::Updated,
            "deleted" => Self::Deleted,
            "code" => Self::Code,
            "currency" => Self::Currency,
            "email" => Self::Email,
            "file_name" => Self::FileName,
            "grade" => Self::Grade,
            "grader" => Self::Grader,
            "html" => Self::Html,
            "json_text" => Self::JsonText,
            "locale" => Self::Locale,
            "mime_type" => Self::MimeType,
            "name" => Self::Name,
            "price" => Self::Price,
            "score" => Self::Score,
            "sentence" => Self::Sentence,
            "sortable_name" => Self::SortableName,
            "status" => Self::Status,
            "time_zone" => Self::TimeZone,
            "title" => Self::Title,
            "token" => Self::Token,
            "url" => Self::Url,
            "user_agent" => Self::UserAgent,
            _ => return None,
        })
    }
}
