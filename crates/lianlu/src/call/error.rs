//! The error of a failed call: its class, its message, and the gRPC status that it maps to.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

use super::error_class::{class, class_of_text};
use crate::describe::response::Failure;
use crate::grpc::Code;
use crate::net::redact::redact;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Describes an error without consuming it.
pub(crate) fn failure<E: Display + 'static>(error: &E) -> Failure {
    let chain = as_error(error);
    let code = chain.and_then(grpc_code);
    let class = chain.and_then(class);
    let class = match class.or_else(|| class_of_box(error)) {
        Some(class) => Cow::Borrowed(class),
        // The type of a box says nothing.
        None if type_name::<E>().contains("<dyn ") => Cow::Borrowed("_OTHER"),
        None => Cow::Borrowed(type_name::<E>()),
    };
    let message = match chain {
        Some(error) => with_sources(error),
        None => error.to_string(),
    };
    Failure::Error {
        class,
        message: redact(&message).into_owned(),
        code,
    }
}

/// The class of an error of unknown type, by its text. Boxes such as `anyhow::Error` put the text of
/// the innermost error behind the others.
fn class_of_box(error: &impl Display) -> Option<&'static str> {
    class_of_text(format!("{error:#}").rsplit(": ").next()?)
}

/// The error as a `std::error::Error`, for the types that are known here.
fn as_error(error: &dyn Any) -> Option<&(dyn StdError + 'static)> {
    macro_rules! known {
        ($($(#[$attribute:meta])* $type:ty),* $(,)?) => {
            $($(#[$attribute])* if let Some(error) = error.downcast_ref::<$type>() {
                return Some(error);
            })*
        };
    }
    macro_rules! boxes {
        ($($type:ty),* $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$type>() {
                return Some(&**error);
            })*
        };
    }
    boxes!(
        BoxError,
        Box<dyn StdError + Send>,
        Box<dyn StdError>,
        Arc<dyn StdError + Send + Sync>,
    );
    // This error hides the one that it holds: its `source` is already the inner error's source.
    #[cfg(feature = "reqwest-middleware")]
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            reqwest_middleware::Error::Middleware(error) => error.as_ref(),
            reqwest_middleware::Error::Reqwest(error) => error,
        });
    }
    known!(
        io::Error,
        #[cfg(feature = "tonic")]
        tonic::Status,
        #[cfg(feature = "tonic")]
        tonic::transport::Error,
        #[cfg(feature = "axum")]
        axum::Error,
        #[cfg(feature = "hyper")]
        hyper::Error,
        #[cfg(feature = "hyper")]
        hyper_util::client::legacy::Error,
        #[cfg(feature = "reqwest")]
        reqwest::Error,
    );
    None
}

pub(crate) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    // Bounded, in case an error is its own source.
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        // The source of an `io::Error` is that of the error that it holds.
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => (*error).source(),
        }
    })
    .take(16)
}

/// The error's message followed by those of its sources, without repetitions.
fn with_sources(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for error in sources(error) {
        let part = error.to_string();
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    text
}

#[cfg(feature = "tonic")]
fn grpc_code(error: &(dyn StdError + 'static)) -> Option<Code> {
    sources(error).find_map(|error| {
        if let Some(status) = error.downcast_ref::<tonic::Status>() {
            return Some(Code::from_number(status.code() as u32));
        }
        if error.is::<tonic::TimeoutExpired>() {
            return Some(Code::DeadlineExceeded);
        }
        if error.is::<tonic::ConnectError>() {
            return Some(Code::Unavailable);
        }
        let reason = error.downcast_ref::<h2::Error>()?.reason()?;
        Some(reset_code(reason))
    })
}

/// The code that tonic reports for a stream that was reset, see
/// [PROTOCOL-HTTP2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
#[cfg(feature = "tonic")]
fn reset_code(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::NO_ERROR
        | h2::Reason::PROTOCOL_ERROR
        | h2::Reason::INTERNAL_ERROR
        | h2::Reason::FLOW_CONTROL_ERROR
        | h2::Reason::SETTINGS_TIMEOUT
        | h2::Reason::COMPRESSION_ERROR
        | h2::Reason::CONNECT_ERROR => Code::Internal,
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Unknown,
    }
}

#[cfg(not(feature = "tonic"))]
fn grpc_code(_: &(dyn StdError + 'static)) -> Option<Code> {
    None
}
