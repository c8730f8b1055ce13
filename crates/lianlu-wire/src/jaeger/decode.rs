//! Reads batches; one decoder for both protocols.

use super::read_span::{SPAN, span};
use super::read_tag::{list, tags, text};
use super::{Batch, DecodeError, EMIT_BATCH, Process};
use crate::thrift::{BinaryReader, CompactReader, Field, Kind, MessageKind, Read, skip};

/// Reads the body of `POST /api/traces`: a bare [`Batch`] in the binary protocol.
///
/// Unknown fields are skipped; the last of a repeated field wins. Invalid UTF-8 is replaced by
/// U+FFFD, so a string that a client cut within a character does not discard the batch. Memory is
/// at most about 12 times the input, time is linear.
///
/// # Errors
///
/// [`DecodeError`] with the byte offset at which the input stops being a valid batch.
///
/// # Examples
///
/// ```
/// use lianlu_wire::jaeger::{DecodeError, decode_batch_binary};
///
/// // Field 1, process, a struct; in it field 1, serviceName, a string of 2147483647 bytes.
/// let bytes = [0x0c, 0, 1, 0x0b, 0, 1, 0x7f, 0xff, 0xff, 0xff, b's', b'h', b'o', b'p'];
/// let error = decode_batch_binary(&bytes).unwrap_err();
/// assert_eq!(error, DecodeError::StringTooLong { at: 6, declared: 2_147_483_647, left: 4 });
/// ```
pub fn decode_batch_binary(bytes: &[u8]) -> Result<Batch<'_>, DecodeError> {
    let mut reader = BinaryReader::new(bytes);
    let value = batch(&mut reader)?;
    end(&reader)?;
    Ok(value)
}

/// Reads a datagram of UDP port 6831: a call of `emitBatch` in the compact protocol. Lenient like
/// [`decode_batch_binary`].
///
/// # Errors
///
/// [`DecodeError`] with the byte offset at which the input stops being such a call.
pub fn decode_emit_batch_compact(bytes: &[u8]) -> Result<Batch<'_>, DecodeError> {
    emit_batch(&mut CompactReader::new(bytes))
}

/// Reads a datagram of UDP port 6832: a call of `emitBatch` in the binary protocol. Lenient like
/// [`decode_batch_binary`].
///
/// # Errors
///
/// [`DecodeError`] with the byte offset at which the input stops being such a call.
pub fn decode_emit_batch_binary(bytes: &[u8]) -> Result<Batch<'_>, DecodeError> {
    emit_batch(&mut BinaryReader::new(bytes))
}

fn emit_batch<'a>(r: &mut impl Read<'a>) -> Result<Batch<'a>, DecodeError> {
    let at = r.at();
    let message = r.message_begin()?;
    // Old generated code sends one-way methods as ordinary calls.
    let is_call = matches!(message.kind, MessageKind::Oneway | MessageKind::Call);
    if !is_call || message.method != EMIT_BATCH.as_bytes() {
        return Err(DecodeError::WrongMessage {
            at,
            expected: EMIT_BATCH,
        });
    }
    let at = r.at();
    let mut value = None;
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match field {
            Field {
                id: 1,
                kind: Kind::Struct,
            } => value = Some(batch(r)?),
            other => skip(r, other.kind)?,
        }
    }
    r.struct_end(outer);
    end(r)?;
    value.ok_or(DecodeError::MissingField {
        at,
        field: "emitBatch_args.batch",
    })
}

fn batch<'a>(r: &mut impl Read<'a>) -> Result<Batch<'a>, DecodeError> {
    let at = r.at();
    let (mut process_field, mut spans) = (None, None);
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match field {
            Field {
                id: 1,
                kind: Kind::Struct,
            } => process_field = Some(process(r)?),
            Field {
                id: 2,
                kind: Kind::List,
            } => spans = Some(list(r, SPAN, span)?),
            other => skip(r, other.kind)?,
        }
    }
    r.struct_end(outer);
    let missing = |field| DecodeError::MissingField { at, field };
    Ok(Batch {
        process: process_field.ok_or(missing("Batch.process"))?,
        spans: spans.ok_or(missing("Batch.spans"))?,
    })
}

fn process<'a>(r: &mut impl Read<'a>) -> Result<Process<'a>, DecodeError> {
    let at = r.at();
    let (mut service_name, mut process_tags) = (None, Vec::new());
    let outer = r.struct_begin();
    while let Some(field) = r.field()? {
        match field {
            Field {
                id: 1,
                kind: Kind::String,
            } => service_name = Some(text(r)?),
            Field {
                id: 2,
                kind: Kind::List,
            } => process_tags = tags(r)?,
            other => skip(r, other.kind)?,
        }
    }
    r.struct_end(outer);
    let service_name = service_name.ok_or(DecodeError::MissingField {
        at,
        field: "Process.serviceName",
    })?;
    Ok(Process {
        service_name,
        tags: process_tags,
    })
}

fn end<'a>(r: &impl Read<'a>) -> Result<(), DecodeError> {
    match r.left() {
        0 => Ok(()),
        left => Err(DecodeError::TrailingBytes { at: r.at(), left }),
    }
}
