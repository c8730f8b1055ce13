//! Context in the environment of child processes, and through OpenTelemetry's global propagator.

use std::collections::HashMap;

use lianlu::propagation::{B3, Fields, extract, extract_env, inject, inject_env};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, global};

use crate::common::{PARENT_ID, TRACEPARENT};
use crate::own_process::{child, is_alone, role, run};

fn context() -> Context {
    let ids = (TraceId::from(0xa1), SpanId::from(0xb2));
    let span = SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, TraceState::NONE);
    let cx = Context::new().with_remote_span_context(span);
    cx.with_baggage([KeyValue::new("tenant", "张三")])
}

/// A child of a process that is in a trace itself.
#[test]
fn a_child_process_continues_the_trace() {
    match role().as_deref() {
        None => {}
        Some("middle") => {
            let cx = extract_env();
            println!("middle: {}", cx.span().span_context().span_id());
            println!("middle: {}", cx.baggage().len());
            let mut last = child(&this_test!(), "last");
            last.env("UBERCTX_OWN", "stale");
            inject_env(&context(), &mut last);
            print!("{}", run(&mut last).stdout);
            return;
        }
        Some(_) => {
            for name in ["TRACEPARENT", "TRACESTATE", "BAGGAGE", "B3", "X_B3_TRACEID"] {
                let value = std::env::var(name).unwrap_or_default();
                println!("last: {name}={value}");
            }
            let names = std::env::vars_os().map(|(name, _)| name.into_encoded_bytes());
            assert!(!names.into_iter().any(|name| name.starts_with(b"UBERCTX_")));
            let cx = extract_env();
            println!("last: {:?}", cx.baggage().get("tenant").unwrap().as_str());
            return;
        }
    }
    let mut middle = child(&this_test!(), "middle");
    middle.env_remove("OTEL_PROPAGATORS").envs([
        ("TRACEPARENT", TRACEPARENT),
        ("TRACESTATE", "stale=1"),
        ("B3", "stale"),
        ("X_B3_TRACEID", "stale"),
        ("UBERCTX_TENANT", "stale"),
        ("traceparent", "not this one"),
    ]);
    let printed = run(&mut middle);
    assert_eq!(printed.marked("middle: "), [PARENT_ID, "0"]);
    let traceparent = format!("TRACEPARENT=00-{:032x}-{:016x}-01", 0xa1, 0xb2);
    let expected = [
        &*traceparent,
        "TRACESTATE=",
        "BAGGAGE=tenant=%E5%BC%A0%E4%B8%89",
        "B3=",
    ];
    assert_eq!(printed.marked("last: ")[..4], expected);
    assert_eq!(printed.marked("last: ")[4..], ["X_B3_TRACEID=", "\"张三\""]);
}

#[test]
fn any_carrier_takes_the_context() {
    let cx = context();
    let mut fields = Fields::new();
    inject(&cx, &mut fields);
    // As bytes in a message, with a header of another case, an alien one, and one that is no text.
    let mut message: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.to_uppercase(), value.as_bytes().to_vec()))
        .collect();
    message.push(("other".to_owned(), vec![0xff]));
    let fields: Fields = message.iter().map(|(name, value)| (name, value)).collect();
    let mut map = HashMap::new();
    inject(&cx, &mut map);
    assert_eq!(map.len(), 2, "no empty fields: {map:?}");
    for found in [extract(&fields), extract(&map)] {
        let span = found.span().span_context().clone();
        assert_eq!(
            (span.trace_id(), span.span_id()),
            (TraceId::from(0xa1), SpanId::from(0xb2))
        );
        assert_eq!(found.baggage().get("tenant").unwrap().as_str(), "张三");
    }
    // A repeated `traceparent` is ambiguous, as over HTTP.
    message.push(("traceparent".to_owned(), TRACEPARENT.into()));
    let fields: Fields = message.iter().map(|(name, value)| (name, value)).collect();
    assert!(!extract(&fields).span().span_context().is_valid());
}

/// The fields that the global propagator writes.
fn global_fields() -> Vec<String> {
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|it| it.inject_context(&context(), &mut carrier));
    let mut fields: Vec<_> = carrier.into_keys().collect();
    fields.sort();
    fields
}

#[test]
fn install_sets_the_global_propagator() {
    if !is_alone(&this_test!()) {
        return;
    }
    let pipeline =
        || lianlu::console::pipeline().with_tree(lianlu::console::Tree::to_writer(std::io::sink()));
    let _built = pipeline().build().unwrap();
    assert_eq!(global_fields(), [""; 0]);
    let _guard = pipeline().install().unwrap();
    assert_eq!(global_fields(), ["baggage", "traceparent"]);
    let carrier = HashMap::from([("traceparent".to_owned(), TRACEPARENT.to_owned())]);
    let cx = global::get_text_map_propagator(|it| it.extract(&carrier));
    assert_eq!(cx.span().span_context().span_id().to_string(), PARENT_ID);
    // The user's own choice stays.
    global::set_text_map_propagator(B3::new());
    let _second = pipeline().install().unwrap();
    assert_eq!(global_fields(), ["b3"]);
}
