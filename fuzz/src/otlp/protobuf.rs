//! The protobuf reader.

use lianlu_wire::otlp::{self as our, Attributes, ReadError, Request, Spans, find_attribute};
use prost::Message;

use super::normal::{Kind, normal};
use super::{ExportTraceServiceRequest, ours};
use crate::memory::none;

/// `data` as a request, and as each part that can be read separately.
///
/// - Reading does not allocate. Every iterator ends, after at most as many elements as the bytes
///   can hold.
/// - If [`Request::validate`] finds no error, no iterator does. An error has a position in the
///   input.
/// - prost reads what we accept the same. We accept what prost reads, except for ids of a wrong
///   length and values deeper than our limit.
pub fn otlp_protobuf(data: &[u8]) {
    runs(data);
    let result = none(|| Request::new(data).validate());
    let read = none(|| walk(data));
    assert_eq!(read, result);
    for error in [result.err(), none(|| parts(data)).err()]
        .into_iter()
        .flatten()
    {
        assert!(error.at() <= data.len(), "{error}");
    }

    let theirs = ExportTraceServiceRequest::decode(data);
    match result {
        Ok(_) => assert_same_as_prost(data),
        Err(ReadError::IdLength { .. } | ReadError::TooDeep { .. }) => {}
        Err(error) => assert!(theirs.is_err(), "{error}"),
    }
}

/// Reads every list of a request.
fn walk(data: &[u8]) -> Result<usize, ReadError> {
    let mut spans = 0;
    for group in Request::new(data).resource_spans() {
        let group = group?;
        let resource = group.resource();
        attributes(resource.attributes())?;
        for entity in resource.entity_refs() {
            let entity = entity?;
            for key in entity.id_keys().chain(entity.description_keys()) {
                key?;
            }
        }
        for group in group.scope_spans() {
            let group = group?;
            attributes(group.scope().attributes())?;
            let mut raw = group.raw_spans();
            for span in group.spans() {
                // In the order of validation.
                let span = span?;
                span.validate()?;
                let raw = raw.next().expect("as many as are read")?;
                assert_eq!(raw.message, span.as_bytes());
                lists(&span).expect("what was validated");
                spans += 1;
            }
            assert!(raw.next().is_none());
        }
    }
    Ok(spans)
}

fn lists(span: &our::Span<'_>) -> Result<(), ReadError> {
    attributes(span.attributes())?;
    for event in span.events() {
        attributes(event?.attributes())?;
    }
    for link in span.links() {
        attributes(link?.attributes())?;
    }
    Ok(())
}

fn attributes<'a>(
    mut list: impl Iterator<Item = Result<our::KeyValue<'a>, ReadError>>,
) -> Result<(), ReadError> {
    list.try_for_each(|attribute| value(attribute?.value))
}

fn value(value: our::AnyValue<'_>) -> Result<(), ReadError> {
    match value {
        our::AnyValue::Array(array) => array.values().try_for_each(|element| self::value(element?)),
        our::AnyValue::List(list) => attributes(list.values()),
        _ => Ok(()),
    }
}

/// Reads `data` as messages that can be read separately.
fn parts(data: &[u8]) -> Result<(), ReadError> {
    our::Span::parse(data).and_then(|span| span.validate())?;
    attributes(our::Resource::parse(data)?.attributes())?;
    attributes(our::Scope::parse(data)?.attributes())
}

/// Reads `data` as runs of finished fields.
fn runs(data: &[u8]) {
    // A field has a tag and a length.
    let most = data.len() / 2;
    none(|| {
        let mut end = 0;
        let mut spans = Spans::new(data);
        for span in spans.by_ref().take(most + 1).map_while(Result::ok) {
            assert_eq!(span.at, end);
            assert_eq!(span.framed, &data[end..end + span.framed.len()]);
            assert!(span.framed.ends_with(span.message));
            end += span.framed.len();
        }
        assert!(spans.next().is_none());

        let mut list = Attributes::new(data);
        for (read, raw) in list
            .by_ref()
            .take(most + 1)
            .map_while(Result::ok)
            .enumerate()
        {
            assert_eq!(raw.framed, &data[raw.at..raw.at + raw.framed.len()]);
            // Each look-up reads from the start.
            if read < 4
                && let Some(range) = find_attribute(data, raw.attribute.key)
            {
                assert!(range.len() >= 2 && range.end <= data.len());
            }
        }
        assert!(list.next().is_none());
    });
}

/// Asserts that we read a request as prost does.
fn assert_same_as_prost(data: &[u8]) {
    let ours = ours::request(data).expect("what was validated");
    let mut theirs = match ExportTraceServiceRequest::decode(&*normal(data, Kind::Request)) {
        Ok(theirs) => theirs,
        // Its limit is 100 nested messages and groups. Ours is on values, with groups in the
        // innermost.
        Err(error) if error.to_string().contains("recursion limit") => return,
        Err(error) => panic!("valid to us, but not to prost: {error}"),
    };
    for group in &mut theirs.resource_spans {
        for group in &mut group.scope_spans {
            for span in &mut group.spans {
                for id in [
                    &mut span.trace_id,
                    &mut span.span_id,
                    &mut span.parent_span_id,
                ] {
                    without_zeros(id);
                }
                for link in &mut span.links {
                    without_zeros(&mut link.trace_id);
                    without_zeros(&mut link.span_id);
                }
            }
        }
    }
    // Compared as bytes, since NaN is not equal to itself.
    let (ours, theirs) = (ours.encode_to_vec(), theirs.encode_to_vec());
    assert_eq!(ours, theirs);
}

/// We read an id of zeros as missing.
fn without_zeros(id: &mut Vec<u8>) {
    if id.iter().all(|byte| *byte == 0) {
        id.clear();
    }
}
