//! OpenTelemetry's global propagator, looked up for each call.

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, global};

/// Sets OpenTelemetry's global propagator to the default one, unless there is one already. Without
/// one, libraries that use it would lose the trace.
#[cfg(feature = "pipeline")]
pub(crate) fn set_global_propagator() {
    // The initial one does nothing, and has no fields.
    let is_set = global::get_text_map_propagator(|propagator| propagator.fields().next().is_some());
    if !is_set {
        global::set_text_map_propagator(super::default_propagator());
    }
}

/// OpenTelemetry's global propagator, looked up at each call.
///
/// ```
/// use lianlu::propagation::GlobalPropagator;
///
/// let layer = lianlu::server().with_propagator(GlobalPropagator::new());
/// # let _ = layer;
/// ```
#[derive(Debug)]
pub struct GlobalPropagator {
    /// The fields of the propagator that was global at construction; the trait returns them by
    /// reference.
    fields: Vec<String>,
}

impl Default for GlobalPropagator {
    fn default() -> Self {
        Self::new()
    }
}

impl GlobalPropagator {
    /// Delegates to [`opentelemetry::global::get_text_map_propagator`].
    #[must_use]
    pub fn new() -> Self {
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
