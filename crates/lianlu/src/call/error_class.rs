//! The class of a transport's error, for the attribute `error.type`.

use std::error::Error as StdError;
use std::io;

use super::error::sources;

/// The class of a host name that does not resolve.
pub(crate) const NAME_RESOLUTION: &str = "name_resolution_error";

/// The class of a transport's or a tower layer's error: `timeout`; those of [`class_of_text`];
/// [`NAME_RESOLUTION`]; the kind of an `io::Error` or hyper's equivalent; `connect` if no connection
/// was made and no kind gives the reason (TLS); `_OTHER` for kinds without a stable name.
pub(crate) fn class(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    if sources(error).any(is_timeout) {
        return Some("timeout");
    }
    if let Some(class) = sources(error).find_map(|error| class_of_text(&error.to_string())) {
        return Some(class);
    }
    if sources(error).any(is_connect) && sources(error).any(is_lookup) {
        return Some(NAME_RESOLUTION);
    }
    let mut kinds =
        sources(error).filter_map(|error| Some(error.downcast_ref::<io::Error>()?.kind()));
    let kind = kinds.next().map(kind_name);
    match kind {
        Some("Other" | "_OTHER") | None if sources(error).any(is_connect) => Some("connect"),
        Some(kind) => Some(kind),
        None => sources(error).find_map(of_connection),
    }
}

fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(feature = "tonic")]
    if error.is::<tonic::TimeoutExpired>() {
        return true;
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return error.is_timeout();
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_timeout();
    }
    let kind = error.downcast_ref().map(io::Error::kind);
    kind == Some(io::ErrorKind::TimedOut)
}

/// The errors of crates that this one does not depend on, by their text. It is the same in all of
/// their versions.
pub(super) fn class_of_text(text: &str) -> Option<&'static str> {
    Some(match text {
        // tower's timeout, tokio's time, tower-http's bodies with a time-out.
        "request timed out"
        | "deadline has elapsed"
        | "data was not received within the designated timeout" => "timeout",
        // tower's load-shed, in front of a limit or anything else that is not ready.
        "service overloaded" => "overloaded",
        // tower's buffer.
        "buffer's worker closed unexpectedly" => "closed",
        // http-body-util's limited body.
        "length limit exceeded" => "length_limit_exceeded",
        _ => return None,
    })
}

/// True for the error that hyper-util's connector, which tonic and reqwest use too, gives a failed
/// look-up. Its type is private.
fn is_lookup(error: &(dyn StdError + 'static)) -> bool {
    error.to_string() == "dns error"
}

fn is_connect(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return error.is_connect();
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    let _ = error;
    false
}

/// hyper's errors for a connection that ended early or does not speak HTTP, as names of `io::Error`
/// kinds.
#[cfg(feature = "hyper")]
fn of_connection(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_incomplete_message() {
        Some("UnexpectedEof")
    } else if error.is_parse() {
        Some("InvalidData")
    } else {
        None
    }
}

#[cfg(not(feature = "hyper"))]
fn of_connection(_: &(dyn StdError + 'static)) -> Option<&'static str> {
    None
}

/// The names of the kinds that transport errors have. The standard library's names for the others
/// may change.
fn kind_name(kind: io::ErrorKind) -> &'static str {
    macro_rules! named {
        ($($kind:ident),* $(,)?) => {
            match kind {
                $(io::ErrorKind::$kind => stringify!($kind),)*
                _ => "_OTHER",
            }
        };
    }
    named!(
        AddrInUse,
        AddrNotAvailable,
        BrokenPipe,
        ConnectionAborted,
        ConnectionRefused,
        ConnectionReset,
        HostUnreachable,
        Interrupted,
        InvalidData,
        InvalidInput,
        NetworkDown,
        NetworkUnreachable,
        NotConnected,
        NotFound,
        Other,
        OutOfMemory,
        PermissionDenied,
        UnexpectedEof,
        Unsupported,
        WouldBlock,
        WriteZero,
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;

    use super::super::error::{BoxError, failure};
    use super::*;
    use crate::describe::response::Failure;

    fn class_of<E: Display + 'static>(error: &E) -> String {
        match failure(error) {
            Failure::Error { class, .. } => class.into_owned(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn classifies_io_errors_by_kind() {
        for (kind, class) in [
            (io::ErrorKind::ConnectionReset, "ConnectionReset"),
            (io::ErrorKind::TimedOut, "timeout"),
            (io::ErrorKind::StorageFull, "_OTHER"),
            (io::ErrorKind::Other, "Other"),
        ] {
            assert_eq!(class_of(&io::Error::from(kind)), class);
            let boxed: BoxError = io::Error::from(kind).into();
            assert_eq!(class_of(&boxed), class);
        }
        // A raw error without a named kind.
        assert_eq!(class_of(&io::Error::from_raw_os_error(9999)), "_OTHER");
    }

    #[test]
    fn classifies_errors_of_other_crates() {
        assert_eq!(class_of(&"text".to_owned()), "alloc::string::String");
        let boxed: BoxError = "text".into();
        assert_eq!(class_of(&boxed), "_OTHER");
    }

    #[test]
    fn finds_a_timeout_in_any_box() {
        use std::sync::Arc;
        use tower::timeout::error::Elapsed;

        assert_eq!(class_of(&Elapsed::new()), "timeout");
        assert_eq!(
            class_of(&format!("charging: {}", Elapsed::new())),
            "timeout"
        );
        let boxed: BoxError = Elapsed::new().into();
        assert_eq!(class_of(&boxed), "timeout");
        let boxed: Box<dyn StdError> = Box::new(io::Error::other(Elapsed::new()));
        assert_eq!(class_of(&boxed), "timeout");
        let boxed: Box<dyn StdError + Send> = Box::new(Elapsed::new());
        assert_eq!(class_of(&boxed), "timeout");
        let shared: Arc<dyn StdError + Send + Sync> = Arc::new(Elapsed::new());
        assert_eq!(class_of(&shared), "timeout");
        assert_eq!(class_of(&io::Error::other(Elapsed::new())), "timeout");
    }
}
