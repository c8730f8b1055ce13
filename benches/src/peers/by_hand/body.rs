//! A body that ends the span when it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context as TraceContext, KeyValue};

pin_project_lite::pin_project! {
    pub(crate) struct ByHandBody<B> {
        #[pin]
        inner: B,
        context: Option<TraceContext>,
        is_grpc: bool,
        bytes: i64,
    }
}

impl<B> ByHandBody<B> {
    pub(super) fn new(inner: B, context: Option<TraceContext>, is_grpc: bool) -> Self {
        Self {
            inner,
            context,
            is_grpc,
            bytes: 0,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ByHandBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let current = this.context.clone().map(TraceContext::attach);
        let frame = ready!(this.inner.poll_frame(cx));
        drop(current);
        let is_last = match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                *this.bytes += i64::try_from(bytes).unwrap_or(i64::MAX);
                frame.is_trailers()
            }
            Some(Err(_)) | None => true,
        };
        if is_last && let Some(context) = this.context.take() {
            let span = context.span();
            if *this.is_grpc {
                span.set_attribute(KeyValue::new("rpc.response.status_code", "OK"));
                span.set_attribute(KeyValue::new("lianlu.rpc.response.messages", 1));
                span.set_attribute(KeyValue::new("lianlu.rpc.response.bytes", *this.bytes));
            }
            span.end();
        }
        Poll::Ready(frame)
    }

    // Never true while the span is open: axum's server would not ask for the end.
    fn is_end_stream(&self) -> bool {
        self.context.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
