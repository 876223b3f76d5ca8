//! What can go wrong while answering, with the stable code that clients see.
//!
//! Resolvers return [`ApiError`]; async-graphql keeps it as the source of its own error, and the responder
//! (`http/respond.rs`) reads code and public message from it. Only there are internals logged.

/// A reason not to answer, or not completely.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// An argument, filter or order that makes no sense; the text says what is allowed.
    #[error("{0}")]
    BadInput(String),
    /// A cursor that is not ours, or of another order.
    #[error("{0}")]
    BadCursor(String),
    /// A cursor behind which entries of the feed were let go.
    #[error(
        "what followed this cursor is not kept any more: read all records again, then follow the changes from here on"
    )]
    CursorExpired,
    /// The token's role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// What is named is not there, or not in what the token may see.
    #[error("{0}")]
    NotFound(&'static str),
    /// More rows in a page than allowed.
    #[error(
        "a page has at most {max} rows, {asked} were asked for; follow pageInfo.endCursor for more"
    )]
    PageTooLarge { asked: i64, max: i64 },
    /// More rows in the whole answer than allowed.
    #[error("this query may return {asked} rows, at most {max} are allowed: ask for smaller pages")]
    TooCostly { asked: u64, max: u64 },
    /// The database cancelled the statement.
    #[error("the query took longer than the server allows: narrow its filter or ask for less")]
    Timeout,
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// The database's JSON is not what the schema says: a defect of ours.
    #[error("the database's answer can't be read")]
    Answer(#[source] serde_json::Error),
    /// A defect of ours.
    #[error("{0}")]
    Defect(&'static str),
}

impl ApiError {
    /// The code in `extensions.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "BAD_USER_INPUT",
            Self::BadCursor(_) => "BAD_CURSOR",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(_) => "NOT_FOUND",
            Self::PageTooLarge { .. } => "PAGE_TOO_LARGE",
            Self::TooCostly { .. } => "QUERY_TOO_COSTLY",
            Self::Timeout => "TIMEOUT",
            Self::Database(_) | Self::Answer(_) | Self::Defect(_) => "INTERNAL",
        }
    }

    /// The text as a log may have it: what Postgres or the decoder say of a value quotes it.
    pub fn logged(&self) -> String {
        const DATA_EXCEPTION: &str = "22";
        match self {
            Self::Database(error) => match error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
            {
                Some(code) if code.starts_with(DATA_EXCEPTION) => {
                    format!("{self}: a value is refused (SQLSTATE {code})")
                }
                _ => format!("{self}: {error}"),
            },
            Self::Answer(error) => format!(
                "{self}: {:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            ),
            _ => self.to_string(),
        }
    }

    /// Whether the text may be shown to a client.
    pub fn is_public(&self) -> bool {
        self.code() != "INTERNAL"
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        const QUERY_CANCELED: &str = "57014";
        let cancelled = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == QUERY_CANCELED);
        if cancelled {
            Self::Timeout
        } else {
            Self::Database(error)
        }
    }
}

pub(crate) type Result<T, E = ApiError> = std::result::Result<T, E>;
