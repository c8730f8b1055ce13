//! gRPC status codes and their meaning for a span.

use http::{HeaderMap, StatusCode};

use crate::net::redact::{clip, redact};

/// The [gRPC status codes](https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // named as gRPC names them
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// All codes, ordered by number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number. Other numbers are `UNKNOWN`, as clients treat them.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number))
            .copied()
            .unwrap_or(Self::Unknown)
    }

    /// The code that a client reports for a response without `grpc-status`, see
    /// [http-grpc-status-mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
    pub(crate) fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// The name in the semantic conventions: `DEADLINE_EXCEEDED`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// The name in grpc-go: `DeadlineExceeded`.
    pub(crate) const fn go_name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "Canceled",
            Self::Unknown => "Unknown",
            Self::InvalidArgument => "InvalidArgument",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::PermissionDenied => "PermissionDenied",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Aborted => "Aborted",
            Self::OutOfRange => "OutOfRange",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unavailable => "Unavailable",
            Self::DataLoss => "DataLoss",
            Self::Unauthenticated => "Unauthenticated",
        }
    }

    /// Returns true if a server's span with this code is an error: only if the server is at fault.
    #[must_use]
    pub const fn is_server_error(self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::DeadlineExceeded
                | Self::Unimplemented
                | Self::Internal
                | Self::Unavailable
                | Self::DataLoss
        )
    }

    /// Returns true if a client's span with this code is an error: every code except `OK`.
    #[must_use]
    pub const fn is_client_error(self) -> bool {
        !matches!(self, Self::Ok)
    }
}

/// The status of a gRPC call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: Code,
    /// The decoded `grpc-message`, redacted; may be empty.
    pub(crate) message: String,
}

impl Status {
    /// Reads `grpc-status` and `grpc-message` from headers or trailers.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        // Trailers have few other entries, so a linear search is cheaper than hashing the names.
        let find = |wanted: &str| {
            let (_, value) = headers.iter().find(|(name, _)| name.as_str() == wanted)?;
            Some(value)
        };
        let number = find("grpc-status")?;
        if number.as_bytes() == b"0" {
            return Some(Self {
                code: Code::Ok,
                message: String::new(),
            });
        }
        let number = number.to_str().ok();
        let number = number.and_then(|number| number.trim().parse().ok());
        let code = number.map_or(Code::Unknown, Code::from_number);
        let message = match code {
            Code::Ok => None,
            _ => find("grpc-message"),
        };
        let message =
            message.map(|message| clip(&redact(&percent_decode(message.as_bytes()))).to_owned());
        let message = message.unwrap_or_default();
        Some(Self { code, message })
    }
}

/// Decodes `grpc-message`. Invalid escapes are kept.
fn percent_decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%'
            && let Some((&[high, low], after)) = tail.split_first_chunk()
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_codes() {
        for (number, code) in (0..).zip(Code::ALL) {
            assert_eq!(Code::from_number(number), code);
            assert_eq!(code as u32, number);
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Code::from_number(u32::MAX), Code::Unknown);
    }

    #[test]
    fn reads_a_status_from_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(Status::from_headers(&headers), None);
        headers.insert("grpc-status", "5".parse().unwrap());
        headers.insert("grpc-message", "no %E4%BA%BA%21 100%".parse().unwrap());
        assert_eq!(
            Status::from_headers(&headers),
            Some(Status {
                code: Code::NotFound,
                message: "no 人! 100%".to_owned()
            })
        );
        headers.insert("grpc-status", "banana".parse().unwrap());
        assert_eq!(Status::from_headers(&headers).unwrap().code, Code::Unknown);
    }
}
