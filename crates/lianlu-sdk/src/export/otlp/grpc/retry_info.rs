//! The delay that a collector requests in the details of a
//! [status](https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto).
//!
//! ```text
//! google.rpc.Status        = 0x08 code     · 0x12 len message · 0x1a len Any …
//! google.protobuf.Any      = 0x0a len type · 0x12 len value
//! google.rpc.RetryInfo     = 0x0a len Duration
//! google.protobuf.Duration = 0x08 seconds  · 0x10 nanoseconds
//! ```

use std::time::Duration;

use super::super::protobuf::{Value, fields};

const NANOS_IN_SECOND: u32 = 1_000_000_000;

/// A `google.rpc.RetryInfo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RetryInfo {
    /// `None` to use the pipeline's own delays. A negative delay is zero.
    pub(super) delay: Option<Duration>,
}

impl RetryInfo {
    /// Finds it among a status's details. `None` if there is none, or the bytes are malformed.
    pub(super) fn find(status: &[u8]) -> Option<Self> {
        let mut found = None;
        fields(status, |number, value| {
            if let (3, Value::Bytes(any)) = (number, value) {
                let (mut name, mut message): (&[u8], &[u8]) = (&[], &[]);
                fields(any, |number, value| {
                    match (number, value) {
                        (1, Value::Bytes(bytes)) => name = bytes,
                        (2, Value::Bytes(bytes)) => message = bytes,
                        _ => {}
                    }
                    Some(())
                })?;
                // The message's name follows the last slash; the prefix is arbitrary.
                if name.rsplit(|&byte| byte == b'/').next() == Some(b"google.rpc.RetryInfo") {
                    found = Some(Self::read(message)?);
                }
            }
            Some(())
        })?;
        found
    }

    fn read(message: &[u8]) -> Option<Self> {
        let mut info = Self::default();
        fields(message, |number, value| {
            if let (1, Value::Bytes(delay)) = (number, value) {
                info.delay = Some(duration(delay)?);
            }
            Some(())
        })?;
        Some(info)
    }
}

fn duration(message: &[u8]) -> Option<Duration> {
    let (mut seconds, mut nanos) = (0, 0);
    fields(message, |number, value| {
        match (number, value) {
            (1, Value::Number(number)) => seconds = number.cast_signed(),
            (2, Value::Number(number)) => nanos = number.cast_signed(),
            _ => {}
        }
        Some(())
    })?;
    // Does not overflow for any two 64-bit numbers.
    let nanos = i128::from(seconds) * i128::from(NANOS_IN_SECOND) + i128::from(nanos);
    let nanos = u128::try_from(nanos).unwrap_or_default();
    let seconds = nanos / u128::from(NANOS_IN_SECOND);
    let nanos = nanos % u128::from(NANOS_IN_SECOND);
    Some(Duration::new(
        u64::try_from(seconds).unwrap_or(u64::MAX),
        u32::try_from(nanos).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    // The definitions, implemented by prost.
    #[derive(Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }

    #[derive(Message)]
    struct Info {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }

    #[derive(Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    fn any(type_url: &str, retry_delay: Option<(i64, i32)>) -> Any {
        let retry_delay = retry_delay.map(|(seconds, nanos)| Delay { seconds, nanos });
        Any {
            type_url: type_url.to_owned(),
            value: Info { retry_delay }.encode_to_vec(),
        }
    }

    fn status(details: Vec<Any>) -> Vec<u8> {
        Status {
            code: 8,
            message: "busy".to_owned(),
            details,
        }
        .encode_to_vec()
    }

    const URL: &str = "type.googleapis.com/google.rpc.RetryInfo";

    fn delay(seconds: i64, nanos: i32) -> Duration {
        let bytes = status(vec![any(URL, Some((seconds, nanos)))]);
        RetryInfo::find(&bytes).unwrap().delay.unwrap()
    }

    #[test]
    fn delays() {
        assert_eq!(delay(2, 500_000_000), Duration::from_millis(2_500));
        assert_eq!(delay(0, 0), Duration::ZERO);
        assert_eq!(delay(-1, 0), Duration::ZERO);
        assert_eq!(delay(1, -500_000_000), Duration::from_millis(500));
        assert_eq!(delay(0, i32::MAX), Duration::from_nanos(i32::MAX as u64));
        assert_eq!(delay(i64::MIN, i32::MIN), Duration::ZERO);
        let most = delay(i64::MAX, i32::MAX);
        assert_eq!(most.as_secs(), i64::MAX as u64 + 2);
    }

    #[test]
    fn is_found_by_its_type_name() {
        let other = || any("type.googleapis.com/google.rpc.Help", Some((9, 0)));
        let seven = Some((7, 0));
        for url in [URL, "google.rpc.RetryInfo", "/google.rpc.RetryInfo"] {
            let bytes = status(vec![other(), any(url, seven), other()]);
            let delay = Some(Duration::from_secs(7));
            assert_eq!(RetryInfo::find(&bytes), Some(RetryInfo { delay }), "{url}");
        }
        for url in [
            "",
            "x.google.rpc.RetryInfo",
            "a/google.rpc.RetryInfo/",
            "/RetryInfo",
        ] {
            let bytes = status(vec![any(url, seven)]);
            assert_eq!(RetryInfo::find(&bytes), None, "{url}");
        }
        assert_eq!(RetryInfo::find(&status(Vec::new())), None);
        let bytes = status(vec![any(URL, None)]);
        assert_eq!(RetryInfo::find(&bytes), Some(RetryInfo { delay: None }));
    }

    #[test]
    fn truncated_bytes_are_ignored() {
        let whole = status(vec![any(URL, Some((7, 7)))]);
        let details = status(Vec::new()).len();
        for end in 0..whole.len() {
            assert_eq!(RetryInfo::find(&whole[..end]), None, "{end}");
        }
        // A length beyond the end.
        let mut long = whole.clone();
        long[details + 1] = 0x7f;
        assert_eq!(RetryInfo::find(&long), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = RetryInfo::find(&bytes);
        }

        #[test]
        fn a_damaged_status_does_not_panic(
            at in 0_usize..200, byte: u8, seconds: i64, nanos: i32,
        ) {
            let mut bytes = status(vec![any(URL, Some((seconds, nanos)))]);
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = RetryInfo::find(&bytes);
        }

        #[test]
        fn delays_agree_with_prost(seconds: i64, nanos: i32) {
            let nanoseconds = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            let wanted = u128::try_from(nanoseconds).unwrap_or_default();
            prop_assert_eq!(delay(seconds, nanos).as_nanos(), wanted);
        }
    }
}
