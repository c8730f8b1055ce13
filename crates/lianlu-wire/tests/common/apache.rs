//! jaeger.thrift implemented over Apache's protocols, as an oracle. Written from the IDL, not from
//! our codec.

use lianlu_wire::jaeger::{Batch, Log, Process, RefType, Span, SpanRef, Tag, TagValue};
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMessageIdentifier, TMessageType,
    TOutputProtocol, TStructIdentifier, TType,
};

type Out<'o> = &'o mut dyn TOutputProtocol;
type In<'i> = &'i mut dyn TInputProtocol;

fn structure(o: Out<'_>, fields: impl FnOnce(Out<'_>)) {
    o.write_struct_begin(&TStructIdentifier::new("struct"))
        .unwrap();
    fields(o);
    o.write_field_stop().unwrap();
    o.write_struct_end().unwrap();
}

fn field(o: Out<'_>, id: i16, kind: TType, value: impl FnOnce(Out<'_>)) {
    o.write_field_begin(&TFieldIdentifier::new("field", kind, id))
        .unwrap();
    value(o);
    o.write_field_end().unwrap();
}

fn string(o: Out<'_>, id: i16, value: &str) {
    field(o, id, TType::String, |o| o.write_string(value).unwrap());
}

fn i64(o: Out<'_>, id: i16, value: i64) {
    field(o, id, TType::I64, |o| o.write_i64(value).unwrap());
}

fn i32(o: Out<'_>, id: i16, value: i32) {
    field(o, id, TType::I32, |o| o.write_i32(value).unwrap());
}

fn list<T>(o: Out<'_>, id: i16, items: &[T], write: impl Fn(Out<'_>, &T)) {
    field(o, id, TType::List, |o| {
        o.write_list_begin(&TListIdentifier::new(TType::Struct, items.len() as i32))
            .unwrap();
        for item in items {
            write(o, item);
        }
        o.write_list_end().unwrap();
    });
}

/// A value of every kind, with field numbers that jaeger.thrift does not define, for the reader to
/// skip.
fn unknown_fields(o: Out<'_>) {
    field(o, 100, TType::Bool, |o| o.write_bool(true).unwrap());
    field(o, 101, TType::I08, |o| o.write_i8(-8).unwrap());
    field(o, 102, TType::I16, |o| o.write_i16(-16_000).unwrap());
    i32(o, 103, i32::MIN);
    i64(o, 104, i64::MIN);
    field(o, 105, TType::Double, |o| o.write_double(0.5).unwrap());
    string(o, 106, "unknown");
    field(o, 107, TType::List, |o| {
        o.write_list_begin(&TListIdentifier::new(TType::Bool, 3))
            .unwrap();
        for value in [true, false, true] {
            o.write_bool(value).unwrap();
        }
        o.write_list_end().unwrap();
    });
    field(o, 108, TType::Set, |o| {
        o.write_set_begin(&thrift::protocol::TSetIdentifier::new(TType::I64, 2))
            .unwrap();
        o.write_i64(1).unwrap();
        o.write_i64(-1).unwrap();
        o.write_set_end().unwrap();
    });
    field(o, 109, TType::Map, |o| {
        o.write_map_begin(&thrift::protocol::TMapIdentifier::new(
            TType::String,
            TType::Struct,
            1,
        ))
        .unwrap();
        o.write_string("key").unwrap();
        structure(o, |o| string(o, 1, "nested"));
        o.write_map_end().unwrap();
    });
    field(o, 110, TType::Map, |o| {
        o.write_map_begin(&thrift::protocol::TMapIdentifier::new(
            TType::I32,
            TType::I32,
            0,
        ))
        .unwrap();
        o.write_map_end().unwrap();
    });
    field(o, 111, TType::Struct, |o| {
        structure(o, |o| {
            field(o, 7, TType::Bool, |o| o.write_bool(false).unwrap())
        })
    });
    field(o, 112, TType::Uuid, |o| {
        o.write_uuid(&Default::default()).unwrap()
    });
    // Known field numbers with other kinds: no field 1 is an i8, no field 10 a boolean.
    field(o, 1, TType::I08, |o| o.write_i8(7).unwrap());
    field(o, 10, TType::Bool, |o| o.write_bool(true).unwrap());
}

/// Writes batches; if `strange`, each struct also has unknown fields and duplicate known ones.
pub struct Writer {
    pub strange: bool,
}

impl Writer {
    pub fn emit_batch(&self, o: Out<'_>, value: &Batch<'_>, sequence: i32) {
        o.write_message_begin(&TMessageIdentifier::new(
            "emitBatch",
            TMessageType::OneWay,
            sequence,
        ))
        .unwrap();
        structure(o, |o| field(o, 1, TType::Struct, |o| self.batch(o, value)));
        o.write_message_end().unwrap();
    }

    pub fn batch(&self, o: Out<'_>, value: &Batch<'_>) {
        structure(o, |o| {
            self.strange(o);
            field(o, 1, TType::Struct, |o| self.process(o, &value.process));
            list(o, 2, &value.spans, |o, span| self.span(o, span));
            if self.strange {
                i64(o, 3, 42);
                field(o, 4, TType::Struct, |o| {
                    structure(o, |o| (1..=3).for_each(|id| i64(o, id, 9)))
                });
            }
        });
    }

    fn strange(&self, o: Out<'_>) {
        if self.strange {
            unknown_fields(o);
        }
    }

    fn process(&self, o: Out<'_>, value: &Process<'_>) {
        structure(o, |o| {
            if self.strange {
                string(o, 1, "the earlier name");
            }
            string(o, 1, &value.service_name);
            self.strange(o);
            self.tags(o, 2, &value.tags);
        });
    }

    fn span(&self, o: Out<'_>, value: &Span<'_>) {
        structure(o, |o| {
            self.strange(o);
            i64(o, 1, value.trace_id as i64);
            i64(o, 2, (value.trace_id >> 64) as i64);
            i64(o, 3, value.span_id as i64);
            i64(o, 4, value.parent_span_id as i64);
            string(o, 5, &value.operation_name);
            list(o, 6, &value.references, |o, reference| {
                self.reference(o, reference)
            });
            i32(o, 7, value.flags);
            i64(o, 8, value.start_time);
            i64(o, 9, value.duration);
            self.tags(o, 10, &value.tags);
            list(o, 11, &value.logs, |o, log| self.log(o, log));
            self.strange(o);
        });
    }

    fn reference(&self, o: Out<'_>, value: &SpanRef) {
        structure(o, |o| {
            i32(
                o,
                1,
                if value.ref_type == RefType::ChildOf {
                    0
                } else {
                    1
                },
            );
            i64(o, 2, value.trace_id as i64);
            i64(o, 3, (value.trace_id >> 64) as i64);
            i64(o, 4, value.span_id as i64);
            self.strange(o);
        });
    }

    fn log(&self, o: Out<'_>, value: &Log<'_>) {
        structure(o, |o| {
            self.strange(o);
            i64(o, 1, value.timestamp);
            self.tags(o, 2, &value.fields);
        });
    }

    fn tags(&self, o: Out<'_>, id: i16, tags: &[Tag<'_>]) {
        list(o, id, tags, |o, tag| {
            structure(o, |o| {
                self.strange(o);
                string(o, 1, &tag.key);
                match &tag.value {
                    TagValue::String(value) => {
                        i32(o, 2, 0);
                        string(o, 3, value);
                    }
                    TagValue::Double(value) => {
                        i32(o, 2, 1);
                        field(o, 4, TType::Double, |o| o.write_double(*value).unwrap());
                    }
                    TagValue::Bool(value) => {
                        i32(o, 2, 2);
                        field(o, 5, TType::Bool, |o| o.write_bool(*value).unwrap());
                    }
                    TagValue::Long(value) => {
                        i32(o, 2, 3);
                        i64(o, 6, *value);
                    }
                    TagValue::Binary(value) => {
                        i32(o, 2, 4);
                        field(o, 7, TType::String, |o| o.write_bytes(value).unwrap());
                    }
                }
            });
        });
    }
}

fn read_structure(i: In<'_>, mut on_field: impl FnMut(In<'_>, i16)) {
    i.read_struct_begin().unwrap();
    loop {
        let field = i.read_field_begin().unwrap();
        if field.field_type == TType::Stop {
            break;
        }
        on_field(i, field.id.unwrap());
        i.read_field_end().unwrap();
    }
    i.read_struct_end().unwrap();
}

fn read_list<T>(i: In<'_>, read: impl Fn(In<'_>) -> T) -> Vec<T> {
    let list = i.read_list_begin().unwrap();
    let items = (0..list.size).map(|_| read(i)).collect();
    i.read_list_end().unwrap();
    items
}

/// Reads a message; also returns its sequence number.
pub fn read_emit_batch(i: In<'_>) -> (Batch<'static>, i32) {
    let message = i.read_message_begin().unwrap();
    assert_eq!(
        (message.name.as_str(), message.message_type),
        ("emitBatch", TMessageType::OneWay)
    );
    let mut batch = None;
    read_structure(i, |i, id| {
        assert_eq!(id, 1);
        batch = Some(read_batch(i));
    });
    i.read_message_end().unwrap();
    (batch.unwrap(), message.sequence_number)
}

/// Reads a bare batch.
pub fn read_batch(i: In<'_>) -> Batch<'static> {
    let mut batch = Batch::default();
    let mut seen = Vec::new();
    read_structure(i, |i, id| {
        seen.push(id);
        match id {
            1 => batch.process = read_process(i),
            2 => batch.spans = read_list(i, read_span),
            other => panic!("Batch has no field {other}"),
        }
    });
    assert_eq!(seen, [1, 2]);
    batch
}

fn read_process(i: In<'_>) -> Process<'static> {
    let mut process = Process::default();
    read_structure(i, |i, id| match id {
        1 => process.service_name = i.read_string().unwrap().into(),
        2 => process.tags = read_list(i, read_tag),
        other => panic!("Process has no field {other}"),
    });
    process
}

fn read_span(i: In<'_>) -> Span<'static> {
    let mut span = Span::default();
    let mut seen = Vec::new();
    read_structure(i, |i, id| {
        seen.push(id);
        match id {
            1 => span.trace_id |= u128::from(i.read_i64().unwrap() as u64),
            2 => span.trace_id |= u128::from(i.read_i64().unwrap() as u64) << 64,
            3 => span.span_id = i.read_i64().unwrap() as u64,
            4 => span.parent_span_id = i.read_i64().unwrap() as u64,
            5 => span.operation_name = i.read_string().unwrap().into(),
            6 => span.references = read_list(i, read_reference),
            7 => span.flags = i.read_i32().unwrap(),
            8 => span.start_time = i.read_i64().unwrap(),
            9 => span.duration = i.read_i64().unwrap(),
            10 => span.tags = read_list(i, read_tag),
            11 => span.logs = read_list(i, read_log),
            other => panic!("Span has no field {other}"),
        }
    });
    for required in [1, 2, 3, 4, 5, 7, 8, 9] {
        assert!(seen.contains(&required), "field {required} is missing");
    }
    span
}

fn read_reference(i: In<'_>) -> SpanRef {
    let mut reference = SpanRef {
        ref_type: RefType::ChildOf,
        trace_id: 0,
        span_id: 0,
    };
    read_structure(i, |i, id| match id {
        1 if i.read_i32().unwrap() == 1 => reference.ref_type = RefType::FollowsFrom,
        1 => {}
        2 => reference.trace_id |= u128::from(i.read_i64().unwrap() as u64),
        3 => reference.trace_id |= u128::from(i.read_i64().unwrap() as u64) << 64,
        4 => reference.span_id = i.read_i64().unwrap() as u64,
        other => panic!("SpanRef has no field {other}"),
    });
    reference
}

fn read_log(i: In<'_>) -> Log<'static> {
    let mut log = Log::default();
    read_structure(i, |i, id| match id {
        1 => log.timestamp = i.read_i64().unwrap(),
        2 => log.fields = read_list(i, read_tag),
        other => panic!("Log has no field {other}"),
    });
    log
}

fn read_tag(i: In<'_>) -> Tag<'static> {
    let (mut key, mut kind, mut value) = (None, None, None);
    read_structure(i, |i, id| match id {
        1 => key = Some(i.read_string().unwrap()),
        2 => kind = Some(i.read_i32().unwrap()),
        3 => value = Some((0, TagValue::String(i.read_string().unwrap().into()))),
        4 => value = Some((1, TagValue::Double(i.read_double().unwrap()))),
        5 => value = Some((2, TagValue::Bool(i.read_bool().unwrap()))),
        6 => value = Some((3, TagValue::Long(i.read_i64().unwrap()))),
        7 => value = Some((4, TagValue::Binary(i.read_bytes().unwrap().into()))),
        other => panic!("Tag has no field {other}"),
    });
    let (of_kind, value) = value.unwrap();
    assert_eq!(kind, Some(of_kind));
    Tag {
        key: key.unwrap().into(),
        value,
    }
}
