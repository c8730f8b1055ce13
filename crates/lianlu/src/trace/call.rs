//! A traced call under way: takes note of how it goes, and says it when it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use http::{StatusCode, Version, response};
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue, StringValue};

use super::content::Content;
use super::hooks::ResponseHead;
use super::message_events::MessageEvents;
use super::options::Options;
use super::peer::contacted;
use super::request_body::{RequestMeter, Wanted};
use super::slices::Slices;
use super::stream_end::StreamEnd;
use crate::conventions::headers::{self, Direction};
use crate::conventions::opt_in::OptIn;
use crate::conventions::verdict::{Outcome, Verdict};
use crate::conventions::{self, Carried, Dialect, End, Failure, Protocol, Totals, keys};
use crate::grpc::{
    CONTENT_TYPE, FrameCounter, Status, content_type_begins, is_text, parse_timeout,
};
use crate::metrics::Measured;
use crate::request::RequestHead;
use crate::route::Route;
use crate::trace_options::TraceOptions;

/// When a call began, by two clocks: the one that everybody has, and the one that never steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) at: SystemTime,
    instant: Instant,
}

impl Began {
    pub(super) fn now() -> Self {
        Self {
            at: opentelemetry::time::now(),
            instant: Instant::now(),
        }
    }

    /// A later time by the first clock, as the second one has counted.
    fn plus(&self, duration: Duration) -> SystemTime {
        self.at.checked_add(duration).unwrap_or(self.at)
    }
}

#[derive(Debug)]
pub(super) struct Call {
    options: Arc<Options>,
    kind: SpanKind,
    protocol: Protocol,
    began: Began,
    recording: bool,
    carried: Carried,
    measured: Option<Measured>,
    /// Whether the request's method leaves a response without a body, whatever its headers say:
    /// `HEAD` any, `CONNECT` a successful one.
    is_head: bool,
    is_connect: bool,
    /// Whether the request's messages are in base64, and the response's.
    is_text: bool,
    answers_text: bool,
    deadline: Option<Instant>,
    stream_end: StreamEnd,
    slices: Option<Box<Slices>>,
    http_status: Option<StatusCode>,
    version: Option<Version>,
    /// Whom a client has reached.
    peer: Option<SocketAddr>,
    is_unreadable: bool,
    grpc_status: Option<Status>,
    late_route: Option<StringValue>,
    requests: Option<Arc<RequestMeter>>,
    /// The length of a request's body that could not be counted, as its head tells it.
    request_length: Option<u64>,
    responses: FrameCounter,
    response_events: MessageEvents,
    /// Bytes of the response's body, of an HTTP call.
    response_size: u64,
    response_content: Content,
}

/// What a call is made of.
#[derive(Debug)]
pub(super) struct NewCall<'a> {
    pub(super) options: Arc<Options>,
    pub(super) kind: SpanKind,
    pub(super) protocol: Protocol,
    pub(super) head: RequestHead<'a>,
    pub(super) began: Began,
    pub(super) recording: bool,
    pub(super) carried: Carried,
    pub(super) measured: Option<Measured>,
    pub(super) stream_end: StreamEnd,
    pub(super) slices: Option<Box<Slices>>,
}

impl Call {
    pub(super) fn new(new: NewCall<'_>) -> Self {
        let head = &new.head;
        let timeout = match new.protocol {
            Protocol::Grpc => head.header("grpc-timeout").and_then(parse_timeout),
            Protocol::Http => None,
        };
        let is_client = new.kind == SpanKind::Client;
        let mut responses = FrameCounter::default();
        if new.recording {
            responses.keep_lengths(new.options.message_events);
        }
        let response_content = if new.recording {
            new.options.response_content
        } else {
            0
        };
        Self {
            deadline: timeout.and_then(|timeout| deadline(new.began.instant, timeout)),
            is_head: head.method() == http::Method::HEAD,
            is_connect: head.method() == http::Method::CONNECT,
            is_text: is_text(head.headers()),
            answers_text: false,
            request_length: length(head.headers()),
            response_content: Content::new(response_content),
            options: new.options,
            kind: new.kind,
            protocol: new.protocol,
            began: new.began,
            recording: new.recording,
            carried: new.carried,
            measured: new.measured,
            stream_end: new.stream_end,
            slices: new.slices,
            http_status: None,
            version: None,
            peer: None,
            is_unreadable: false,
            grpc_status: None,
            late_route: None,
            requests: None,
            responses,
            response_events: MessageEvents::new(!is_client),
            response_size: 0,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What is to be counted of the request's body.
    pub(super) fn wanted_of_request(&self) -> Wanted {
        let options = &self.options;
        let is_http = self.protocol == Protocol::Http;
        Wanted {
            messages: !is_http,
            is_text: self.is_text,
            size: is_http
                && (options.body_sizes || options.settings.opt_ins.contains(OptIn::BodySize)),
            events: if self.recording {
                options.message_events
            } else {
                0
            },
            sent: self.kind == SpanKind::Client,
            content: if is_http && self.recording {
                options.request_content
            } else {
                0
            },
        }
    }

    pub(super) fn set_request_meter(&mut self, meter: Option<Arc<RequestMeter>>) {
        self.requests = meter;
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn set_request_length(&mut self, length: Option<u64>) {
        self.request_length = length;
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
    }

    /// Whether the call's time is over.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Notes the response's head, and writes into it what the layer was told to. `true` if nothing of
    /// the call that its span is to see can follow it.
    pub(super) fn on_head(
        &mut self,
        context: &Context,
        head: &mut response::Parts,
        length: Option<u64>,
        body_ended: bool,
    ) -> bool {
        let status = head.status;
        self.http_status = Some(status);
        self.version = Some(head.version);
        if self.kind == SpanKind::Server {
            let span = context.span();
            let headers = &mut head.headers;
            self.options
                .response_headers
                .write(span.span_context(), headers);
            let route = head.extensions.get::<Route>();
            self.late_route = route.map(|route| route.0.clone().into());
        } else if self.peer.is_none() {
            self.peer = contacted(&head.extensions);
        }
        self.describe_response(context, head);
        let ends_here = match self.protocol {
            Protocol::Grpc => {
                // Final only in a response without a body; otherwise the trailers have the last word.
                self.grpc_status = Status::from_headers(&head.headers);
                let content = content(&head.headers);
                self.answers_text = matches!(content, ContentType::Base64);
                if self.answers_text {
                    self.responses.decode_base64();
                }
                // No answer of gRPC's: a client reads it as far as it notices, and drops the rest.
                let is_other = matches!(content, ContentType::Other) || !status.is_success();
                if is_other {
                    self.responses.look_away();
                }
                body_ended || is_other
            }
            Protocol::Http => {
                body_ended
                    // A connection does not ask a body of no bytes whether it has ended.
                    || length == Some(0)
                    || self.is_head
                    || (self.is_connect && status.is_success())
                    || status.is_informational()
                    || status == StatusCode::NO_CONTENT
                    || status == StatusCode::NOT_MODIFIED
            }
        };
        if !ends_here && self.stream_end == StreamEnd::Headers {
            // What the trailers will say is not waited for.
            self.is_unreadable |= self.grpc_status.is_none();
            return true;
        }
        ends_here
    }

    /// What the response's head and its handler add to the span.
    fn describe_response(&mut self, context: &Context, head: &response::Parts) {
        if !self.recording {
            return;
        }
        let span = context.span();
        headers::capture(
            &self.options.settings,
            self.protocol,
            Direction::Response,
            &head.headers,
            |attribute| span.set_attribute(attribute),
        );
        if let Some(told) = head.extensions.get::<TraceOptions>() {
            span.set_attributes(told.attributes().iter().cloned());
            if let Some(name) = told.name() {
                span.update_name(name.clone());
                if let Some(slices) = &mut self.slices {
                    slices.set_name(name);
                }
            }
        }
        if let Some(hook) = &self.options.hooks.on_response {
            hook(&ResponseHead::new(head), &span);
        }
    }

    pub(super) fn on_data(&mut self, context: &Context, data: &impl bytes::Buf) {
        match self.protocol {
            Protocol::Http => {
                self.response_size += data.remaining() as u64;
                self.response_content.feed(data);
            }
            // Also where no span records: the trailers of gRPC-Web have the status for the metrics.
            Protocol::Grpc => {
                self.responses.feed(data);
                let lengths = self.responses.take_lengths();
                self.response_events.record(&context.span(), &lengths);
                if let Some(trailers) = self.responses.web_trailers() {
                    self.on_trailers(&trailers);
                }
            }
        }
    }

    pub(super) fn on_trailers(&mut self, trailers: &http::HeaderMap) {
        if let Some(status) = Status::from_headers(trailers) {
            self.grpc_status = Some(status);
        }
    }

    /// Whether the trailers or the head have told a gRPC status.
    pub(super) fn has_grpc_status(&self) -> bool {
        self.grpc_status.is_some()
    }

    /// Has the stream's task polled when its slice is over, if it is sliced.
    pub(super) fn wake_for_slice(&mut self, waker: &Waker) {
        if let Some(slices) = &mut self.slices {
            slices.wake(waker);
        }
    }

    /// Ends the slice that runs if its time is over. Gives the context of the next one.
    pub(super) fn next_slice(&mut self, context: &Context, now: Instant) -> Option<Context> {
        if !self.slices.as_ref()?.is_due(now) {
            return None;
        }
        let end = self.facts(None, true);
        let span = context.span();
        let (name, attributes) = conventions::slice(&self.carried, &end);
        if let Some(name) = name {
            span.update_name(name.clone());
            self.slices.as_mut()?.set_name(name);
        }
        span.set_attributes(attributes);
        let at = self
            .began
            .plus(now.saturating_duration_since(self.began.instant));
        span.end_with_timestamp(at);
        let counted = self.counts();
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
    fn facts(&mut self, failure: Option<Failure>, goes_on: bool) -> End {
        let [mut requests, mut responses] = self.counts();
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
            // Of base64 that is none nothing can be known.
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
            response_size: (is_http && self.http_status.is_some() && !goes_on)
                .then_some(self.response_size),
            late_route: self.late_route.clone(),
            slice,
        }
    }

    /// Says how the call went: to its span, to the hooks, to the metrics.
    pub(super) fn end(mut self, context: &Context, failure: Option<Failure>) {
        let duration = self.began.instant.elapsed();
        let end = self.facts(failure, false);
        let options = Arc::clone(&self.options);
        let mut verdict = Verdict::of(&end);
        if let Some(classify) = &options.hooks.classify {
            let is_error = classify(&Outcome::new(&end, duration, &verdict));
            verdict.set_error(is_error, &end);
        }
        if verdict.is_error
            && let Some(error_type) = &options.hooks.error_type
            && let Some(told) = error_type(&Outcome::new(&end, duration, &verdict))
        {
            verdict.error_type = Some(told);
        }
        let ended = conventions::end(&options.settings, &mut self.carried, &end, &verdict);
        let span = context.span();
        // The logs and the exemplars of the end belong to the call.
        let _current = context.clone().attach();
        if self.recording {
            if let Some(name) = ended.name {
                span.update_name(name);
            }
            span.set_attributes(ended.attributes);
            span.set_attributes(self.contents());
            if let Some((name, attributes)) = ended.event {
                span.add_event(name, attributes);
            }
        }
        if verdict.is_error {
            let with_events = options.settings.dialect == Dialect::OpenTelemetry;
            options.exceptions.record(&end, &span, with_events);
        }
        if self.recording {
            if let Some(hook) = &options.hooks.on_end {
                hook(&Outcome::new(&end, duration, &verdict), &span);
            }
            span.set_status(ended.status);
        }
        if let Some(measured) = self.measured.take() {
            let labels = &mut self.carried.labels;
            if let Some(hook) = &options.hooks.metric_attributes {
                let more = hook(&Outcome::new(&end, duration, &verdict));
                if !labels.old.is_empty() {
                    labels.old.extend(more.iter().cloned());
                }
                if !labels.current.is_empty() {
                    labels.current.extend(more);
                }
            }
            measured.record(labels, &end, duration);
        }
        // Last: who waits for spans finds the metrics there too.
        span.end_with_timestamp(self.began.plus(duration));
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

fn since(now: Totals, before: Totals) -> Totals {
    let (messages, bytes) = now?;
    let (before_messages, before_bytes) = before.unwrap_or_default();
    Some((
        messages.saturating_sub(before_messages),
        bytes.saturating_sub(before_bytes),
    ))
}

/// What the body of a gRPC call's response is made of.
enum ContentType {
    Frames,
    /// gRPC-Web's text mode.
    Base64,
    /// Somebody else's page.
    Other,
}

fn content(headers: &http::HeaderMap) -> ContentType {
    if is_text(headers) {
        ContentType::Base64
    } else if content_type_begins(headers, CONTENT_TYPE)
        || !headers.contains_key(http::header::CONTENT_TYPE)
    {
        ContentType::Frames
    } else {
        ContentType::Other
    }
}

/// The content length that a head tells.
pub(super) fn length(headers: &http::HeaderMap) -> Option<u64> {
    headers
        .get(http::header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// When a call with this time-out is taken to be over time.
///
/// The client's clock started earlier than a server's, so its reset comes a little before the server's
/// own deadline: a twentieth of the time-out, and 20 ms at most, count as over.
fn deadline(from: Instant, timeout: Duration) -> Option<Instant> {
    let early = (timeout / 20).min(Duration::from_millis(20));
    from.checked_add(timeout.checked_sub(early)?)
}
