//! Codec for AWS X-Ray's [tracing
//! header](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
//!
//! ```text
//! x-amzn-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
//!                         ─ ──────── ────────────────────────       ────────────────         ─
//!                   version seconds   rest of the trace id          caller's span     1, 0 or ?
//!                           (4 bytes)      (12 bytes)                (8 bytes)
//! ```
//!
//! The fields come in any order; other fields between them are ignored. The seconds and the rest
//! together are the 16 bytes of an OpenTelemetry trace id.

use crate::text::{hex, ows};

/// The content of an `x-amzn-trace-id` header.
///
/// # Examples
///
/// ```
/// use lianlu_wire::xray::XRay;
///
/// let xray = XRay::parse(b"Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=?")?;
/// assert_eq!(xray.trace_id[..4], [0x57, 0x59, 0xe9, 0x88]);
/// assert_eq!((xray.parent_id, xray.sampled), (None, None));
/// # Ok::<(), lianlu_wire::xray::XRayError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct XRay {
    /// The trace, big-endian. All zero is invalid.
    pub trace_id: [u8; 16],
    /// The caller's span, big-endian, never zero after parsing. Absent when a load balancer starts
    /// the trace.
    pub parent_id: Option<[u8; 8]>,
    /// The sampling decision; `None` leaves it to the receiver.
    pub sampled: Option<bool>,
}

/// Why an `x-amzn-trace-id` is not usable. Treat the request as if it had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XRayError {
    /// No `Root`, more than one, or not `1-`, 8 hex digits, `-`, 24 hex digits, or an id of zero.
    #[error("x-amzn-trace-id has not one Root=1-{{8 hex digits}}-{{24 hex digits}}")]
    Root,
    /// More than one `Parent`, or not 16 hex digits, or zero.
    #[error("x-amzn-trace-id Parent is not 16 hex digits with one of them not zero")]
    Parent,
    /// More than one `Sampled`, or not `0`, `1` or `?`.
    #[error("x-amzn-trace-id Sampled is not 0, 1 or ?")]
    Sampled,
}

impl XRay {
    /// Reads a header value.
    ///
    /// # Errors
    ///
    /// [`XRayError`] when one of the three fields is malformed or occurs twice, or when `Root` is
    /// missing.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, XRayError> {
        let (mut root, mut parent, mut sampled) = (None, None, None);
        for field in value.split(|&byte| byte == b';') {
            let Some((key, value)) = ows::split_once(field, b'=') else {
                continue;
            };
            let value = ows::trim(value);
            let twice = match ows::trim(key) {
                b"Root" => root
                    .replace(parse_root(value).ok_or(XRayError::Root)?)
                    .map(|_| XRayError::Root),
                b"Parent" => parent
                    .replace(parse_parent(value).ok_or(XRayError::Parent)?)
                    .map(|_| XRayError::Parent),
                b"Sampled" => sampled
                    .replace(parse_sampled(value)?)
                    .map(|_| XRayError::Sampled),
                _ => None,
            };
            if let Some(error) = twice {
                return Err(error);
            }
        }
        Ok(Self {
            trace_id: root.ok_or(XRayError::Root)?,
            parent_id: parent,
            sampled: sampled.flatten(),
        })
    }

    /// The header value. The trace id is not checked.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = "Root=1-".to_owned();
        let (seconds, rest) = self.trace_id.split_at(4);
        hex::push(seconds, &mut out);
        out.push('-');
        hex::push(rest, &mut out);
        if let Some(parent) = &self.parent_id {
            out.push_str(";Parent=");
            hex::push(parent, &mut out);
        }
        if let Some(sampled) = self.sampled {
            out.push_str(if sampled { ";Sampled=1" } else { ";Sampled=0" });
        }
        out
    }
}

fn parse_root(value: &[u8]) -> Option<[u8; 16]> {
    let (version, ids) = ows::split_once(value, b'-')?;
    let (seconds, rest) = ows::split_once(ids, b'-')?;
    if version != b"1" || seconds.len() != 8 || rest.len() != 24 {
        return None;
    }
    let mut id = [0; 16];
    let (front, back) = id.split_at_mut(4);
    front.copy_from_slice(&hex::decode_short::<4>(seconds)?);
    back.copy_from_slice(&hex::decode_short::<12>(rest)?);
    (id != [0; 16]).then_some(id)
}

fn parse_parent(value: &[u8]) -> Option<[u8; 8]> {
    (value.len() == 16).then(|| hex::decode_id(value))?
}

fn parse_sampled(value: &[u8]) -> Result<Option<bool>, XRayError> {
    match value {
        b"1" => Ok(Some(true)),
        b"0" => Ok(Some(false)),
        b"?" => Ok(None),
        _ => Err(XRayError::Sampled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
    const PARENT: &str = "Parent=53995c3f42cd8ad8";

    #[test]
    fn valid() {
        for (value, encoded) in [
            (ROOT.to_owned(), ROOT.to_owned()),
            (
                format!("{ROOT};{PARENT};Sampled=1"),
                format!("{ROOT};{PARENT};Sampled=1"),
            ),
            (
                format!(" Sampled=0 ;\tLineage=a:1|b:2; Self=1-2-3 ;{PARENT}; {ROOT};"),
                format!("{ROOT};{PARENT};Sampled=0"),
            ),
            (format!("{ROOT};Sampled=?"), ROOT.to_owned()),
            (
                format!(";;Root;{};=", ROOT.replace('b', "B")),
                ROOT.to_owned(),
            ),
        ] {
            assert_eq!(
                XRay::parse(value.as_bytes()).unwrap().encode(),
                encoded,
                "{value}"
            );
        }
    }

    #[test]
    fn invalid() {
        use XRayError::*;
        for (value, error) in [
            (String::new(), Root),
            (PARENT.to_owned(), Root),
            ("Root=".to_owned(), Root),
            (format!("{ROOT};{ROOT}"), Root),
            (format!("root{}", &ROOT[4..]), Root),
            (format!("{ROOT}0"), Root),
            (ROOT.replace("=1", "=2"), Root),
            (ROOT.replace("988", "98"), Root),
            (ROOT.replace("e", "g"), Root),
            (format!("Root=1-{}-{}", "0".repeat(8), "0".repeat(24)), Root),
            (format!("{ROOT};{PARENT}0"), Parent),
            (format!("{ROOT};{PARENT};{PARENT}"), Parent),
            (format!("{ROOT};Parent={}", "0".repeat(16)), Parent),
            (format!("{ROOT};Sampled=true"), Sampled),
            (format!("{ROOT};Sampled=1;Sampled=1"), Sampled),
        ] {
            assert_eq!(XRay::parse(value.as_bytes()), Err(error), "{value}");
        }
    }
}
