//! A collector that requests a client certificate.
//!
//! `client.pem` is signed by `client-ca.pem`, whose key was discarded.

use lianlu_sdk::otlp::{Builder, Exporter, Protocol};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::common::grpc::{Collector, accepted};
use crate::common::{attempt, is_lost, is_retryable};

const AUTHORITY: &str = include_str!("ca.pem");
const SERVER: &str = include_str!("server.pem");
const SERVER_KEY: &str = include_str!("server.key");
const CLIENT_AUTHORITY: &str = include_str!("client-ca.pem");
const CLIENT: &str = include_str!("client.pem");
const CLIENT_KEY: &str = include_str!("client.key");

fn collector() -> Collector {
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(SERVER, SERVER_KEY))
        .client_ca_root(Certificate::from_pem(CLIENT_AUTHORITY));
    Collector::start_tls(tls, accepted)
}

fn builder(protocol: Protocol, collector: &Collector) -> Builder {
    let url = format!("https://localhost:{}", collector.address.port());
    let builder = Exporter::builder(protocol).with_endpoint(url);
    builder.with_root_certificates(AUTHORITY)
}

#[test]
fn a_known_client_is_accepted() {
    let collector = collector();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let builder = builder(protocol, &collector).with_client_certificate(CLIENT, CLIENT_KEY);
        let result = attempt(builder.build().unwrap());
        match protocol {
            Protocol::Grpc => result.unwrap(),
            _ => is_lost(result, "answered in gRPC"),
        }
    }
    // The collector serves nothing over HTTP/1.1.
    assert_eq!(collector.requests.try_iter().count(), 1);
}

#[test]
fn unknown_clients_are_rejected() {
    let collector = collector();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let anonymous = builder(protocol, &collector);
        is_retryable(attempt(anonymous.build().unwrap()), "https://localhost:");
        let other = builder(protocol, &collector).with_client_certificate(SERVER, SERVER_KEY);
        is_retryable(attempt(other.build().unwrap()), "https://localhost:");
    }
    assert_eq!(collector.requests.try_iter().count(), 0);
}

#[test]
fn invalid_certificates_are_errors() {
    for (certificate, key, problem) in [
        ("", CLIENT_KEY, "no certificate in PEM"),
        (CLIENT_KEY, CLIENT_KEY, "no certificate in PEM"),
        (CLIENT, "", "no private key in PEM"),
        (CLIENT, CLIENT, "no private key in PEM"),
        (CLIENT, SERVER_KEY, "not the certificate's key"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            CLIENT_KEY,
            "not a certificate",
        ),
    ] {
        let builder = Exporter::builder(Protocol::HttpProtobuf);
        let builder = builder.with_client_certificate(certificate, key);
        let error = builder.build().unwrap_err().to_string();
        let wanted = format!("with_client_certificate: {problem}");
        assert!(error.starts_with(&wanted), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}

#[test]
fn debug_does_not_contain_the_key() {
    let builder = Exporter::builder(Protocol::HttpProtobuf);
    let builder = builder.with_client_certificate(CLIENT, CLIENT_KEY);
    let exporter = builder.clone().build().unwrap();
    let secret = CLIENT_KEY.lines().nth(1).unwrap();
    for shown in [format!("{builder:?}"), format!("{exporter:?}")] {
        assert!(
            !shown.contains(secret) && !shown.contains("PRIVATE"),
            "{shown}"
        );
    }
}
