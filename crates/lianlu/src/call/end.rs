//! How a call, or a slice of it, ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::trace::{Status as SpanStatus, TraceContextExt};

use super::Call;
use super::clock::system_time;
use super::content;
use super::options::Options;
use super::pool::Scratch;
use crate::describe;
use crate::describe::outcome::{Classification, Outcome};
use crate::describe::request::CallInfo;
use crate::describe::response::{CallResponse, Failure, Totals};
use crate::describe::surface::{Dialect, Protocol};
use crate::describe::template::EndStatus;
use crate::grpc::{Code, FrameCounter, Status};
use crate::metrics;
use crate::span::EndingSpan;

impl Call {
    /// Ends the running slice if its time is over. Returns the context of the next one.
    pub(super) fn next_slice(&mut self, context: &Context, now: Instant) -> Option<Context> {
        let rare = self.rare.as_ref()?;
        if !rare.slices.as_ref()?.is_due(now) {
            return None;
        }
        let is_named = rare.is_named;
        // Another task may be sending the request: bytes counted after this belong to the next
        // slice.
        let totals = self.totals();
        let response = self.response(None, totals, true);
        let span = context.span();
        let (name, attributes) = describe::slice(&self.options.settings, self.info()?, &response);
        span.set_attributes(attributes);
        let passed = now.saturating_duration_since(self.began.instant);
        let at = system_time(self.began.plus(passed));
        let slices = self.rare.as_mut()?.slices.as_mut()?;
        if let Some(name) = name.filter(|_| !is_named) {
            span.update_name(name.clone());
            slices.set_name(name);
        }
        span.end_with_timestamp(at);
        slices.counted = totals;
        Some(slices.next(span.span_context(), now, at))
    }

    /// What the description of the end needs from the start.
    fn info(&self) -> Option<&CallInfo> {
        match &self.template {
            Some(template) => Some(&template.info),
            None => self.rare.as_ref()?.info.as_ref(),
        }
    }

    /// What is known so far of the running slice, or of the whole call.
    fn response(
        &mut self,
        failure: Option<Failure>,
        totals: [Totals; 2],
        is_slice: bool,
    ) -> CallResponse {
        let mut response = CallResponse::new(self.kind.clone(), self.protocol);
        [response.requests, response.responses] = totals;
        response.http_status = self.http_status;
        response.version = self.version;
        response.peer = self.peer;
        response.failure = failure;
        let is_http = self.protocol == Protocol::Http;
        if self.is_grpc_ok && !is_slice {
            response.grpc_status = Some(Status {
                code: Code::Ok,
                message: String::new(),
            });
        }
        let mut request_size = self.requests.as_ref().map(|meter| meter.size());
        let mut response_size = Some(self.bytes);
        if let Some(rare) = &mut self.rare {
            if let Some(slices) = &rare.slices {
                let [before_requests, before_responses] = slices.counted;
                response.requests = since(response.requests, before_requests);
                response.responses = since(response.responses, before_responses);
                // A stream that ends during its first slice is not sliced.
                response.slice = (is_slice || slices.number > 0).then_some(slices.number);
            }
            if !is_slice && !self.is_grpc_ok {
                response.grpc_status = rare.grpc_status.take();
            }
            response.is_unreadable = rare.is_unreadable
                // Base64 text that cannot be decoded hides the trailers.
                || (rare.answers_text && totals[1].is_none())
                || rare.frames.as_ref().is_some_and(FrameCounter::has_compressed_trailers);
            response.late_route = rare.late_route.clone();
            request_size = request_size.or(rare.request_length);
            response_size = rare.response_length.unwrap_or(response_size);
        }
        response.is_unreadable |= is_slice;
        if is_http && !is_slice {
            response.request_size = request_size;
            response.response_size = response_size.filter(|_| self.http_status.is_some());
        }
        response
    }

    /// Ends the span, calls the hooks and records the metrics. `is_current`: the call's context is
    /// current.
    #[inline]
    pub(super) fn end(
        &mut self,
        scratch: &mut Scratch,
        context: &Context,
        failure: Option<Failure>,
        is_current: bool,
    ) {
        let duration = self.began.instant.elapsed();
        let is_done = failure.is_none()
            && self.templated_status().is_some_and(|status| {
                self.end_by_template(status, scratch, context, duration, is_current)
            });
        if !is_done {
            self.end_described(scratch, context, failure, duration, is_current);
            scratch.clear();
        }
        scratch.meter = self.requests.take().or(scratch.meter.take());
        if let Some(mut rare) = self.rare.take() {
            *rare = super::RareState::default();
            scratch.rare = Some(rare);
        }
    }

    /// The call's status, if its end can be described by the template.
    #[inline]
    fn templated_status(&self) -> Option<EndStatus> {
        let options = &self.options;
        if self.template.is_none() || !options.ends_are_alike {
            return None;
        }
        if let Some(rare) = &self.rare {
            let is_plain = rare.late_route.is_none() && rare.frames.is_none() && !rare.is_named;
            if !is_plain || rare.active.is_some() {
                return None;
            }
        }
        match self.protocol {
            Protocol::Grpc => self.is_grpc_ok.then_some(EndStatus::GrpcOk),
            Protocol::Http => {
                let status = self.http_status?;
                let is_client = self.kind == opentelemetry::trace::SpanKind::Client;
                let lowest_error = if is_client { 400 } else { 500 };
                let is_alike = status.as_u16() < lowest_error && !options.body_sizes;
                is_alike.then_some(EndStatus::Http(status, self.version?))
            }
        }
    }

    /// Returns `false` if the template has no end for this status.
    #[inline]
    fn end_by_template(
        &mut self,
        status: EndStatus,
        scratch: &mut Scratch,
        context: &Context,
        duration: Duration,
        is_current: bool,
    ) -> bool {
        let Some(template) = &self.template else {
            return false;
        };
        let Some(end) = template.end(&self.options.settings, status) else {
            return false;
        };
        if let Some(generation) = self.meters {
            // For exemplars.
            let _current = (!is_current).then(|| context.clone().attach());
            let meter = &self.options.meter;
            metrics::record(
                meter,
                generation,
                self.protocol,
                &end.labels,
                None,
                duration,
            );
        }
        // Last, so that the metrics are there for code that waits for spans.
        let span = std::mem::replace(&mut self.span, crate::span::SpanHandle::Unrecorded);
        let at = self.began.plus(duration);
        span.end(context, &mut scratch.span, at, SpanStatus::Unset, |out| {
            end.write(self.totals(), out);
            if let Some(peer) = self.peer {
                describe::contacted(template.info.style, peer, out);
            }
        });
        true
    }

    #[inline(never)]
    fn end_described(
        &mut self,
        scratch: &mut Scratch,
        context: &Context,
        failure: Option<Failure>,
        duration: Duration,
        is_current: bool,
    ) {
        let at = self.began.plus(duration);
        let totals = self.totals();
        let response = self.response(failure, totals, false);
        let options = Arc::clone(&self.options);
        let span = std::mem::replace(&mut self.span, crate::span::SpanHandle::Unrecorded);
        let Some(info) = self.info() else { return };
        let is_recording = span.is_recording();
        if !is_recording && self.meters.is_none() && !options.exceptions.are_logged() {
            describe::learn(&options.settings, info, &response);
            return span.end(context, &mut scratch.span, at, SpanStatus::Unset, |_| {});
        }
        let labels = &mut scratch.labels;
        if let Some(template) = &self.template {
            labels.clone_from(&template.labels);
        }
        let mut span = EndingSpan::new(span, context, &mut scratch.span, at);
        let classification = classify(&options, &response, duration);
        let ended = span.write(|out| {
            let settings = &options.settings;
            describe::end(settings, info, &response, &classification, out, labels)
        });
        // Hooks, logs and exemplars at the end need the call's context.
        let needs_context =
            self.meters.is_some() || options.hooks.on_end.is_some() || classification.is_error;
        let _current = (!is_current && needs_context).then(|| context.clone().attach());
        let api_span = context.span();
        if is_recording {
            let is_named = self.rare.as_ref().is_some_and(|rare| rare.is_named);
            if let Some(name) = ended.name.filter(|_| !is_named) {
                span.rename(name);
            }
            span.set_status(ended.status);
            if options.request_content > 0 || options.response_content > 0 {
                let request = self.requests.as_ref().and_then(|meter| meter.content());
                let rare = self.rare.as_ref();
                let response = rare.and_then(|rare| rare.response_content.kept());
                span.write(|out| content::write(request, response, out));
            }
            if let Some((name, attributes)) = ended.event {
                api_span.add_event(name, attributes);
            }
        }
        if classification.is_error {
            let with_events = options.settings.dialect == Dialect::OpenTelemetry;
            options.exceptions.record(&response, &api_span, with_events);
        }
        if is_recording && let Some(hook) = &options.hooks.on_end {
            let outcome = Outcome::new(&response, duration, &classification);
            hook(&outcome, &api_span);
        }
        if let Some(generation) = self.meters {
            if let Some(hook) = &options.hooks.metric_attributes {
                let more = hook(&Outcome::new(&response, duration, &classification));
                if !labels.old.is_empty() {
                    labels.old.extend(more.iter().cloned());
                }
                if !labels.current.is_empty() {
                    labels.current.extend(more);
                }
            }
            let sizes = [response.request_size, response.response_size];
            let sizes = Some(sizes).filter(|_| options.body_sizes);
            metrics::record(
                &options.meter,
                generation,
                self.protocol,
                labels,
                sizes,
                duration,
            );
            if let Some(rare) = &mut self.rare {
                rare.active = None;
            }
        }
        // Last, so that the metrics are there for code that waits for spans.
        drop(span);
    }
}

/// Classifies the call's end by the conventions and by the user's classifier.
fn classify(options: &Options, response: &CallResponse, duration: Duration) -> Classification {
    let mut classification = Classification::of(response);
    if let Some(classify) = &options.hooks.classify {
        let is_error = classify(&Outcome::new(response, duration, &classification));
        classification.set_error(is_error, response);
    }
    if classification.is_error
        && let Some(error_type) = &options.hooks.error_type
        && let Some(error_type) = error_type(&Outcome::new(response, duration, &classification))
    {
        classification.error_type = Some(error_type);
    }
    classification
}

fn since(now: Totals, before: Totals) -> Totals {
    let (messages, bytes) = now?;
    let (before_messages, before_bytes) = before.unwrap_or_default();
    Some((
        messages.saturating_sub(before_messages),
        bytes.saturating_sub(before_bytes),
    ))
}
