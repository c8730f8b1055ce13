//! Event formatters for `tracing-subscriber` that add the ids to each line.

use std::fmt;

use tracing_core::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::TraceIds;
use super::object;

/// An event formatter that adds the current span's ids to the output of another one; returned by
/// [`json`] and [`text`].
#[derive(Debug, Clone)]
pub struct WithTrace<E> {
    inner: E,
    /// `inner` with colours, for formats that support them.
    coloured: Option<E>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Object,
    Text,
}

/// Adds `trace_id`, `span_id` and `trace_flags` to the JSON objects that `format` writes.
///
/// They are added at the top level. If the event has a field of the same name there, with
/// `flatten_event(true)`, that field is kept instead. Works with any formatter that writes one
/// object per event. Set its options first:
///
/// ```
/// tracing_subscriber::fmt()
///     .json()
///     .with_target(false)
///     .map_event_format(lianlu::logs::json)
///     .init();
/// // {"timestamp":"…","level":"INFO","fields":{"message":"paid"},
/// //  "trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba902b7","trace_flags":"01"}
/// ```
#[must_use]
pub fn json<E>(format: E) -> WithTrace<E> {
    WithTrace {
        inner: format,
        coloured: None,
        shape: Shape::Object,
    }
}

/// Appends `trace_id=… span_id=… trace_flags=…` to each line that `format` writes: the full,
/// compact or pretty format of `tracing-subscriber`.
///
/// Colours follow the setting of the subscriber or layer, not that of the format.
///
/// ```
/// let subscriber = tracing_subscriber::fmt()
///     .compact()
///     .map_event_format(lianlu::logs::text);
/// # let _ = subscriber.finish();
/// ```
#[must_use]
pub fn text<F: Clone, T: Clone>(format: Format<F, T>) -> WithTrace<Format<F, T>> {
    WithTrace {
        // `Writer::new` has no option for colours, so the format itself must enable them.
        coloured: Some(format.clone().with_ansi(true)),
        inner: format.with_ansi(false),
        shape: Shape::Text,
    }
}

impl<E, S, N> FormatEvent<S, N> for WithTrace<E>
where
    E: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let inner = match &self.coloured {
            Some(coloured) if writer.has_ansi_escapes() => coloured,
            _ => &self.inner,
        };
        let Some(ids) = TraceIds::for_target(event.metadata().target()) else {
            return inner.format_event(ctx, writer, event);
        };
        let mut line = String::with_capacity(256);
        inner.format_event(ctx, Writer::new(&mut line), event)?;
        match self.shape {
            Shape::Object => object::extend(&line, ids.fields(), &mut writer),
            Shape::Text => {
                let text = line.trim_end_matches(['\r', '\n']);
                let end = line.get(text.len()..).unwrap_or_default();
                write!(writer, "{text} {ids}{end}")
            }
        }
    }
}
