//! A server with one peer's layer, in a process of its own.
//!
//! Prints its address, serves until standard input ends, then flushes and goes.

mod grpc;
mod http;

use std::io::Read;

use crate::in_process::Transport;
use crate::peers::{self, Destination, Peer, Protocol};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    peer: Peer,
    #[arg(long)]
    transport: Transport,
    /// The sink's URL. Without it spans are dropped where they would be sent.
    #[arg(long)]
    endpoint: Option<String>,
    /// Threads of tokio that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

pub(crate) fn run(arguments: &Arguments) {
    let destination = match &arguments.endpoint {
        Some(endpoint) => Destination::Otlp(Protocol::Grpc, endpoint.clone()),
        None => Destination::Nowhere,
    };
    let (pipeline, _) = peers::install(arguments.peer.kind(), &destination, true);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads)
        .enable_all()
        .build()
        .expect("there is a thread");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("there is a port");
    let address = listener.local_addr().expect("a listener has an address");
    match arguments.transport {
        Transport::Grpc => runtime.spawn(grpc::serve(listener, arguments.peer)),
        Transport::Http => runtime.spawn(http::serve(listener, arguments.peer)),
    };
    println!("{address}");
    let mut rest = Vec::new();
    std::io::stdin()
        .read_to_end(&mut rest)
        .expect("standard input ends");
    // Calls under way end with the runtime, and their spans with them.
    runtime.shutdown_background();
    pipeline.shutdown();
}
