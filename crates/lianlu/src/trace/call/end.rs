//! How a call, or a slice of it, ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};

use super::ender::{Direct, Ender};
use super::{Call, Lists};
use crate::conventions::description::Description;
#[cfg(feature = "pipeline")]
use crate::conventions::usual::{Success, Usual};
use crate::conventions::verdict::{Outcome, Verdict};
use crate::conventions::{self, Dialect, End, Failure, Protocol, Totals, keys};
#[cfg(feature = "pipeline")]
use crate::grpc::Code;
#[cfg(feature = "pipeline")]
use crate::metrics::Measured;
use crate::trace::clock::system_time;
use crate::trace::direct::{Ending, Open, Users};
use crate::trace::options::Options;

impl Call {
    /// Ends the slice that runs if its time is over. Gives the context of the next one.
    pub(in crate::trace) fn next_slice(
        &mut self,
        context: &Context,
        now: Instant,
    ) -> Option<Context> {
        if !self.slices.as_ref()?.is_due(now) {
            return None;
        }
        // Another task may go on sending the request: what is counted from here on is the next slice's.
        let counted = self.counts();
        let end = self.facts(None, counted, true);
        let span = context.span();
        let (name, attributes) = conventions::slice(&self.options.settings, &self.carried, &end);
        if let Some(name) = name.filter(|_| !self.named) {
            span.update_name(name.clone());
            self.slices.as_mut()?.set_name(name);
        }
        span.set_attributes(attributes);
        let passed = now.saturating_duration_since(self.began.instant);
        let at = system_time(self.began.plus(passed));
        span.end_with_timestamp(at);
        let slices = self.slices.as_mut()?;
        slices.counted = counted;
        Some(slices.next(span.span_context(), now, at))
    }

    /// Messages and bytes of both directions so far.
    fn counts(&self) -> [Totals; 2] {
        if self.protocol != Protocol::Grpc {
            return [None; 2];
        }
        let requests = self
            .requests
            .as_ref()
            .and_then(|meter| meter.messages.as_ref());
        [
            requests.and_then(|meter| meter.totals()),
            self.responses.totals(),
        ]
    }

    /// What is known now, of the slice that runs or of the whole call.
    fn facts(&mut self, failure: Option<Failure>, counted: [Totals; 2], goes_on: bool) -> End {
        let [mut requests, mut responses] = counted;
        let mut slice = None;
        if let Some(slices) = &self.slices {
            let [before_requests, before_responses] = slices.counted;
            requests = since(requests, before_requests);
            responses = since(responses, before_responses);
            // A stream that ends before its first slice does was never sliced.
            slice = (goes_on || slices.number > 0).then_some(slices.number);
        }
        let is_http = self.protocol == Protocol::Http;
        let counted = self.requests.as_ref().map(|meter| meter.size());
        End {
            kind: self.kind.clone(),
            protocol: self.protocol,
            http_status: self.http_status,
            version: self.version,
            peer: self.peer,
            // A text that was none hides the trailers.
            is_unreadable: self.is_unreadable
                || goes_on
                || (self.answers_text && self.responses.totals().is_none()),
            grpc_status: if goes_on {
                None
            } else {
                self.grpc_status.take()
            },
            failure,
            requests,
            responses,
            request_size: counted
                .or(self.request_length)
                .filter(|_| is_http && !goes_on),
            response_size: self
                .response_size
                .filter(|_| is_http && self.http_status.is_some() && !goes_on),
            late_route: self.late_route.clone(),
            slice,
        }
    }

    /// Says how the call went: to its span, to the hooks, to the metrics.
    pub(super) fn end(
        &mut self,
        lists: &mut Lists,
        context: &Context,
        failure: Option<Failure>,
        is_current: bool,
    ) {
        let duration = self.began.instant.elapsed();
        let at = self.began.plus(duration);
        #[cfg(feature = "pipeline")]
        if failure.is_none()
            && let Some(success) = self.went_well()
        {
            let end = WentWell {
                at,
                duration,
                success,
                counted: self.counts(),
                open: self.open.take(),
                measured: self.measured.take(),
            };
            return end.say(&self.options, lists, context, is_current);
        }
        let counted = self.counts();
        let end = self.facts(failure, counted, false);
        let options = Arc::clone(&self.options);
        let direct = direct(self.open.take(), &mut lists.ending, &mut lists.users);
        if !self.recording && self.measured.is_none() && !options.exceptions.are_logged() {
            conventions::learn(&options.settings, &self.carried, &end);
            context.span().end_with_timestamp(system_time(at));
            return;
        }
        let mut ender = Ender::new(context.span(), at, direct);
        let verdict = verdict(&options, &end, duration);
        let mut list = Vec::new();
        let mut attributes = if self.recording {
            ender.description(options.hooks.on_end.is_some(), &mut list)
        } else {
            Description::Nothing
        };
        let ended = conventions::end(
            &options.settings,
            &self.carried,
            &end,
            &verdict,
            &mut attributes,
            &mut lists.labels,
        );
        // The hooks, the logs and the exemplars of the end belong to the call.
        let is_heard = !is_current
            && (self.measured.is_some() || options.hooks.on_end.is_some() || verdict.is_error);
        let _current = is_heard.then(|| context.clone().attach());
        if self.recording {
            if let Some(name) = ended.name.filter(|_| !self.named) {
                ender.rename(name);
            }
            if !list.is_empty() {
                ender.span.set_attributes(list);
            }
            ender.set_repeats(ended.repeats);
            ender.set_status(ended.status);
            if options.request_content > 0 || options.response_content > 0 {
                ender.span.set_attributes(self.contents());
            }
            if let Some((name, attributes)) = ended.event {
                ender.span.add_event(name, attributes);
            }
        }
        if verdict.is_error {
            let with_events = options.settings.dialect == Dialect::OpenTelemetry;
            options.exceptions.record(&end, &ender.span, with_events);
        }
        if self.recording
            && let Some(hook) = &options.hooks.on_end
        {
            hook(&Outcome::new(&end, duration, &verdict), &ender.span);
        }
        if let Some(mut measured) = self.measured.take() {
            let labels = &mut lists.labels;
            if let Some(hook) = &options.hooks.metric_attributes {
                let more = hook(&Outcome::new(&end, duration, &verdict));
                if !labels.old.is_empty() {
                    labels.old.extend(more.iter().cloned());
                }
                if !labels.current.is_empty() {
                    labels.current.extend(more);
                }
            }
            let sizes = [end.request_size, end.response_size];
            measured.record(&options.meter, labels, sizes, duration);
            measured.is_over();
        }
        // Last: who waits for spans finds the metrics there too.
        ender.finish();
    }

    /// What there is to say of a call without a failure, if it is no more than that it went well.
    #[cfg(feature = "pipeline")]
    #[inline]
    fn went_well(&self) -> Option<&'static Success> {
        let options = &self.options;
        let is_all = self.slices.is_none()
            // Whom a client has reached is its span's own.
            && self.peer.is_none()
            && options.hooks.are_silent_at_the_end()
            && options.request_content == 0
            && options.response_content == 0;
        match self.carried.usual.filter(|_| is_all)? {
            Usual::Method(method) => {
                let is_ok = matches!(&self.grpc_status, Some(status) if status.code == Code::Ok);
                is_ok.then(|| method.success())
            }
            Usual::Route(_) if options.body_sizes => None,
            Usual::Route(route) => route.success(self.http_status?),
        }
    }

    /// What was kept of the bodies.
    fn contents(&self) -> Vec<KeyValue> {
        let request = self.requests.as_ref().and_then(|meter| meter.content());
        let response = self.response_content.text();
        [
            (keys::HTTP_REQUEST_BODY_CONTENT, request),
            (keys::HTTP_RESPONSE_BODY_CONTENT, response),
        ]
        .into_iter()
        .filter_map(|(key, text)| Some(KeyValue::new(key, text?)))
        .collect()
    }
}

/// The end of a call that went well: nothing but its counts is its own.
#[cfg(feature = "pipeline")]
pub(super) struct WentWell {
    pub(super) at: u64,
    pub(super) duration: Duration,
    pub(super) success: &'static Success,
    pub(super) counted: [Totals; 2],
    pub(super) open: Option<Open>,
    pub(super) measured: Option<Measured>,
}

#[cfg(feature = "pipeline")]
impl WentWell {
    #[inline]
    pub(super) fn say(
        self,
        options: &Options,
        lists: &mut Lists,
        context: &Context,
        is_current: bool,
    ) {
        let direct = direct(self.open, &mut lists.ending, &mut lists.users);
        let mut ender = Ender::new(context.span(), self.at, direct);
        ender.went_well(self.success, self.counted);
        if let Some(measured) = self.measured {
            let _current = (!is_current).then(|| context.clone().attach());
            let labels = &self.success.labels;
            measured.record(&options.meter, labels, [None; 2], self.duration);
        }
        ender.finish();
    }
}

/// What goes the short way, of a call that does.
#[inline]
fn direct<'a>(
    open: Option<Open>,
    ending: &'a mut Option<Ending>,
    users: &'a mut Option<Arc<Users>>,
) -> Option<Direct<'a>> {
    Some(Direct {
        open: open?,
        ending: ending.as_mut()?,
        users,
    })
}

/// What the call's end means, by the conventions and by what the user thinks of it.
fn verdict(options: &Options, end: &End, duration: Duration) -> Verdict {
    let mut verdict = Verdict::of(end);
    if let Some(classify) = &options.hooks.classify {
        let is_error = classify(&Outcome::new(end, duration, &verdict));
        verdict.set_error(is_error, end);
    }
    if verdict.is_error
        && let Some(error_type) = &options.hooks.error_type
        && let Some(told) = error_type(&Outcome::new(end, duration, &verdict))
    {
        verdict.error_type = Some(told);
    }
    verdict
}

fn since(now: Totals, before: Totals) -> Totals {
    let (messages, bytes) = now?;
    let (before_messages, before_bytes) = before.unwrap_or_default();
    Some((
        messages.saturating_sub(before_messages),
        bytes.saturating_sub(before_bytes),
    ))
}
