//! Reads spans, references and logs.

use super::read_tag::{Element, list, tags, text};
use super::{DecodeError, Log, RefType, Span, SpanRef};
use crate::thrift::{Field, Kind, Read, skip};

/// The eight required fields.
pub(super) const SPAN: Element = Element {
    name: "Span",
    min_bytes: 17,
};
const SPAN_REF: Element = Element {
    name: "SpanRef",
    min_bytes: 9,
};
/// The timestamp and an empty list of fields.
const LOG: Element = Element {
    name: "Log",
    min_bytes: 5,
};

pub(super) fn span<'a, R: Read<'a>>(r: &mut R) -> Result<Span<'a>, DecodeError> {
    let at = r.at();
    let mut value = Span::default();
    let (mut low, mut high, mut span_id, mut parent, mut name) = (None, None, None, None, None);
    let (mut flags, mut start_time, mut duration) = (None, None, None);
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match (field.id, field.kind) {
            (1, Kind::I64) => low = Some(r.i64()?),
            (2, Kind::I64) => high = Some(r.i64()?),
            (3, Kind::I64) => span_id = Some(r.i64()?),
            (4, Kind::I64) => parent = Some(r.i64()?),
            (5, Kind::String) => name = Some(text(r)?),
            (6, Kind::List) => value.references = list(r, SPAN_REF, span_ref)?,
            (7, Kind::I32) => flags = Some(r.i32()?),
            (8, Kind::I64) => start_time = Some(r.i64()?),
            (9, Kind::I64) => duration = Some(r.i64()?),
            (10, Kind::List) => value.tags = tags(r)?,
            (11, Kind::List) => value.logs = list(r, LOG, log)?,
            (_, other) => skip(r, other)?,
        }
    }
    r.struct_end(outer);
    let missing = |field| DecodeError::MissingField { at, field };
    value.trace_id = trace_id(
        low.ok_or(missing("Span.traceIdLow"))?,
        high.ok_or(missing("Span.traceIdHigh"))?,
    );
    value.span_id = span_id.ok_or(missing("Span.spanId"))?.cast_unsigned();
    value.parent_span_id = parent.ok_or(missing("Span.parentSpanId"))?.cast_unsigned();
    value.operation_name = name.ok_or(missing("Span.operationName"))?;
    value.flags = flags.ok_or(missing("Span.flags"))?;
    value.start_time = start_time.ok_or(missing("Span.startTime"))?;
    value.duration = duration.ok_or(missing("Span.duration"))?;
    Ok(value)
}

fn span_ref<'a, R: Read<'a>>(r: &mut R) -> Result<SpanRef, DecodeError> {
    let at = r.at();
    let (mut ref_type, mut low, mut high, mut span_id) = (None, None, None, None);
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match field {
            Field {
                id: 1,
                kind: Kind::I32,
            } => ref_type = Some(reference_type(r)?),
            Field {
                id: 2,
                kind: Kind::I64,
            } => low = Some(r.i64()?),
            Field {
                id: 3,
                kind: Kind::I64,
            } => high = Some(r.i64()?),
            Field {
                id: 4,
                kind: Kind::I64,
            } => span_id = Some(r.i64()?),
            other => skip(r, other.kind)?,
        }
    }
    r.struct_end(outer);
    let missing = |field| DecodeError::MissingField { at, field };
    Ok(SpanRef {
        ref_type: ref_type.ok_or(missing("SpanRef.refType"))?,
        trace_id: trace_id(
            low.ok_or(missing("SpanRef.traceIdLow"))?,
            high.ok_or(missing("SpanRef.traceIdHigh"))?,
        ),
        span_id: span_id.ok_or(missing("SpanRef.spanId"))?.cast_unsigned(),
    })
}

fn reference_type<'a>(r: &mut impl Read<'a>) -> Result<RefType, DecodeError> {
    let at = r.at();
    match r.i32()? {
        0 => Ok(RefType::ChildOf),
        1 => Ok(RefType::FollowsFrom),
        found => Err(DecodeError::UnknownEnumValue {
            at,
            name: "SpanRefType",
            found,
        }),
    }
}

fn log<'a, R: Read<'a>>(r: &mut R) -> Result<Log<'a>, DecodeError> {
    let at = r.at();
    let (mut timestamp, mut fields) = (None, None);
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match field {
            Field {
                id: 1,
                kind: Kind::I64,
            } => timestamp = Some(r.i64()?),
            Field {
                id: 2,
                kind: Kind::List,
            } => fields = Some(tags(r)?),
            other => skip(r, other.kind)?,
        }
    }
    r.struct_end(outer);
    let missing = |field| DecodeError::MissingField { at, field };
    Ok(Log {
        timestamp: timestamp.ok_or(missing("Log.timestamp"))?,
        fields: fields.ok_or(missing("Log.fields"))?,
    })
}

fn trace_id(low: i64, high: i64) -> u128 {
    u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned())
}
