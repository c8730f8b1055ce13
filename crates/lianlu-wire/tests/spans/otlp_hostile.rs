//! Untrusted OTLP: errors with an offset, no panic, and termination.

use lianlu_wire::otlp::{
    self as our, Attributes, MAX_VALUE_DEPTH, ReadError, Request, Spans, find_attribute,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::common::otlp::*;

/// Reads everything in every way. Iterators yield no more items than the bytes can hold.
fn read_all(bytes: &[u8]) -> Result<(), ReadError> {
    let most = bytes.len() / 2 + 1;
    let mut errors = Vec::new();
    let mut spans = Spans::new(bytes);
    assert!(
        spans
            .by_ref()
            .filter_map(|each| each.map_err(|e| errors.push(e)).ok())
            .count()
            <= most
    );
    assert!(spans.next().is_none());
    let mut attributes = Attributes::new(bytes);
    assert!(
        attributes
            .by_ref()
            .filter_map(|each| each.map_err(|e| errors.push(e)).ok())
            .count()
            <= most
    );
    assert!(attributes.next().is_none());
    let _ = find_attribute(bytes, "k");
    for result in [
        our::Span::parse(bytes).and_then(|span| span.validate()),
        our::Resource::parse(bytes).map(drop),
        our::Scope::parse(bytes).map(drop),
    ] {
        errors.extend(result.err());
    }
    let mut groups = Request::new(bytes).resource_spans();
    assert!(groups.by_ref().count() <= most);
    assert!(groups.next().is_none());

    let read = ours::request(bytes);
    let validated = Request::new(bytes).validate();
    assert_eq!(read.as_ref().err(), validated.as_ref().err());
    errors.extend(validated.err());
    for error in errors {
        assert!(error.at() <= bytes.len(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("byte {}: ", error.at()))
        );
    }
    validated.map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read_all(&bytes);
        // Behind valid prefixes, so that nested messages are reached; the last length is that of
        // the random bytes.
        for head in [&[0x0a][..], &[0x0a, 0x12], &[0x0a, 0x12, 0x12], &[0x0a, 0x12, 0x12, 0x4a]] {
            let _ = read_all(&wrap(head, bytes.clone()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn flipped_bytes(request in generate::request(), edits in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = request.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        for (at, byte) in &edits {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        // Where we return an error, so does prost, except for what it does not check.
        if let Err(error) = read_all(&bytes) {
            let only_ours = matches!(error, ReadError::IdLength { .. } | ReadError::TooDeep { .. });
            prop_assert!(only_ours || ExportTraceServiceRequest::decode(&bytes[..]).is_err(), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A truncated request is an error exactly where prost reports one: everywhere but between two
    /// fields of the outermost message.
    #[test]
    fn every_truncation(request in generate::request()) {
        let bytes = request.encode_to_vec();
        for cut in 0..bytes.len() {
            let result = read_all(&bytes[..cut]);
            prop_assert_eq!(result.is_err(), ExportTraceServiceRequest::decode(&bytes[..cut]).is_err(), "{}", cut);
            if let Err(error) = result {
                prop_assert!(matches!(error, ReadError::Truncated { .. }), "{error}");
            }
        }
    }

    /// The offset is that of the invalid byte, at any depth.
    #[test]
    fn invalid_utf8_is_reported_at_its_offset(request in generate::request(), at in any::<proptest::sample::Index>()) {
        let mut bytes = request.encode_to_vec();
        // The generator's long texts are the only runs of 124 x.
        let starts: Vec<_> = bytes.windows(124).enumerate().filter(|(_, window)| window.iter().all(|b| *b == b'x')).map(|(at, _)| at).collect();
        prop_assume!(!starts.is_empty());
        let at = *at.get(&starts) + 7;
        bytes[at] = 0xff;
        let error = Request::new(&bytes).validate().unwrap_err();
        prop_assert!(matches!(error, ReadError::Utf8 { at: found, .. } if found == at), "{error} for {at}");
    }
}

/// Wraps a message in fields with these tags, the outermost first.
fn wrap(tags: &[u8], mut message: Vec<u8>) -> Vec<u8> {
    for tag in tags.iter().rev() {
        let mut outer = vec![*tag];
        our::put_varint(&mut outer, message.len() as u64);
        outer.append(&mut message);
        message = outer;
    }
    message
}

/// A span whose one attribute has a value nested `levels` deep, in arrays or in key-value lists.
fn nested(levels: usize, in_lists: bool) -> Vec<u8> {
    // AnyValue in KeyValue in KeyValueList in AnyValue, or AnyValue in ArrayValue in AnyValue.
    let tags: &[u8] = if in_lists {
        &[0x32, 0x0a, 0x12]
    } else {
        &[0x2a, 0x0a]
    };
    let value = (1..levels).fold(Vec::new(), |value, _| wrap(tags, value));
    wrap(&[0x4a, 0x12], value)
}

#[test]
fn nested_values_are_limited() {
    for in_lists in [false, true] {
        let fits = nested(MAX_VALUE_DEPTH, in_lists);
        assert_eq!(our::Span::parse(&fits).unwrap().validate(), Ok(()));
        for levels in [MAX_VALUE_DEPTH + 1, 10_000] {
            let bytes = nested(levels, in_lists);
            let error = our::Span::parse(&bytes).unwrap().validate().unwrap_err();
            assert!(
                matches!(
                    error,
                    ReadError::TooDeep {
                        what: "values",
                        limit: MAX_VALUE_DEPTH,
                        ..
                    }
                ),
                "{error}"
            );
        }
    }
}

#[test]
fn groups_in_unknown_fields_are_limited() {
    for (levels, fits) in [(32, true), (33, false), (10_000, false)] {
        let bytes = [[0xa3, 0x06].repeat(levels), [0xa4, 0x06].repeat(levels)].concat();
        let result = our::Span::parse(&bytes).map(drop);
        if fits {
            assert_eq!(result, Ok(()));
        } else {
            assert_eq!(
                result,
                Err(ReadError::TooDeep {
                    at: 64,
                    what: "groups",
                    limit: 32
                })
            );
        }
    }
    // A group that does not end, one with a mismatched end tag, and an end tag without a group.
    for (bytes, error) in [
        (
            &[0xa3, 0x06][..],
            ReadError::Truncated {
                at: 2,
                expected: "a variable-length integer",
                needed: 1,
                left: 0,
            },
        ),
        (
            &[0xa3, 0x06, 0xac, 0x06],
            ReadError::Tag {
                at: 2,
                expected: "a field",
                found: 0x32c,
            },
        ),
        (
            &[0xa4, 0x06],
            ReadError::Tag {
                at: 0,
                expected: "a field",
                found: 0x324,
            },
        ),
    ] {
        assert_eq!(our::Span::parse(bytes).unwrap_err(), error);
    }
}

#[test]
fn declared_lengths_are_checked_against_the_remaining_bytes() {
    for length in [5, 128, u64::from(u32::MAX), u64::MAX] {
        let mut bytes = vec![0x2a];
        our::put_varint(&mut bytes, length);
        let at = bytes.len();
        bytes.extend_from_slice(b"GET ");
        let expected = ReadError::Truncated {
            at,
            expected: "a value",
            needed: length,
            left: 4,
        };
        assert_eq!(our::Span::parse(&bytes).unwrap_err(), expected);
        // In a message that ends before the input does, the message's end counts.
        let mut run = Vec::new();
        our::put_len_prefixed(&mut run, 0x12, 1, |out| out.extend_from_slice(&bytes));
        run.extend_from_slice(&[0x12, 0]);
        let first = Spans::new(&run).next().unwrap().unwrap();
        let expected = ReadError::Truncated {
            at: at + 2,
            expected: "a value",
            needed: length,
            left: 4,
        };
        assert_eq!(first.parse().unwrap_err(), expected);
    }
}

#[test]
fn invalid_tags() {
    for (bytes, found) in [
        // Field 0, wire types 6 and 7, a tag over 32 bits.
        (&[0x02, 0][..], 0x02),
        (&[0x2e, 0], 0x2e),
        (&[0x2f, 0], 0x2f),
        (&[0xaa, 0x80, 0x80, 0x80, 0x10, 0], 0x1_0000_002a),
    ] {
        let error = our::Span::parse(bytes).unwrap_err();
        assert_eq!(
            error,
            ReadError::Tag {
                at: 0,
                expected: "a field",
                found
            }
        );
    }
}

#[test]
fn ids_of_a_wrong_length() {
    for length in [1, 7, 9, 15, 17] {
        for (tag, field, expected) in [
            (0x0a, "Span.trace_id", 16),
            (0x12, "Span.span_id", 8),
            (0x22, "Span.parent_span_id", 8),
        ] {
            let bytes = [vec![tag, length], vec![1; length.into()]].concat();
            let error = our::Span::parse(&bytes).unwrap_err();
            assert_eq!(
                error,
                ReadError::IdLength {
                    at: 2,
                    field,
                    expected,
                    found: length.into()
                }
            );
        }
    }
    assert_eq!(our::Span::parse(&[0x0a, 0]).unwrap().trace_id, [0; 16]);
}

#[test]
fn known_fields_with_another_wire_type() {
    // Each field of a span as a group, which is always wrong.
    for number in 1..=16_u64 {
        let mut bytes = Vec::new();
        our::put_varint(&mut bytes, number << 3 | 3);
        let at = bytes.len();
        our::put_varint(&mut bytes, number << 3 | 4);
        let error = our::Span::parse(&bytes).unwrap_err();
        assert!(
            matches!(error, ReadError::WireType { at: found, .. } if found == at),
            "{error}"
        );
    }
}

#[test]
fn known_fields_of_each_message_with_another_wire_type() {
    for (path, field) in [
        (&[][..], "ExportTraceServiceRequest.resource_spans"),
        (&[0x0a], "ResourceSpans.resource"),
        (&[0x0a, 0x0a], "Resource.attributes"),
        (&[0x0a, 0x0a, 0x1a], "EntityRef.schema_url"),
        (&[0x0a, 0x12], "ScopeSpans.scope"),
        (&[0x0a, 0x12, 0x0a], "InstrumentationScope.name"),
        (&[0x0a, 0x12, 0x12], "Span.trace_id"),
        (&[0x0a, 0x12, 0x12, 0x4a], "KeyValue.key"),
        (&[0x0a, 0x12, 0x12, 0x4a, 0x12], "AnyValue.string_value"),
        (&[0x0a, 0x12, 0x12, 0x4a, 0x12, 0x2a], "ArrayValue.values"),
        (&[0x0a, 0x12, 0x12, 0x4a, 0x12, 0x32], "KeyValueList.values"),
        (&[0x0a, 0x12, 0x12, 0x5a], "Event.time_unix_nano"),
        (&[0x0a, 0x12, 0x12, 0x6a], "Link.trace_id"),
    ] {
        // Field 1, which is not a variable-length integer in any of them.
        let request = wrap(path, vec![0x08, 0x01]);
        let at = request.len() - 1;
        let expected = ReadError::WireType {
            at,
            field,
            found: 0,
        };
        assert_eq!(Request::new(&request).validate(), Err(expected));
        assert_eq!(ours::request(&request).unwrap_err(), expected);
    }
}
