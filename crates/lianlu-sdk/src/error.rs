//! What can go wrong, one enum for each operation.

/// An option whose value can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}, got {value:?}")]
#[non_exhaustive]
pub struct OptionError {
    /// The method or the environment variable that set it.
    pub option: &'static str,
    /// The value it was given.
    pub value: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl OptionError {
    /// An error that names the option, its value and the problem.
    pub fn new(option: &'static str, value: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            option,
            value: without_userinfo(&value.into()),
            problem: problem.into(),
        }
    }
}

/// A URL without the `user:password@` that a log should not have. A password that is not encoded may have any character
/// in it: the last `@` ends it, wherever that stands.
fn without_userinfo(value: &str) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), value),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) if !scheme.is_empty() || user.contains(':') => {
            format!("{scheme}***@{host}")
        }
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::OptionError;

    #[test]
    fn no_password_in_the_text() {
        let error = OptionError::new("o", "ftp://ann:se@cret@h/p@q", "no");
        assert_eq!(error.to_string(), "o: no, got \"ftp://***@q\"");
        for (value, shown) in [
            ("ftp://ann:se/cr@et@h/p", "ftp://***@h/p"),
            ("ftp://ann:se?cr#et@h", "ftp://***@h"),
            ("ann:secret@h:1", "***@h:1"),
            ("ann@h", "ann@h"),
            ("ftp://h/p", "ftp://h/p"),
        ] {
            let error = OptionError::new("o", value, "no");
            assert_eq!(error.to_string(), format!("o: no, got {shown:?}"));
        }
    }
}

/// Why a flush or a shutdown did not deliver everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The time was over first. What waits is still delivered later, unless the process ends, and with a flight
    /// recorder even then. After a shutdown only the recorder keeps it.
    #[error("not flushed in time, {waiting} span(s) still wait for the exporter{}", because(reason.as_deref()))]
    Timeout {
        /// Spans that had ended and were not exported yet.
        waiting: u64,
        /// Why the last attempt has failed, if one has.
        reason: Option<String>,
    },
    /// The exporter gave up spans meanwhile.
    #[error("{lost} span(s) lost while flushing: {reason}")]
    Lost {
        /// How many.
        lost: u64,
        /// The last reason.
        reason: String,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// Why a [`TracerProvider`](crate::TracerProvider) was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The system gave no thread.
    #[error("no thread for the exporter: {0}")]
    Thread(#[from] std::io::Error),
    /// The flight recorder can't be used.
    #[error(transparent)]
    Recorder(#[from] crate::flight_recorder::RecorderError),
}
