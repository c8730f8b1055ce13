//! Our reader reads what prost writes, in any equivalent encoding.

use lianlu_wire::otlp as our;
use proptest::prelude::*;
use prost::Message;

use crate::common::otlp::scramble::{Kind, Rng, scramble};
use crate::common::otlp::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_request(request in generate::request()) {
        let bytes = request.encode_to_vec();
        let spans = our::Request::new(&bytes).validate();
        prop_assert_eq!(&ours::request(&bytes).unwrap(), &request);
        let count = request.resource_spans.iter().flat_map(|group| &group.scope_spans).map(|group| group.spans.len());
        prop_assert_eq!(spans, Ok(count.sum()));
    }

    #[test]
    fn equivalent_encodings(request in generate::request(), seed in any::<u64>()) {
        let bytes = scramble(&request.encode_to_vec(), Kind::Request, &mut Rng(seed));
        // Checks the test itself.
        prop_assert_eq!(&ExportTraceServiceRequest::decode(&bytes[..]).unwrap(), &request);
        prop_assert_eq!(ours::request(&bytes).unwrap(), request);
    }

    #[test]
    fn standalone_parts(request in generate::request()) {
        for group in request.resource_spans {
            let bytes = group.resource.clone().unwrap_or_default().encode_to_vec();
            let resource = our::Resource::parse(&bytes).unwrap();
            prop_assert_eq!(resource.as_bytes(), &bytes[..]);
            prop_assert_eq!(resource.attributes().count(), group.resource.unwrap_or_default().attributes.len());
            for group in group.scope_spans {
                let scope = group.scope.unwrap_or_default();
                let bytes = scope.encode_to_vec();
                let read = our::Scope::parse(&bytes).unwrap();
                prop_assert_eq!((read.name, read.version), (&*scope.name, &*scope.version));
                prop_assert_eq!(read.as_bytes(), &bytes[..]);
            }
        }
    }
}

#[test]
fn an_absent_value_is_empty() {
    let bytes = generate::key_value("k".to_owned(), None).encode_to_vec();
    let run = [&[0x4a, bytes.len() as u8], &bytes[..]].concat();
    let span = our::Span::parse(&run).unwrap();
    let attribute = span.attributes().next().unwrap().unwrap();
    assert_eq!(
        (attribute.key, attribute.value),
        ("k", our::AnyValue::Empty)
    );
}

#[test]
fn every_nan_keeps_its_bits() {
    for bits in [0x7ff8_0000_0000_0001, 0xfff0_0000_0000_0001_u64, 1 << 63] {
        let mut run = Vec::new();
        our::put_double(&mut run, our::AttributeOf::Span, "d", f64::from_bits(bits));
        let attribute = our::Attributes::new(&run)
            .next()
            .unwrap()
            .unwrap()
            .attribute;
        let our::AnyValue::Double(value) = attribute.value else {
            panic!("{attribute:?}");
        };
        assert_eq!(value.to_bits(), bits);
    }
}

/// If a singular message occurs twice, the last one replaces the first.
#[test]
fn the_last_of_two_singular_messages_wins() {
    // Field 15, a status: error with a message, then an empty one.
    let span = our::Span::parse(b"\x7a\x05\x12\x01m\x18\x02\x7a\x00").unwrap();
    assert_eq!((span.status.code, span.status.message), (0, ""));
    assert!(span.status.is_present);
    // prost merges.
    let merged = Span::decode(&b"\x7a\x05\x12\x01m\x18\x02\x7a\x00"[..]).unwrap();
    assert_eq!(merged.status.unwrap().code, 2);
}
