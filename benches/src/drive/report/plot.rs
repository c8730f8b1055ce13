//! Bars, for the README. Colours that can be read on light and on dark.

use std::fmt::Write;

use super::names;
use crate::calls::requests::Case;
use crate::drive::Results;
use crate::drive::servers::Server;
use crate::export::Maker;
use crate::in_process::{RequestBody, Transport};
use crate::peers::{Peer, Protocol};

const WIDTH: f64 = 760.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 270.0;
const LONGEST: f64 = 370.0;
const LINE: f64 = 22.0;

struct Chart {
    title: &'static str,
    unit: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    is_ours: bool,
    value: f64,
    digits: usize,
}

impl Bar {
    fn new(peer: Peer, name: &str, value: f64, digits: usize) -> Self {
        Self {
            name: name.replace('*', ""),
            is_ours: peer == Peer::Lianlu,
            value,
            digits,
        }
    }
}

pub(super) fn svg(results: &Results) -> String {
    let charts = [layer(results), export(results), server(results)];
    let charts: Vec<_> = charts
        .iter()
        .filter(|chart| !chart.bars.is_empty())
        .collect();
    let lines: usize = charts.iter().map(|chart| chart.bars.len() + 2).sum();
    let height = lines as f64 * LINE + 10.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="What tracing costs, by library" font-family="system-ui, sans-serif" font-size="13">
<style>
text {{ fill: #57606a }}
.title {{ font-weight: 600; fill: #24292f }}
.ours {{ fill: #0a8f6c }}
.theirs {{ fill: #9aa4af }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #9aa4af }}
  .title {{ fill: #e6edf3 }}
  .ours {{ fill: #2fbf95 }}
  .theirs {{ fill: #5b6570 }}
}}
</style>
"##
    );
    let mut y = LINE;
    for chart in charts {
        let _ = writeln!(
            svg,
            r#"<text class="title" x="8" y="{y}">{}</text>"#,
            chart.title
        );
        let most = chart.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        for bar in &chart.bars {
            y += LINE;
            let _ = writeln!(svg, "{}", line(bar, chart.unit, most, y));
        }
        y += 2.0 * LINE;
    }
    svg + "</svg>\n"
}

fn line(bar: &Bar, unit: &str, most: f64, y: f64) -> String {
    let length = (bar.value.max(0.0) / most * LONGEST).max(1.0);
    let class = if bar.is_ours { "ours" } else { "theirs" };
    let (before, after, top) = (LEFT - 8.0, LEFT + length + 6.0, y - 12.0);
    let (name, value, digits) = (&bar.name, bar.value, bar.digits);
    format!(
        r#"<text x="{before}" y="{y}" text-anchor="end">{name}</text><rect class="{class}" x="{LEFT}" y="{top}" width="{length:.1}" height="15" rx="2"/><text x="{after:.1}" y="{y}">{value:.digits$} {unit}</text>"#
    )
}

fn layer(results: &Results) -> Chart {
    let shown = [
        Peer::Lianlu,
        Peer::Sdk,
        Peer::FastraceFull,
        Peer::TracingOtel,
        Peer::TowerOtel,
    ];
    let bar = |peer: &Peer| {
        let row = results.in_process.iter().find(|row| {
            (row.transport, row.case, row.body, row.peer)
                == (Transport::Grpc, Case::Sampled, RequestBody::Empty, *peer)
        })?;
        let value = row.added.median / 1_000.0;
        Some(Bar::new(*peer, names::peer(*peer, true), value, 2))
    };
    Chart {
        title: "Time added to a sampled gRPC call, in process",
        unit: "µs",
        bars: shown.iter().filter_map(bar).collect(),
    }
}

fn export(results: &Results) -> Chart {
    let rows = results.export.iter();
    let rows = rows.filter(|row| (row.maker, row.protocol) == (Maker::Layer, Protocol::Grpc));
    Chart {
        title: "CPU for a span made by the layer and delivered over OTLP/gRPC",
        unit: "µs",
        bars: rows
            .map(|row| {
                let value = row.cpu.median / 1_000.0;
                Bar::new(row.peer, names::peer(row.peer, true), value, 2)
            })
            .collect(),
    }
}

fn server(results: &Results) -> Chart {
    let bar = |row: &crate::drive::servers::Row| {
        let (peer, name) = match row.server {
            Server::Tonic(Peer::None) => return None,
            Server::Tonic(peer) => (peer, names::peer(peer, true)),
            Server::Kratos { traced: true } => (Peer::None, "Kratos 2.9.1 (Go)"),
            Server::GrpcGo { traced: true } => (Peer::None, "grpc-go + otelgrpc"),
            _ => return None,
        };
        let value = (row.cpu_times_untraced - 1.0) * 100.0;
        Some(Bar::new(peer, name, value, 0))
    };
    let rows = results.servers.iter().filter(|row| !row.unsampled);
    Chart {
        title: "CPU of a small gRPC server: more than without tracing, all exported",
        unit: "%",
        bars: rows.filter_map(bar).collect(),
    }
}
