//! OpenTelemetry's global propagator, looked up for each call.

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, global};

/// Delegates to [`opentelemetry::global::get_text_map_propagator`].
#[derive(Debug)]
pub(crate) struct GlobalPropagator {
    /// The fields of the propagator that was global at construction; the trait returns them by
    /// reference.
    fields: Vec<String>,
}

impl GlobalPropagator {
    pub(crate) fn new() -> Self {
        let fields =
            |propagator: &dyn TextMapPropagator| propagator.fields().map(str::to_owned).collect();
        Self {
            fields: global::get_text_map_propagator(fields),
        }
    }
}

impl TextMapPropagator for GlobalPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        global::get_text_map_propagator(|propagator| propagator.inject_context(cx, injector));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        global::get_text_map_propagator(|propagator| propagator.extract_with_context(cx, extractor))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}
