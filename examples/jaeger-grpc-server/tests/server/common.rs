//! The server under test, and a collector that keeps its requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Makes a hang a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_jaeger-grpc-server"))
            .args(["--addr", "127.0.0.1:0"])
            .args(args)
            .env_remove("OTEL_RESOURCE_ATTRIBUTES")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { child, address }
    }

    /// Sends a signal, `TERM` or `INT`, and waits for the end.
    pub fn stop(mut self, signal: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(killed.unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Receives batches over HTTP.
pub struct Collector {
    pub url: String,
    batches: Receiver<Post>,
}

/// A request's head, in lower case, and its body.
pub struct Post {
    pub head: String,
    pub body: Vec<u8>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/traces", listener.local_addr().unwrap());
        let (sender, batches) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || while answer(&stream, &sender).is_some() {});
            }
        });
        Self { url, batches }
    }

    pub fn next(&self) -> Post {
        self.batches.recv_timeout(PATIENCE).unwrap()
    }

    pub fn is_empty(&self) -> bool {
        self.batches.try_recv().is_err()
    }
}

/// Reads and answers one request. `None` at the end of the connection.
fn answer(mut stream: &TcpStream, posts: &Sender<Post>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    posts.send(Post { head, body }).ok()?;
    stream
        .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        .ok()
}
