//! GET over HTTP/1.1 with hyper, a connection for each call in flight.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;

use super::Call;
use crate::calls::requests::traceparent;

type Connection = SendRequest<Empty<Bytes>>;

#[derive(Clone)]
pub(super) struct Client {
    idle: Rc<RefCell<Vec<Connection>>>,
    /// One for each idle connection.
    permits: Arc<Semaphore>,
    host: HeaderValue,
    flags: &'static str,
}

impl Client {
    pub(super) async fn connect(target: &str, connections: usize, unsampled: bool) -> Self {
        let mut idle = Vec::new();
        for _ in 0..connections {
            let stream = tokio::net::TcpStream::connect(target).await;
            let stream = stream.expect("the server listens");
            stream.set_nodelay(true).expect("TCP has this option");
            let (client, connection) = handshake(TokioIo::new(stream))
                .await
                .expect("the server speaks HTTP");
            tokio::task::spawn_local(connection);
            idle.push(client);
        }
        Self {
            idle: Rc::new(RefCell::new(idle)),
            permits: Arc::new(Semaphore::new(connections)),
            host: HeaderValue::from_str(target).expect("a host and a port are a header value"),
            flags: if unsampled { "00" } else { "01" },
        }
    }

    fn request(&self, number: u64) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = http::Uri::from_static("/orders/7?full=1");
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::USER_AGENT, HeaderValue::from_static("curl/8.15.0"));
        let parent = traceparent(number, self.flags);
        headers.insert(
            "traceparent",
            HeaderValue::try_from(parent).expect("hex is a header value"),
        );
        request
    }
}

impl Call for Client {
    async fn call(&self, number: u64) {
        let _permit = self.permits.acquire().await.expect("it is never closed");
        let connection = self.idle.borrow_mut().pop();
        let mut connection = connection.expect("there are as many permits as connections");
        connection.ready().await.expect("the connection stands");
        let response = connection.send_request(self.request(number)).await;
        let response = response.expect("the server answers");
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.expect("the answer comes whole");
        }
        self.idle.borrow_mut().push(connection);
    }
}
