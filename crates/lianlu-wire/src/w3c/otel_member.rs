//! The member `ot` of `tracestate`, by which samplers tell their probability.

use std::fmt::Write as _;

const THRESHOLD: &str = "th";
const RANDOMNESS: &str = "rv";
/// Hex digits of 56 bits.
const DIGITS: usize = 14;
const MAX_BYTES: usize = 256;

/// The member `ot` of a `tracestate`, by the
/// [specification](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
///
/// ```
/// use lianlu_wire::w3c::OtelMember;
///
/// let member = OtelMember::parse("th:c;rv:0123456789abcd;x:y").unwrap();
/// assert_eq!(member.threshold, Some(0xc0_0000_0000_0000));
/// assert_eq!(member.encode(), "th:c;rv:0123456789abcd;x:y");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtelMember<'a> {
    /// The rejection threshold `th`, of 56 bits.
    pub threshold: Option<u64>,
    /// The explicit randomness `rv`, of 56 bits.
    pub randomness: Option<u64>,
    others: Vec<&'a str>,
}

impl<'a> OtelMember<'a> {
    /// The key of the member.
    pub const KEY: &'static str = "ot";

    /// Parses the member's value. `None` if it is malformed; an invalid `th` or `rv` counts as
    /// absent.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parsed = Self::default();
        if text.len() > MAX_BYTES {
            return None;
        }
        for field in text.split(';') {
            let (key, value) = field.split_once(':')?;
            let is_key =
                |(at, it): (usize, u8)| it.is_ascii_lowercase() || at > 0 && it.is_ascii_digit();
            let is_value = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
            let is_valid = key.bytes().enumerate().all(is_key) && value.bytes().all(is_value);
            if key.is_empty() || !is_valid {
                return None;
            }
            match key {
                THRESHOLD => parsed.threshold = digits(value),
                RANDOMNESS => parsed.randomness = digits(value).filter(|_| value.len() == DIGITS),
                _ => parsed.others.push(field),
            }
        }
        Some(parsed)
    }

    /// The member's value: empty if there is nothing to say.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Some(threshold) = self.threshold {
            let hex = format!("{threshold:0DIGITS$x}");
            let hex = hex.trim_end_matches('0');
            let _ = write!(
                text,
                "{THRESHOLD}:{}",
                if hex.is_empty() { "0" } else { hex }
            );
        }
        if let Some(randomness) = self.randomness {
            separate(&mut text);
            let _ = write!(text, "{RANDOMNESS}:{randomness:0DIGITS$x}");
        }
        for field in &self.others {
            let separator = usize::from(!text.is_empty());
            if text.len() + separator + field.len() > MAX_BYTES {
                break;
            }
            separate(&mut text);
            text.push_str(field);
        }
        text
    }
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push(';');
    }
}

/// Up to 14 lower-case hex digits, the missing ones being zeros.
fn digits(text: &str) -> Option<u64> {
    let is_hex = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    if text.is_empty() || text.len() > DIGITS || !text.bytes().all(is_hex) {
        return None;
    }
    u64::from_str_radix(&format!("{text:0<DIGITS$}"), 16).ok()
}

/// A trace state with another threshold in its member `ot`, or without one. The rest stays, except
/// for a member with nothing valid in it.
#[cfg(feature = "opentelemetry")]
#[must_use]
pub fn with_threshold(
    state: opentelemetry::trace::TraceState,
    threshold: Option<u64>,
) -> opentelemetry::trace::TraceState {
    let text = state.get(OtelMember::KEY);
    let mut member = text.and_then(OtelMember::parse).unwrap_or_default();
    let before = member.threshold;
    member.threshold = threshold;
    let encoded = member.encode();
    let is_same = before == threshold && !encoded.is_empty();
    if is_same || text.is_none() && encoded.is_empty() {
        return state;
    }
    let changed = match encoded.is_empty() {
        true => state.delete(OtelMember::KEY),
        false => state.insert(OtelMember::KEY, encoded),
    };
    match changed {
        // An empty list is not equal to no list.
        Ok(changed) if changed.into_iter().next().is_none() => Default::default(),
        Ok(changed) => changed,
        Err(_) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::OtelMember;

    #[test]
    fn malformed_members_count_as_none() {
        let long = format!("x:{}", "y".repeat(300));
        for bad in [
            "", ";", "th", "th:8;", ":8", "TH:8", "1a:b", "a:b;;c:d", "a:b c", &long,
        ] {
            assert_eq!(OtelMember::parse(bad), None, "{bad}");
        }
        for invalid in [
            "th:",
            "th:8G",
            "th:0123456789abcde",
            "rv:0123456789abc",
            "rv:A123456789abcd",
        ] {
            assert_eq!(
                OtelMember::parse(invalid),
                Some(OtelMember::default()),
                "{invalid}"
            );
        }
    }

    #[test]
    fn encodes_what_it_has_parsed() {
        for text in [
            "th:0",
            "th:8",
            "th:00000000000001",
            "rv:00000000000000",
            "a:b;c:",
            "th:1;x:",
        ] {
            assert_eq!(OtelMember::parse(text).unwrap().encode(), text);
        }
        assert_eq!(
            OtelMember::parse("x:y;rv:0123456789abcd;th:80")
                .unwrap()
                .encode(),
            "th:8;rv:0123456789abcd;x:y"
        );
        assert_eq!(OtelMember::default().encode(), "");
        let most = format!("x:{}", "y".repeat(254));
        let mut member = OtelMember::parse(&most).unwrap();
        assert_eq!(member.encode(), most);
        member.threshold = Some(0);
        assert_eq!(member.encode(), "th:0", "other fields give way");
    }

    #[cfg(feature = "opentelemetry")]
    #[test]
    fn changes_thresholds_only() {
        for (before, threshold, after) in [
            ("", None, ""),
            ("", Some(1 << 55), "ot=th:8"),
            ("a=b", None, "a=b"),
            ("ot=th:8", None, ""),
            ("a=b,ot=th:8", None, "a=b"),
            (
                "a=b,ot=th:8;rv:0123456789abcd;x:y",
                None,
                "ot=rv:0123456789abcd;x:y,a=b",
            ),
            ("a=b,ot=rv:0123456789abcd", None, "a=b,ot=rv:0123456789abcd"),
            ("a=b,ot=th:8", Some(0), "ot=th:0,a=b"),
            ("a=b,ot=th:8;x:y", Some(1 << 55), "a=b,ot=th:8;x:y"),
            ("a=b,ot=th:zz", None, "a=b"),
        ] {
            let state: opentelemetry::trace::TraceState = before.parse().unwrap();
            let state = super::with_threshold(state, threshold);
            assert_eq!(state.header(), after, "{before}");
            assert_eq!(state == Default::default(), after.is_empty());
        }
    }
}
