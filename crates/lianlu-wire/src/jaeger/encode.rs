//! Writes batches; one encoder for both protocols.

use super::{Batch, EMIT_BATCH, EncodeError, Log, Process, RefType, Span, SpanRef, Tag, TagValue};
use crate::thrift::{BinaryWriter, CompactWriter, Kind, Write};

/// Appends a batch as the body of `POST /api/traces`, content type `application/x-thrift`: a bare
/// struct in the binary protocol.
///
/// # Errors
///
/// [`EncodeError`] when the length of a string or list exceeds 2³¹-1; `out` is then unchanged.
///
/// # Examples
///
/// ```
/// use lianlu_wire::jaeger::{Batch, Process, Span, Tag, TagValue, decode_batch_binary, encode_batch_binary};
///
/// let batch = Batch {
///     process: Process { service_name: "shop".into(), tags: vec![] },
///     spans: vec![Span {
///         trace_id: 0x4bf92f3577b34da6a3ce929d0e0e4736,
///         span_id: 0x00f067aa0ba902b7,
///         operation_name: "GET /basket".into(),
///         start_time: 1_790_000_000_000_000,
///         duration: 1_250,
///         tags: vec![Tag::new("http.response.status_code", TagValue::Long(200))],
///         ..Span::default()
///     }],
/// };
/// let mut body = Vec::new();
/// encode_batch_binary(&batch, &mut body)?;
/// assert_eq!(decode_batch_binary(&body)?, batch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_batch_binary(value: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    all_or_nothing(out, |out| batch(&mut BinaryWriter::new(out), value))
}

/// Appends a batch as a datagram for UDP port 6831: a call of `emitBatch` in the compact protocol.
///
/// The caller must keep the datagram below the agent's limit,
/// [`UDP_MAX_PACKET`](super::UDP_MAX_PACKET), as
/// [`split_emit_batch_compact`](super::split_emit_batch_compact) does. Servers ignore `sequence`.
///
/// # Errors
///
/// [`EncodeError`] when the length of a string or list exceeds 2³¹-1; `out` is then unchanged.
pub fn encode_emit_batch_compact(
    value: &Batch<'_>,
    sequence: i32,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    all_or_nothing(out, |out| {
        emit_batch(&mut CompactWriter::new(out), value, sequence)
    })
}

/// Appends a batch as a datagram for UDP port 6832: a call of `emitBatch` in the binary protocol.
///
/// # Errors
///
/// [`EncodeError`] when the length of a string or list exceeds 2³¹-1; `out` is then unchanged.
pub fn encode_emit_batch_binary(
    value: &Batch<'_>,
    sequence: i32,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    all_or_nothing(out, |out| {
        emit_batch(&mut BinaryWriter::new(out), value, sequence)
    })
}

/// Restores `out` when `write` fails.
pub(super) fn all_or_nothing(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let before = out.len();
    write(out).inspect_err(|_| out.truncate(before))
}

fn emit_batch(w: &mut impl Write, value: &Batch<'_>, sequence: i32) -> Result<(), EncodeError> {
    w.oneway_begin(EMIT_BATCH, sequence)?;
    let outer = w.struct_begin();
    w.field(1, Kind::Struct);
    batch(w, value)?;
    w.struct_end(outer);
    Ok(())
}

fn batch(w: &mut impl Write, value: &Batch<'_>) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    w.field(1, Kind::Struct);
    process(w, &value.process)?;
    w.field(2, Kind::List);
    w.list_begin(Kind::Struct, value.spans.len())?;
    for one in &value.spans {
        span(w, one)?;
    }
    w.struct_end(outer);
    Ok(())
}

pub(super) fn process(w: &mut impl Write, value: &Process<'_>) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    w.field(1, Kind::String);
    w.bytes(value.service_name.as_bytes())?;
    optional_list(w, 2, &value.tags, tag)?;
    w.struct_end(outer);
    Ok(())
}

pub(super) fn span<W: Write>(w: &mut W, value: &Span<'_>) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    let (low, high) = halves(value.trace_id);
    w.field(1, Kind::I64);
    w.i64(low);
    w.field(2, Kind::I64);
    w.i64(high);
    w.field(3, Kind::I64);
    w.i64(value.span_id.cast_signed());
    w.field(4, Kind::I64);
    w.i64(value.parent_span_id.cast_signed());
    w.field(5, Kind::String);
    w.bytes(value.operation_name.as_bytes())?;
    optional_list(w, 6, &value.references, span_ref)?;
    w.field(7, Kind::I32);
    w.i32(value.flags);
    w.field(8, Kind::I64);
    w.i64(value.start_time);
    w.field(9, Kind::I64);
    w.i64(value.duration);
    optional_list(w, 10, &value.tags, tag)?;
    optional_list(w, 11, &value.logs, log)?;
    w.struct_end(outer);
    Ok(())
}

fn span_ref<W: Write>(w: &mut W, value: &SpanRef) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    let (low, high) = halves(value.trace_id);
    w.field(1, Kind::I32);
    w.i32(match value.ref_type {
        RefType::ChildOf => 0,
        RefType::FollowsFrom => 1,
    });
    w.field(2, Kind::I64);
    w.i64(low);
    w.field(3, Kind::I64);
    w.i64(high);
    w.field(4, Kind::I64);
    w.i64(value.span_id.cast_signed());
    w.struct_end(outer);
    Ok(())
}

fn log<W: Write>(w: &mut W, value: &Log<'_>) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    w.field(1, Kind::I64);
    w.i64(value.timestamp);
    w.field(2, Kind::List);
    list(w, &value.fields, tag)?;
    w.struct_end(outer);
    Ok(())
}

fn tag<W: Write>(w: &mut W, value: &Tag<'_>) -> Result<(), EncodeError> {
    let outer = w.struct_begin();
    w.field(1, Kind::String);
    w.bytes(value.key.as_bytes())?;
    w.field(2, Kind::I32);
    match &value.value {
        TagValue::String(text) => {
            w.i32(0);
            w.field(3, Kind::String);
            w.bytes(text.as_bytes())?;
        }
        TagValue::Double(number) => {
            w.i32(1);
            w.field(4, Kind::Double);
            w.double(*number);
        }
        TagValue::Bool(value) => {
            w.i32(2);
            w.bool_field(5, *value);
        }
        TagValue::Long(number) => {
            w.i32(3);
            w.field(6, Kind::I64);
            w.i64(*number);
        }
        TagValue::Binary(bytes) => {
            w.i32(4);
            w.field(7, Kind::String);
            w.bytes(bytes)?;
        }
    }
    w.struct_end(outer);
    Ok(())
}

/// Writes a list of structs.
fn list<W: Write, T>(
    w: &mut W,
    items: &[T],
    write: impl Fn(&mut W, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    w.list_begin(Kind::Struct, items.len())?;
    items.iter().try_for_each(|item| write(w, item))
}

/// Writes field `id`, unless the list is empty.
fn optional_list<W: Write, T>(
    w: &mut W,
    id: i16,
    items: &[T],
    write: impl Fn(&mut W, &T) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    if items.is_empty() {
        return Ok(());
    }
    w.field(id, Kind::List);
    list(w, items, write)
}

/// A trace id in the form of jaeger.thrift: `(traceIdLow, traceIdHigh)`.
fn halves(trace_id: u128) -> (i64, i64) {
    let half = |value: u128| (value as u64).cast_signed();
    (half(trace_id), half(trace_id >> 64))
}
