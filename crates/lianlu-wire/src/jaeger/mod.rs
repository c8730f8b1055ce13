//! Jaeger's own protocol: batches of spans in Apache Thrift.
//!
//! Jaeger's clients send a [`Batch`] in three ways:
//!
//! | to | as | functions |
//! |---|---|---|
//! | `POST /api/traces` on port 14268, `application/x-thrift` | bare struct, binary protocol | [`encode_batch_binary`], [`decode_batch_binary`] |
//! | UDP port 6831 | call of `emitBatch`, compact protocol | [`encode_emit_batch_compact`], [`split_emit_batch_compact`], [`decode_emit_batch_compact`] |
//! | UDP port 6832 | call of `emitBatch`, binary protocol | [`encode_emit_batch_binary`], [`decode_emit_batch_binary`] |
//!
//! The structs follow
//! [jaeger.thrift](https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/jaeger.thrift); the
//! fields `seqNo` and `stats` of a batch, which no server reads, are skipped. `emitBatch` is
//! defined in
//! [agent.thrift](https://github.com/jaegertracing/jaeger-idl/blob/main/thrift/agent.thrift).
//!
//! # Encoding, compact protocol
//!
//! A field header is one byte: the high half is the difference to the previous field number, the
//! low half the kind of the value (5 i32, 6 i64, 8 string, 9 list, c struct; 1 and 2 are the
//! booleans true and false themselves). Integers are zigzag varints, lengths plain varints, a
//! double is 8 bytes little-endian. A complete datagram:
//!
//! ```text
//! 82                                 compact protocol
//! 81                                 message kind 4 (one-way) << 5 | version 1
//! 00                                 sequence number
//! 09 65 6d 69 74 42 61 74 63 68      method, 9 bytes: emitBatch
//! 1c                                 args, field 1: struct Batch
//! │ 1c                                 field 1 process: struct
//! │ │ 18 04 73 68 6f 70                  field 1 serviceName: 4 bytes "shop"
//! │ │ 19 1c                              field 2 tags: list of 1 struct
//! │ │ │ 18 01 6b                           field 1 key: 1 byte "k"
//! │ │ │ 15 00                              field 2 vType: STRING
//! │ │ │ 18 01 76                           field 3 vStr: 1 byte "v"
//! │ │ │ 00                                 end of Tag
//! │ │ 00                                 end of Process
//! │ 19 1c                              field 2 spans: list of 1 struct (15 or more: fc, then the number)
//! │ │ 16 04                              field 1 traceIdLow: 2
//! │ │ 16 02                              field 2 traceIdHigh: 1
//! │ │ 16 06                              field 3 spanId: 3
//! │ │ 16 00                              field 4 parentSpanId: 0, a root
//! │ │ 18 02 6f 70                        field 5 operationName: 2 bytes "op"
//! │ │ 25 02                              field 7 flags: 1 (field 6 references omitted: difference 2)
//! │ │ 16 c8 01                           field 8 startTime: 100 µs
//! │ │ 16 0a                              field 9 duration: 5 µs
//! │ │ 00                                 end of Span (fields 10 tags and 11 logs omitted)
//! │ 00                                 end of Batch
//! 00                                 end of args
//! ```
//!
//! # Encoding, binary protocol
//!
//! A field header is three bytes: kind (8 i32, 0a i64, 0b string, 0c struct, 0f list) and field
//! number. All numbers, including lengths (4 bytes), are big-endian and of fixed width.
//!
//! ```text
//! 0c 00 01                           field 1 process: struct
//! │ 0b 00 01 00 00 00 04 73 68 6f 70   field 1 serviceName: 4 bytes "shop"
//! │ 00                                 end of Process
//! 0f 00 02 0c 00 00 00 01            field 2 spans: list of struct, 1 element
//! │ 0a 00 01 00 00 00 00 00 00 00 02   field 1 traceIdLow: 2
//! │ …                                  the other fields alike
//! │ 00                                 end of Span
//! 00                                 end of Batch
//! ```
//!
//! A datagram starts with `80 01 00 04`, the method as a string, a sequence number of 4 bytes and
//! `0c 00 01`, and ends with one more `00`.

mod decode;
mod encode;
mod model;
mod read_span;
mod read_tag;
mod split;

pub use crate::thrift::{DecodeError, EncodeError};
pub use decode::{decode_batch_binary, decode_emit_batch_binary, decode_emit_batch_compact};
pub use encode::{encode_batch_binary, encode_emit_batch_binary, encode_emit_batch_compact};
pub use model::{Batch, Log, Process, RefType, Span, SpanRef, Tag, TagValue};
pub use split::{Datagram, PacketError, Packets, UDP_MAX_PACKET, split_emit_batch_compact};

/// The method of Jaeger's agent that receives a [`Batch`].
const EMIT_BATCH: &str = "emitBatch";

#[cfg(test)]
mod bytes_tests;
