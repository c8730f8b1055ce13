use super::*;
use crate::propagation::testing::{Headers, described};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;

const TRACES: [(&str, &str, &str); 4] = [
    (
        "tracecontext",
        "traceparent",
        "00-11111111111111111111111111111111-1111111111111111-01",
    ),
    (
        "b3",
        "b3",
        "22222222222222222222222222222222-2222222222222222-1",
    ),
    (
        "jaeger",
        "uber-trace-id",
        "33333333333333333333333333333333:3333333333333333:0:1",
    ),
    (
        "xray",
        "x-amzn-trace-id",
        "Root=1-44444444-444444444444444444444444;Parent=4444444444444444;Sampled=1",
    ),
];

fn fields(names: &[&str]) -> Vec<String> {
    let propagator = from_names(names.iter().copied()).unwrap();
    let mut fields: Vec<_> = propagator.fields().map(str::to_owned).collect();
    fields.sort();
    fields
}

#[test]
fn each_name_selects_its_propagator() {
    for (name, expected) in [
        ("tracecontext", vec!["traceparent", "tracestate"]),
        ("baggage", vec!["baggage"]),
        ("b3", vec!["b3"]),
        (
            "b3multi",
            vec!["x-b3-flags", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"],
        ),
        ("jaeger", vec!["uber-trace-id"]),
        ("xray", vec!["x-amzn-trace-id"]),
        ("servicename", vec!["x-md-service-name"]),
        ("none", vec![]),
        ("", vec![]),
        (" B3\t", vec!["b3"]),
    ] {
        assert_eq!(fields(&[name]), expected, "{name}");
    }
    assert_eq!(fields(&["b3", "none", "B3", "baggage"]), ["b3", "baggage"]);
}

#[test]
fn reports_an_unknown_name() {
    for name in ["ottrace", "b4", "é"] {
        let error = from_names(["b3", name]).unwrap_err();
        assert_eq!(error.name(), name);
        assert!(error.to_string().starts_with(&format!(
            "there is no propagator \"{name}\", only tracecontext"
        )));
    }
}

/// With the four formats in any order, and any of their headers malformed or absent.
#[test]
fn the_last_valid_trace_wins() {
    for first in 0..TRACES.len() {
        let mut order = TRACES;
        order.rotate_left(first);
        for reversed in [false, true] {
            if reversed {
                order.reverse();
            }
            let propagator = from_names(order.map(|(name, ..)| name)).unwrap();
            for valid in 0..1_u8 << TRACES.len() {
                for broken in [None, Some("garbage")] {
                    let lines: Vec<_> = order
                        .iter()
                        .enumerate()
                        .filter_map(|(at, (_, header, value))| {
                            let value = if valid & (1 << at) != 0 {
                                Some(*value)
                            } else {
                                broken
                            };
                            Some((*header, value?))
                        })
                        .collect();
                    let cx =
                        propagator.extract_with_context(&Context::new(), &Headers::new(&lines));
                    let last = (0..TRACES.len()).rev().find(|at| valid & (1 << at) != 0);
                    let expected = match last.map(|at| order[at].0) {
                        Some("tracecontext") => "1",
                        Some("b3") => "2",
                        Some("jaeger") => "3",
                        Some(_) => "4",
                        None => {
                            assert_eq!(described(&cx), "none");
                            continue;
                        }
                    };
                    let expected = format!("{} {} true", expected.repeat(32), expected.repeat(16));
                    assert_eq!(described(&cx), expected, "{lines:?}");
                }
            }
        }
    }
}

/// A caller that sends the same span in several formats.
#[test]
fn merges_the_fields_of_one_span_in_several_formats() {
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let headers = Headers::new(&[
        ("traceparent", &format!("00-{trace}-{span}-03")),
        ("tracestate", "a=1"),
        ("b3", &format!("{trace}-{span}-d")),
    ]);
    let formats = from_names(["tracecontext", "b3", "jaeger"]).unwrap();
    let cx = formats.extract_with_context(&Context::new(), &headers);
    assert_eq!(
        Headers::injected(&formats, &cx).lines(),
        [
            format!("b3: {trace}-{span}-d"),
            format!("traceparent: 00-{trace}-{span}-03"),
            "tracestate: a=1".to_owned(),
            format!("uber-trace-id: {trace}:{span}:0:3"),
        ]
    );
}

/// Every list of names, in both orders and from each start.
#[test]
fn each_propagator_writes_its_own_headers() {
    let names = [
        "tracecontext",
        "baggage",
        "b3",
        "b3multi",
        "jaeger",
        "xray",
        "none",
    ];
    let headers = Headers::new(&[("traceparent", TRACES[0].2), ("tracestate", "a=1")]);
    let cx = from_names(["tracecontext"]).unwrap();
    let cx = cx.extract_with_context(&Context::new(), &headers);
    let cx = cx.with_baggage([opentelemetry::KeyValue::new("k", "v")]);
    for list in 0..1_u8 << names.len() {
        let chosen = (0..names.len()).filter(|at| list & (1 << at) != 0);
        let mut chosen: Vec<_> = chosen.map(|at| names[at]).collect();
        let alone = chosen.iter().flat_map(|name| {
            let alone = from_names([*name]).unwrap();
            Headers::injected(&alone, &cx).lines()
        });
        let mut expected: Vec<_> = alone.collect();
        expected.sort();
        for _ in 0..chosen.len() {
            chosen.rotate_left(1);
            for _ in 0..2 {
                chosen.reverse();
                let all = from_names(chosen.iter().copied()).unwrap();
                assert_eq!(Headers::injected(&all, &cx).lines(), expected, "{chosen:?}");
            }
        }
    }
}

#[test]
fn baggage_of_two_formats_is_merged() {
    let headers = Headers::new(&[("baggage", "a=1,b=2"), ("uberctx-c", "3")]);
    for names in [["baggage", "jaeger"], ["jaeger", "baggage"]] {
        let both = from_names(names).unwrap();
        let base = Context::new().with_baggage([opentelemetry::KeyValue::new("a", "0")]);
        let cx = both.extract_with_context(&base, &headers);
        let mut found: Vec<_> = cx
            .baggage()
            .iter()
            .map(|(key, (value, _))| format!("{key}={value}"))
            .collect();
        found.sort();
        assert_eq!(found, ["a=1", "b=2", "c=3"], "{names:?}");
    }
}

/// A handler that reads a message does not give it the baggage of the request.
#[test]
fn baggage_of_another_carrier_is_not_merged() {
    let jaeger = Headers::new(&[("uberctx-a", "1")]);
    let both = Headers::new(&[("uberctx-a", "1"), ("baggage", "b=2")]);
    let request = http::Request::builder().header("uberctx-a", "1");
    let request = request.body(()).unwrap();
    let of_call = |propagator: &dyn TextMapPropagator| {
        let head = crate::request::RequestHead::new(&request);
        crate::span::parent::Parent::of_propagator(&Context::new(), propagator, &head, false).base
    };
    let extract = |names: &[&str], headers| {
        from_names(names.iter().copied())
            .unwrap()
            .extract_with_context(&Context::new(), headers)
    };
    for cx in [
        extract(&["jaeger"], &jaeger),
        extract(&["baggage", "jaeger"], &both),
        extract(&["jaeger", "baggage"], &both),
        of_call(&Jaeger),
        of_call(&TextMapCompositePropagator::new(vec![
            Box::new(Baggage::new()),
            Box::new(Jaeger::new()),
        ])),
        TextMapCompositePropagator::new(vec![Box::new(Jaeger::new()), Box::new(Baggage::new())])
            .extract_with_context(&Context::new(), &jaeger),
    ] {
        assert!(cx.baggage().get("a").is_some());
        let message = Headers::new(&[("baggage", "c=3")]);
        let cx = Baggage.extract_with_context(&cx, &message);
        assert_eq!(
            (cx.baggage().len(), cx.baggage().get("c").is_some()),
            (1, true)
        );
    }
}
