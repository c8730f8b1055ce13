//! What a response's head tells of its call.

use http::{StatusCode, response};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::Call;
use crate::conventions::Protocol;
use crate::conventions::headers::{self, Direction};
use crate::grpc::{CONTENT_TYPE, Status, TEXT_CONTENT_TYPE};
use crate::route::Route;
use crate::scan::begins;
use crate::trace::hooks::ResponseHead;
use crate::trace::peer::contacted;
use crate::trace::stream_end::StreamEnd;
use crate::trace_options::TraceOptions;

impl Call {
    /// Notes the response's head, and writes into it what the layer was told to. `true` if nothing of
    /// the call that its span is to see can follow it.
    pub(in crate::trace) fn on_head(
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
                // No answer of gRPC's: a client reads it as far as it notices, and drops the rest.
                let is_other = matches!(content, ContentType::Other) || !status.is_success();
                if is_other {
                    self.responses.look_away();
                } else if matches!(content, ContentType::Text) {
                    self.answers_text = true;
                    self.responses.decode_text();
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
            // What the trailers will say is not waited for, nor what the body will hold.
            self.is_unreadable |= self.grpc_status.is_none();
            self.response_size = length;
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
        let mut attributes = Vec::new();
        headers::capture(
            &self.options.settings,
            self.protocol,
            Direction::Response,
            &head.headers,
            |attribute| attributes.push(attribute),
        );
        if let Some(told) = head.extensions.get::<TraceOptions>() {
            attributes.extend(told.attributes().iter().cloned());
            if let Some(name) = told.name() {
                self.named = true;
                span.update_name(name.clone());
                if let Some(slices) = &mut self.slices {
                    slices.set_name(name);
                }
            }
        }
        if let Some(slices) = &mut self.slices {
            slices.add_attributes(&attributes);
        }
        if !attributes.is_empty() {
            span.set_attributes(attributes);
        }
        if let Some(hook) = &self.options.hooks.on_response {
            hook(&ResponseHead::new(head), &span);
        }
    }
}

/// What the body of a gRPC call's response is made of.
enum ContentType {
    Frames,
    /// The same in the base64 of gRPC-Web's text mode.
    Text,
    /// Somebody else's page.
    Other,
}

fn content(headers: &http::HeaderMap) -> ContentType {
    let value = headers.get(http::header::CONTENT_TYPE);
    if value.is_none() {
        ContentType::Frames
    } else if begins(value, TEXT_CONTENT_TYPE) {
        ContentType::Text
    } else if begins(value, CONTENT_TYPE) {
        ContentType::Frames
    } else {
        ContentType::Other
    }
}
