//! `https` with a custom certificate authority.
//!
//! The collector's certificate for `localhost` is signed by `ca.pem`, whose key was discarded.

use lianlu_sdk::otlp::{Exporter, Protocol};
use tonic::transport::{Identity, ServerTlsConfig};

use crate::common::attempt;
use crate::common::grpc::{Collector, accepted};

const AUTHORITY: &str = include_str!("ca.pem");

fn collector() -> Collector {
    let identity = Identity::from_pem(include_str!("server.pem"), include_str!("server.key"));
    Collector::start_tls(ServerTlsConfig::new().identity(identity), accepted)
}

/// The error of exporting one span; empty on success.
fn problem(protocol: Protocol, collector: &Collector, authority: Option<&str>) -> String {
    let url = format!("https://localhost:{}", collector.address.port());
    let mut builder = Exporter::builder(protocol).with_endpoint(url);
    if let Some(pem) = authority {
        builder = builder.with_root_certificates(pem);
    }
    let exporter = match builder.build() {
        Ok(exporter) => exporter,
        // A system without certificates.
        Err(error) => return error.to_string(),
    };
    match attempt(exporter) {
        Ok(()) => String::new(),
        Err(failure) => failure.reason,
    }
}

#[test]
fn only_the_given_authority_is_trusted() {
    let collector = collector();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let trusted = problem(protocol, &collector, Some(AUTHORITY));
        // The collector serves nothing over HTTP/1.1.
        let is_there = trusted.is_empty() || trusted.contains("answered in gRPC");
        assert!(is_there, "{protocol}: {trusted}");
        let unknown = problem(protocol, &collector, None);
        assert!(unknown.contains("ertificate"), "{protocol}: {unknown}");
        // A certificate, but not the authority's.
        let other = problem(protocol, &collector, Some(include_str!("server.pem")));
        assert_ne!(other, "", "{protocol}");
    }
    assert_eq!(collector.requests.try_iter().count(), 1);
}

#[test]
fn no_certificate_is_an_error() {
    for pem in ["", "nonsense", include_str!("server.key")] {
        let builder = Exporter::builder(Protocol::Grpc).with_root_certificates(pem);
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with("with_root_certificates: "), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
