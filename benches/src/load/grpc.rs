//! Unary calls straight over h2, on a few connections: tonic's client would take more of a processor
//! than the server that it calls.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, Version, header};

use super::Call;
use crate::calls::requests::traceparent;

/// `HelloRequest { name: "world" }` behind gRPC's prefix.
const MESSAGE: &[u8] = b"\0\0\0\0\x07\x0a\x05world";

#[derive(Clone)]
pub(super) struct Client {
    connections: Rc<[SendRequest<Bytes>]>,
    turn: Rc<Cell<usize>>,
    uri: http::Uri,
    flags: &'static str,
}

impl Client {
    pub(super) async fn connect(target: &str, connections: usize, unsampled: bool) -> Self {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let stream = tokio::net::TcpStream::connect(target).await;
            let stream = stream.expect("the server listens");
            stream.set_nodelay(true).expect("TCP has this option");
            let (client, connection) = h2::client::Builder::new()
                .initial_window_size(1 << 20)
                .initial_connection_window_size(1 << 24)
                .handshake(stream)
                .await
                .expect("the server speaks HTTP/2");
            tokio::task::spawn_local(connection);
            clients.push(client);
        }
        Self {
            connections: clients.into(),
            turn: Rc::default(),
            uri: format!("http://{target}/helloworld.Greeter/SayHello")
                .parse()
                .expect("a host and a port make a URL"),
            flags: if unsampled { "00" } else { "01" },
        }
    }

    fn request(&self, number: u64) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(
            header::USER_AGENT,
            HeaderValue::from_static("grpc-go/1.76.0"),
        );
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
        let turn = self.turn.get();
        self.turn.set((turn + 1) % self.connections.len());
        let client = self.connections[turn].clone();
        let mut client = client.ready().await.expect("the connection stands");
        let (response, mut stream) = client
            .send_request(self.request(number), false)
            .expect("the connection takes a request");
        stream
            .send_data(Bytes::from_static(MESSAGE), true)
            .expect("the stream takes a message");
        let response = response.await.expect("the server answers");
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            let length = data.expect("the answer comes whole").len();
            let flow = body.flow_control();
            flow.release_capacity(length).expect("no more than came");
        }
        let trailers = body.trailers().await.expect("the answer comes whole");
        let status = trailers.as_ref().and_then(|them| them.get("grpc-status"));
        assert_eq!(status.map(HeaderValue::as_bytes), Some(&b"0"[..]));
    }
}
