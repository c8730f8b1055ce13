//! All counts of the pipeline are metrics, and the identity holds for them.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lianlu_sdk::sampling::{Rules, Spans};
use lianlu_sdk::{Batch, Component, Export, Failure, KeepIf, Limits, TracerProvider};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{
    Span, SpanContext, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with these outcomes, one after another, then waits for the end of `hold`.
struct Scripted {
    answers: Vec<Result<(), Failure>>,
    hold: Receiver<()>,
}

impl Export for Scripted {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        if self.answers.is_empty() {
            let _ = self.hold.recv();
            return Ok(());
        }
        self.answers.remove(0)
    }

    fn component(&self) -> Component {
        Component::new("scripted_span_exporter").with_server("collector", 4317)
    }
}

/// The last value of each series: name of the metric, and attributes without names of components.
type Series = BTreeMap<(String, String), u64>;

fn attributes<'a>(of: impl Iterator<Item = &'a KeyValue>, metric: &str) -> String {
    let all: BTreeMap<_, _> = of
        .map(|it| (it.key.as_str(), it.value.to_string()))
        .collect();
    let mut shown = Vec::new();
    for (key, value) in all {
        match key {
            "otel.component.type" => {
                let kind = match metric.contains(".processor.") {
                    true => "batching_span_processor",
                    false => "scripted_span_exporter",
                };
                assert_eq!(value, kind, "{metric}");
            }
            "otel.component.name" => assert!(value.contains("_span_") && value.contains('/')),
            "server.address" => assert_eq!(value, "collector"),
            "server.port" => assert_eq!(value, "4317"),
            _ => shown.push(format!("{key}={value}")),
        }
    }
    shown.join(" ")
}

fn read(exporter: &InMemoryMetricExporter) -> Series {
    let mut series = BTreeMap::new();
    let last = exporter.get_finished_metrics().unwrap().pop().unwrap();
    for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
        let name = metric.name();
        let goes_down = ["live", "size", "capacity", "inflight"];
        let goes_down = goes_down.contains(&name.rsplit('.').next().unwrap());
        let points: Vec<(String, u64)> = match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) if sum.is_monotonic() && !goes_down => {
                let points = sum.data_points();
                points
                    .map(|it| (attributes(it.attributes(), name), it.value()))
                    .collect()
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) if !sum.is_monotonic() && goes_down => {
                let value = |value: i64| u64::try_from(value).unwrap();
                let points = sum.data_points();
                points
                    .map(|it| (attributes(it.attributes(), name), value(it.value())))
                    .collect()
            }
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                assert_eq!(metric.unit(), "s");
                let points = histogram.data_points();
                points
                    .map(|it| (attributes(it.attributes(), name), it.count()))
                    .collect()
            }
            _ => panic!("{metric:?}"),
        };
        let of_sdk = name.strip_prefix("otel.sdk.").unwrap_or(name);
        for (attributes, value) in points {
            assert_eq!(series.insert((of_sdk.to_owned(), attributes), value), None);
        }
    }
    series
}

fn meters() -> (SdkMeterProvider, InMemoryMetricExporter) {
    let exporter = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone());
    (meters.build(), exporter)
}

fn scripted(answers: Vec<Result<(), Failure>>) -> (Scripted, Sender<()>) {
    let (release, hold) = channel();
    (Scripted { answers, hold }, release)
}

/// `otel.sdk.*` as the conventions define them.
#[test]
fn metrics_of_the_sdk_are_as_defined() {
    let (meters, exporter) = meters();
    let answers = vec![
        Ok(()),
        Err(Failure::new(1, "one of two").with_error_type("rejected")),
        Err(Failure::temporary("later").with_error_type("503")),
        Err(Failure::new(3, "bad").with_error_type("400")),
    ];
    let (scripted, release) = scripted(answers);
    let mut limits = Limits::default();
    limits.retry_initial = Duration::ZERO;
    let provider = TracerProvider::builder()
        .with_exporter(scripted)
        .with_limits(limits)
        .with_sampler(Rules::new().never(Spans::any().name("no")))
        .with_keep_if(KeepIf::error())
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    provider.handle().register_metrics(&meters.meter("test"));
    let tracer = provider.tracer("test");
    for batch in 1..=3 {
        for _ in 0..batch {
            tracer.start("span").end();
        }
        let _ = provider.flush(PATIENCE);
    }
    let remote = SpanContext::new(
        1.into(),
        1.into(),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let remote = Context::new().with_remote_span_context(remote);
    let open = Context::new().with_span(tracer.start_with_context("open", &remote));
    let judged = tracer.start_with_context("no", &open);
    tracer.start("no").end();
    tracer.start("sending").end();
    // The exporter has it, and does not give it back.
    let _ = provider.flush(Duration::from_millis(1));
    let wait = || {
        meters.force_flush().unwrap();
        read(&exporter)[&("exporter.span.inflight".to_owned(), String::new())]
    };
    while wait() == 0 {
        std::thread::yield_now();
    }
    let series = read(&exporter);
    let expected = [
        ("exporter.operation.duration", "", 1),
        (
            "exporter.operation.duration",
            "error.type=400 http.response.status_code=400",
            1,
        ),
        ("exporter.operation.duration", "error.type=rejected", 1),
        ("exporter.span.exported", "", 2),
        ("exporter.span.exported", "error.type=400", 3),
        ("exporter.span.exported", "error.type=rejected", 1),
        ("exporter.span.inflight", "", 1),
        ("lianlu.recorder.call.unnoted", "", 0),
        ("lianlu.recorder.span.durable", "", 0),
        ("lianlu.recorder.span.recovered", "", 0),
        ("processor.span.processed", "", 7),
        ("processor.span.queue.capacity", "", 16_384),
        ("processor.span.queue.size", "", 0),
        (
            "span.live",
            "otel.span.sampling_result=RECORD_AND_SAMPLE",
            1,
        ),
        ("span.live", "otel.span.sampling_result=RECORD_ONLY", 1),
        (
            "span.started",
            "otel.span.parent.origin=local otel.span.sampling_result=RECORD_ONLY",
            1,
        ),
        (
            "span.started",
            "otel.span.parent.origin=none otel.span.sampling_result=RECORD_AND_SAMPLE",
            7,
        ),
        (
            "span.started",
            "otel.span.parent.origin=none otel.span.sampling_result=RECORD_ONLY",
            1,
        ),
        (
            "span.started",
            "otel.span.parent.origin=remote otel.span.sampling_result=RECORD_AND_SAMPLE",
            1,
        ),
    ];
    let shown = |(name, attributes): (&(String, String), &u64)| {
        format!("{} {{{}}} {attributes}", name.0, name.1)
    };
    let series: Vec<_> = series.iter().map(shown).collect();
    let expected = expected.map(|(name, of, value)| format!("{name} {{{of}}} {value}"));
    assert_eq!(series, expected);
    drop(judged);
    drop(open);
    drop(release);
    let _ = provider.shutdown(PATIENCE);
}

/// Spans that the exporter never gets, and all that are not recorded.
#[test]
fn losses_before_the_export_have_their_reasons() {
    let (meters, exporter) = meters();
    let (scripted, release) = scripted(Vec::new());
    let mut limits = Limits::default();
    (limits.queue_size, limits.batch_size) = (2, 1);
    let provider = TracerProvider::builder()
        .with_exporter(scripted)
        .with_limits(limits)
        .with_sampler(Rules::new().never(Spans::any().name("no")))
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    provider.handle().register_metrics(&meters.meter("test"));
    let tracer = provider.tracer("test");
    tracer.start("no").end();
    let late = tracer.start("late");
    for _ in 0..10 {
        tracer.start("span").end();
    }
    drop(release);
    let _ = provider.shutdown(PATIENCE);
    drop(late);
    meters.force_flush().unwrap();
    let series = read(&exporter);
    let of = |name: &str, of: &str| series[&(name.to_owned(), of.to_owned())];
    let not_sampled = "otel.span.parent.origin=none otel.span.sampling_result=DROP";
    assert_eq!(of("span.started", not_sampled), 1);
    let lost = of("processor.span.processed", "error.type=queue_full");
    assert_eq!(
        of("processor.span.processed", "error.type=already_shutdown"),
        1
    );
    assert_eq!(of("processor.span.processed", ""), 10 - lost);
    assert!(lost > 0);
}

/// What the exporter did not take has failed, unless the flight recorder keeps it: then it waits.
#[test]
fn pending_spans_on_disk_have_not_failed() {
    struct Down(#[allow(dead_code)] Sender<()>);
    impl Export for Down {
        fn export(&mut self, _: &Batch) -> Result<(), Failure> {
            Err(Failure::temporary("down").with_error_type("503"))
        }
        fn component(&self) -> Component {
            Component::new("scripted_span_exporter")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for on_disk in [false, true] {
        let (meters, exporter) = meters();
        let (dropped, is_dropped) = channel();
        let builder = TracerProvider::builder().with_exporter(Down(dropped));
        let builder = builder.with_loss_listener(|_| {});
        let provider = match on_disk {
            true => builder.with_flight_recorder(folder.path()).build(),
            false => builder.build(),
        };
        let provider = provider.unwrap();
        provider.handle().register_metrics(&meters.meter("test"));
        for _ in 0..3 {
            provider.tracer("test").start("span").end();
        }
        let _ = provider.shutdown(Duration::ZERO);
        // After its last batch was counted.
        is_dropped.recv_timeout(PATIENCE).unwrap_err();
        meters.force_flush().unwrap();
        let series = read(&exporter);
        let of = |name: &str, of: &str| series.get(&(name.to_owned(), of.to_owned())).copied();
        let failed = of("exporter.span.exported", "error.type=503");
        let waiting = of("exporter.span.inflight", "").unwrap()
            + of("processor.span.queue.size", "").unwrap();
        let expected = if on_disk { (3, None) } else { (0, Some(3)) };
        assert_eq!((waiting, failed), expected, "{series:?}");
        assert_eq!(of("processor.span.processed", ""), Some(3));
    }
}
