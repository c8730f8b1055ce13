//! Says once what is wrong with the set-up, on standard error: the layers know no logger.

use std::io::Write;

/// A variable of the environment that can't be used, and what is done instead.
pub(crate) fn warn_variable(variable: &str, value: &str, why: &str) {
    warn(&format!("{variable}={value:?}: {why}"));
}

pub(crate) fn warn(message: &str) {
    // In one piece, as others write there too. A closed standard error is no reason to stop.
    let _ = std::io::stderr().write_all(format!("lianlu: {message}\n").as_bytes());
}
