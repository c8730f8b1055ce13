//! The way to a span of any provider.

use opentelemetry::trace::{SpanBuilder, TraceContextExt};

use super::New;
use super::parent::{Parent, unsampled_span};
use crate::conventions::description::Description;
use crate::provider;
use crate::trace::call::CallBox;
use crate::trace::clock::system_time;
use crate::trace::scope::Scope;
use crate::trace::slices::Slices;
use crate::trace::stream_end::StreamEnd;

impl New<'_> {
    /// Any provider, through the API.
    #[inline(never)]
    pub(super) fn start_by_api(&mut self, parent: &mut Parent) -> Scope {
        let mut room = CallBox::empty();
        let link = parent.link.take();
        let parent = parent.context();
        let mut attributes = Vec::with_capacity(16);
        let into = Description::KeyValues(&mut attributes);
        let (described, named) = self.describe(&parent, into, &mut room.lists().labels);
        let name = described.name;
        let options = self.options;
        let mut slices = None;
        let context = if self.is_never_sampled() {
            let span = unsampled_span(parent.span().span_context());
            parent.with_remote_span_context(span)
        } else {
            let mut builder = SpanBuilder::from_name(name.clone())
                .with_kind(self.kind.clone())
                .with_start_time(system_time(self.began.unix_nanos));
            if let Some(link) = link {
                builder = builder.with_links(vec![*link]);
            }
            if let StreamEnd::Sliced(every) = self.stream_end {
                let (parent, attributes) = (parent.clone(), attributes.clone());
                let kind = self.kind.clone();
                let next = Slices::new(options, every, parent, kind, name, attributes);
                slices = Some(Box::new(next));
            }
            let span = builder
                .with_attributes(attributes)
                .start_with_context(&options.tracer.find().tracer, &parent);
            let context = parent.with_span(span);
            provider::check(context.span().span_context(), parent.span().span_context());
            context
        };
        let span = context.span();
        let recording = span.is_recording();
        if let Some(slices) = &mut slices {
            slices.set_first(span.span_context());
        }
        if !recording && self.is_unheard() {
            room.keep();
            return self.unheard(context);
        }
        let slices = slices.filter(|_| recording);
        let open = (recording, None);
        let scope = self.enter(context, described.carried, named, open, slices, room);
        if recording {
            self.tell_users(scope)
        } else {
            scope
        }
    }
}
