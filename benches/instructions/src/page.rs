//! A service that answers at once with a short page.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

const TEXT: &[u8] = b"{\"id\":7}";

/// Answers each HTTP call with one piece of JSON.
#[derive(Clone, Copy)]
pub(crate) struct Page;

impl<B> Service<Request<B>> for Page {
    type Response = Response<Text>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Text>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Text { is_sent: false });
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        ready(Ok(response))
    }
}

#[derive(Debug)]
pub(crate) struct Text {
    is_sent: bool,
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let was_sent = std::mem::replace(&mut self.is_sent, true);
        Poll::Ready((!was_sent).then(|| Ok(Frame::data(Bytes::from_static(TEXT)))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_sent
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.is_sent { 0 } else { TEXT.len() as u64 })
    }
}
