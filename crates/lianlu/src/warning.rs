//! Writes configuration warnings to standard error, because the layers have no logger.

use std::io::Write;

/// Warns about an environment variable with an invalid value; `why` names the problem and the
/// fallback.
pub(crate) fn warn_variable(variable: &str, value: &str, why: &str) {
    warn(&format!("{variable}={value:?}: {why}"));
}

pub(crate) fn warn(message: &str) {
    // A single write, so that concurrent output does not split the line. Errors are ignored:
    // standard error may be closed.
    let _ = std::io::stderr().write_all(format!("lianlu: {message}\n").as_bytes());
}
