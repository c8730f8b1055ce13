//! Calls a service to the end of its body, on the spot.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

/// One call, from the request to the end of the body. Nothing here waits, so nothing needs waking.
pub(crate) fn call<S, B, R>(service: &mut S, request: Request<B>)
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut context) else {
        panic!("a service that is always ready is not")
    };
    // The future is gone before the body is read, as in a server.
    let response = {
        let future = pin!(service.call(request));
        match future.poll(&mut context) {
            Poll::Ready(Ok(response)) => response,
            Poll::Ready(Err(_)) => panic!("a service that can't fail has failed"),
            Poll::Pending => panic!("a service that answers at once has not"),
        }
    };
    let mut body = pin!(response.into_body());
    loop {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => drop(black_box(frame)),
            Poll::Ready(None) => break,
            Poll::Ready(Some(Err(_))) | Poll::Pending => panic!("a body that is all there is not"),
        }
    }
}
