//! One row of a provider's error table.

use crate::store::RefusalKind;

/// How a provider words one kind of refusal.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRow {
    /// The refusal.
    pub refusal: RefusalKind,
    /// The provider's code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The message.
    pub message: &'static str,
    /// Where the provider says so. `doubt:` marks what no page settles, `n/a:` what this provider's requests cannot cause.
    pub source: &'static str,
}

/// An error in words that are in no table: a test's own.
#[derive(Clone, Copy, Debug)]
pub struct Wording<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'a str,
    /// The message.
    pub message: &'a str,
}

/// The row for a refusal.
pub fn find(rows: &'static [ErrorRow], refusal: RefusalKind) -> &'static ErrorRow {
    rows.iter().find(|row| row.refusal == refusal).expect("every refusal has a row, which a test checks")
}

/// Declares a table: `Kind, "Code", status, "message", "source";` a row.
macro_rules! error_rows {
    ($($refusal:ident, $code:literal, $status:literal, $message:expr, $source:expr;)*) => {
        &[$($crate::dialect::row::ErrorRow {
            refusal: $crate::store::RefusalKind::$refusal,
            code: $code,
            status: $status,
            message: $message,
            source: $source,
        }),*]
    };
}
pub(crate) use error_rows;
