//! The tables for people.

use std::fmt::Write;

use super::names;
use crate::calls::requests::Case;
use crate::drive::Results;
use crate::drive::servers::Server;
use crate::drive::statistics::Summary;
use crate::export::Maker;
use crate::in_process::{RequestBody, Transport};
use crate::peers::{Peer, Protocol};

pub(super) fn markdown(results: &Results) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    let _ = writeln!(
        text,
        "Measured on {} × {}, {}, {}, {}. Medians, with quartiles in brackets{}.",
        machine.processors,
        machine.processor,
        machine.kernel,
        machine.rust,
        machine.go,
        if results.quick { "; a quick run" } else { "" },
    );
    if !results.in_process.is_empty() {
        in_process(results, &mut text);
    }
    if !results.export.is_empty() {
        export(results, &mut text);
    }
    if !results.servers.is_empty() {
        servers(results, &mut text);
        added(results, &mut text);
        half_load(results, &mut text);
    }
    if !results.threads.is_empty() {
        threads(results, &mut text);
    }
    if !results.memory.is_empty() {
        memory(results, &mut text);
    }
    if !results.recorder.is_empty() {
        recorder(results, &mut text);
    }
    if !results.set_up.is_empty() {
        set_up(results, &mut text);
    }
    if !results.targets.is_empty() {
        targets(results, &mut text);
    }
    text
}

/// A heading and a table's first two lines; all columns but the first are numbers.
fn head(text: &mut String, title: &str, columns: &[&str]) {
    let _ = writeln!(text, "\n### {title}\n\n| {} |", columns.join(" | "));
    let _ = writeln!(text, "|---|{}", "--:|".repeat(columns.len() - 1));
}

fn nanos(it: Summary) -> String {
    format!(
        "{:.0} ns [{:.0}–{:.0}]",
        it.median, it.lower_quartile, it.upper_quartile
    )
}

fn micros(it: Summary) -> String {
    format!(
        "{:.2} µs [{:.2}–{:.2}]",
        it.median, it.lower_quartile, it.upper_quartile
    )
}

fn times(it: f64) -> String {
    if it.is_finite() {
        format!("× {it:.2}")
    } else {
        "–".to_owned()
    }
}

/// A ratio of neighbours.
fn times_of(it: Summary) -> String {
    let (lower, upper) = (it.lower_quartile, it.upper_quartile);
    format!("{} [{lower:.2}–{upper:.2}]", times(it.median))
}

fn in_process(results: &Results, text: &mut String) {
    for (transport, case, title) in [
        (Transport::Grpc, Case::Sampled, "gRPC, sampled parent"),
        (Transport::Grpc, Case::Unsampled, "gRPC, parent not sampled"),
        (Transport::Grpc, Case::Off, "gRPC, switched off"),
        (
            Transport::Grpc,
            Case::Tracestate,
            "gRPC, tracestate of two members",
        ),
        (
            Transport::Grpc,
            Case::Baggage,
            "gRPC, tracestate and baggage of three",
        ),
        (
            Transport::Grpc,
            Case::AttributesAndChild,
            "gRPC, sampled parent, the handler sets three attributes and makes a child span",
        ),
        (
            Transport::Http,
            Case::Sampled,
            "HTTP on axum, sampled parent",
        ),
        (
            Transport::Http,
            Case::AttributesAndChild,
            "HTTP on axum, sampled parent, the handler sets three attributes and makes a child span",
        ),
        (
            Transport::Http,
            Case::Unsampled,
            "HTTP on axum, parent not sampled",
        ),
    ] {
        let title = format!("Added to a call in process: {title}");
        head(
            text,
            &title,
            &["", "time added", "against lianlu", "allocations"],
        );
        let rows = results.in_process.iter();
        for row in rows.filter(|row| (row.transport, row.case) == (transport, case)) {
            let body = match row.body {
                RequestBody::Empty => "",
                RequestBody::Full => ", request body of http-body-util's Full",
                RequestBody::Tonic => ", request body of tonic's type",
            };
            let _ = writeln!(
                text,
                "| {}{body} | {} | {} | {:.2} |",
                names::peer(row.peer, transport == Transport::Grpc),
                nanos(row.added),
                times_of(row.times_lianlu),
                // No "-0.00".
                row.allocations + 0.0,
            );
        }
    }
}

fn export(results: &Results, text: &mut String) {
    let title = "CPU for a span that has arrived in another process";
    let columns = [
        "",
        "CPU",
        "against lianlu",
        "attributes",
        "bytes",
        "spans a request",
    ];
    head(text, title, &columns);
    for row in &results.export {
        let peer = match row.peer {
            Peer::Fastrace | Peer::FastraceFull => "fastrace + fastrace-opentelemetry",
            Peer::Floor => "the API alone, constant bytes over a bare socket",
            peer => names::peer(peer, true),
        };
        let how = match row.maker {
            Maker::Layer => "gRPC layer",
            Maker::Api => "API, ten attributes",
        };
        let protocol = match row.protocol {
            Protocol::Grpc => "OTLP/gRPC",
            Protocol::Http => "OTLP/HTTP",
        };
        let _ = writeln!(
            text,
            "| {peer}: {how}, {protocol} | {} | {} | {} | {:.0} | {:.0} |",
            nanos(row.cpu),
            times_of(row.times_lianlu),
            row.attributes,
            row.bytes_per_span,
            row.spans_per_request,
        );
    }
}

fn servers(results: &Results, text: &mut String) {
    let title_of = |server| match server {
        Server::Tonic(_) => "A small tonic server",
        Server::Axum(_) => "A small axum server",
        Server::Kratos { .. } | Server::GrpcGo { .. } => "The same tonic service in Go",
    };
    // Those of a title stand together.
    for rows in results
        .servers
        .chunk_by(|a, b| title_of(a.server) == title_of(b.server))
    {
        let columns = [
            "",
            "calls/s",
            "CPU of a call",
            "added",
            "no tracing = 1",
            "p50 at half load",
            "p99",
            "no tracing = 1",
            "spans arrived",
        ];
        head(text, title_of(rows[0].server), &columns);
        for row in rows {
            let _ = writeln!(
                text,
                "| {} | {:.0} | {} | {} | {} | {:.0} µs | {:.0} µs | {} | {:.1} % |",
                names::server(row.server, row.unsampled),
                row.calls_per_second.median,
                micros(row.cpu),
                micros(row.cpu_added),
                times(row.cpu_times_untraced),
                row.p50.median,
                row.p99.median,
                times(row.p99_times_untraced),
                row.arrived * 100.0,
            );
        }
    }
}

fn added(results: &Results, text: &mut String) {
    let columns = [
        "",
        "CPU of a call",
        "added",
        "ours in the same round, over it",
    ];
    head(text, "CPU added to a server, neighbours in time", &columns);
    for row in &results.added {
        let _ = writeln!(
            text,
            "| {}: {} | {} | {} | {} |",
            row.server.framework(),
            names::server(row.server, row.once_more),
            micros(row.cpu),
            micros(row.added),
            if row.server.exports() {
                times_of(row.ours_to_it)
            } else {
                "–".to_owned()
            },
        );
    }
}

fn half_load(results: &Results, text: &mut String) {
    let columns = ["", "calls/s", "p99", "no tracing in the same round = 1"];
    head(text, "p99 at half load, neighbours in time", &columns);
    for row in &results.half_load {
        let _ = writeln!(
            text,
            "| {}: {} | {:.0} | {:.0} µs [{:.0}–{:.0}] | {} |",
            row.server.framework(),
            names::server(row.server, row.once_more),
            row.rate.median,
            row.p99.median,
            row.p99.lower_quartile,
            row.p99.upper_quartile,
            times_of(row.times_untraced),
        );
    }
}

fn threads(results: &Results, text: &mut String) {
    let columns = [
        "",
        "one thread",
        "two threads",
        "gain",
        "that of arithmetic = 1",
        "gain by their own CPU time",
    ];
    head(
        text,
        "Spans a second, ten attributes, exported to nowhere",
        &columns,
    );
    for row in &results.threads {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {} | {} | {} |",
            names::work(row.work),
            row.one.median,
            row.two.median,
            times_of(row.gain),
            times_of(row.gain_of_arithmetic),
            times_of(row.gain_of_cpu),
        );
    }
}

fn memory(results: &Results, text: &mut String) {
    let columns = [
        "",
        "before",
        "peak",
        "after",
        "spans made a second",
        "arrived",
    ];
    head(text, "Resident memory in a burst, over OTLP/gRPC", &columns);
    for row in &results.memory {
        let _ = writeln!(
            text,
            "| {} | {:.1} MB | {:.1} MB | {:.1} MB | {:.0} | {:.0} % |",
            names::pipeline(row.pipeline),
            row.before.median,
            row.peak.median,
            row.after.median,
            row.spans_per_second.median,
            row.arrived.median * 100.0,
        );
    }
}

fn recorder(results: &Results, text: &mut String) {
    let columns = [
        "",
        "added to a sampled gRPC call",
        "allocations",
        "memory in the same round = 1",
    ];
    head(text, "The flight recorder's levels, in process", &columns);
    for row in &results.recorder {
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {} |",
            row.level,
            nanos(row.added),
            row.allocations,
            times_of(row.times_memory),
        );
    }
}

fn set_up(results: &Results, text: &mut String) {
    for rows in results.set_up.chunk_by(|a, b| a.set_up == b.set_up) {
        let set_up = &rows[0].set_up;
        let title = format!(
            "A tonic server, {}, {} serving, {} calls in flight over {} connections, spans {}",
            if set_up.is_pinned {
                "pinned"
            } else {
                "not pinned"
            },
            if set_up.threads == 1 {
                "one thread"
            } else {
                "two threads"
            },
            set_up.in_flight,
            set_up.connections,
            if set_up.exports {
                "exported"
            } else {
                "dropped"
            },
        );
        let columns = [
            "",
            "calls/s",
            "CPU of a call",
            "of this, pipeline",
            "no tracing in the same round = 1",
            "waits a call",
            "pipeline's waits in 1,000 calls",
        ];
        head(text, &title, &columns);
        for row in rows {
            let _ = writeln!(
                text,
                "| {}{} | {:.0} | {} | {:.2} µs | {} | {:.3} | {:.1} |",
                names::peer(row.peer, true),
                if row.once_more { ", once more" } else { "" },
                row.calls_per_second.median,
                micros(row.cpu),
                row.pipeline_cpu.median,
                times_of(row.times_untraced),
                row.waits.median,
                row.pipeline_waits.median,
            );
        }
    }
}

fn targets(results: &Results, text: &mut String) {
    head(
        text,
        "What lianlu has set itself",
        &["", "wanted", "got", ""],
    );
    for it in &results.targets {
        let quartiles = it
            .quartiles
            .map(|(lower, upper)| format!(" [{lower:.3}–{upper:.3}]"));
        let quartiles = quartiles.unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} {:.3} | {:.3}{quartiles} | {} |",
            it.what,
            if it.at_least { "≥" } else { "≤" },
            it.wanted,
            it.got,
            if it.reached { "✓" } else { "✗" },
        );
    }
}
