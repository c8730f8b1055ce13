//! Compares the table with the registry crate's constants.

use super::*;
use opentelemetry_semantic_conventions as registry;
use std::collections::HashSet;

/// The registry crate's constants for all keys of the table, old or new. The crate covers one
/// released version; keys of later versions are in `NEWER`.
#[allow(deprecated)] // the old conventions' keys are
const REGISTRY: &[&str] = &[
    registry::attribute::CLIENT_ADDRESS,
    registry::attribute::CLIENT_PORT,
    registry::attribute::ERROR_TYPE,
    registry::attribute::HTTP_CLIENT_IP,
    registry::attribute::HTTP_METHOD,
    registry::attribute::HTTP_REQUEST_BODY_SIZE,
    registry::attribute::HTTP_REQUEST_CONTENT_LENGTH,
    registry::attribute::HTTP_REQUEST_METHOD,
    registry::attribute::HTTP_REQUEST_METHOD_ORIGINAL,
    registry::attribute::HTTP_REQUEST_RESEND_COUNT,
    registry::attribute::HTTP_RESPONSE_BODY_SIZE,
    registry::attribute::HTTP_RESPONSE_CONTENT_LENGTH,
    registry::attribute::HTTP_RESPONSE_STATUS_CODE,
    registry::attribute::HTTP_ROUTE,
    registry::attribute::HTTP_SCHEME,
    registry::attribute::HTTP_STATUS_CODE,
    registry::attribute::HTTP_TARGET,
    registry::attribute::HTTP_URL,
    registry::attribute::NETWORK_LOCAL_ADDRESS,
    registry::attribute::NETWORK_LOCAL_PORT,
    registry::attribute::NETWORK_PEER_ADDRESS,
    registry::attribute::NETWORK_PEER_PORT,
    registry::attribute::NETWORK_PROTOCOL_VERSION,
    registry::attribute::NETWORK_TRANSPORT,
    registry::attribute::NET_HOST_NAME,
    registry::attribute::NET_HOST_PORT,
    registry::attribute::NET_PEER_NAME,
    registry::attribute::NET_PEER_PORT,
    registry::attribute::NET_PROTOCOL_VERSION,
    registry::attribute::NET_SOCK_PEER_ADDR,
    registry::attribute::NET_SOCK_PEER_PORT,
    registry::attribute::RPC_GRPC_STATUS_CODE,
    registry::attribute::RPC_METHOD,
    registry::attribute::RPC_METHOD_ORIGINAL,
    registry::attribute::RPC_RESPONSE_STATUS_CODE,
    registry::attribute::RPC_SERVICE,
    registry::attribute::RPC_SYSTEM,
    registry::attribute::RPC_SYSTEM_NAME,
    registry::attribute::SERVER_ADDRESS,
    registry::attribute::SERVER_PORT,
    registry::attribute::SERVICE_PEER_NAME,
    registry::attribute::URL_FULL,
    registry::attribute::URL_PATH,
    registry::attribute::URL_QUERY,
    registry::attribute::URL_SCHEME,
    registry::attribute::URL_TEMPLATE,
    registry::attribute::USER_AGENT_ORIGINAL,
    registry::attribute::USER_AGENT_SYNTHETIC_TYPE,
];

/// Renamed after the registry crate's release, or gone from the registry before its first one.
const NEWER: &[&str] = &["rpc.status_code", "http.resend_count"];

#[test]
fn every_key_is_in_the_registry_or_lianlus_own() {
    for row in SPECS {
        let places = Surface::ALL.map(|surface| row.requirement(surface));
        let keys = places.iter().filter_map(|place| place.old);
        for key in keys.chain([row.key.as_str()]) {
            let known = REGISTRY.contains(&key) || NEWER.contains(&key);
            assert!(known || key.starts_with("lianlu."), "{key}");
        }
    }
}

#[test]
fn every_key_of_the_registry_list_is_in_the_table() {
    let mut written: HashSet<&str> = HashSet::new();
    for row in SPECS {
        written.insert(row.key.as_str());
        written.extend(
            Surface::ALL
                .iter()
                .filter_map(|at| row.requirement(*at).old),
        );
    }
    for key in REGISTRY.iter().chain(NEWER) {
        assert!(written.contains(key), "{key} is written nowhere");
    }
}

#[test]
fn no_two_rows_write_the_same_key_in_the_same_place() {
    for surface in Surface::ALL {
        let mut current = HashSet::new();
        let mut old = HashSet::new();
        for row in SPECS {
            let place = row.requirement(surface);
            if place.span != Level::Never {
                assert!(
                    current.insert(row.key.as_str()),
                    "{} on {surface:?}",
                    row.key.as_str()
                );
            }
            if let Some(key) = place.old {
                assert!(old.insert(key), "old {key} on {surface:?}");
            }
        }
    }
}

#[test]
fn values_that_callers_control_are_not_labels_by_default() {
    for row in [
        &URL_PATH,
        &URL_QUERY,
        &URL_FULL,
        &USER_AGENT_ORIGINAL,
        &CLIENT_ADDRESS,
        &HTTP_REQUEST_METHOD_ORIGINAL,
        &RPC_METHOD_ORIGINAL,
    ] {
        for surface in Surface::ALL {
            assert_eq!(
                row.requirement(surface).metric,
                Level::Never,
                "{}",
                row.key.as_str()
            );
        }
    }
    for surface in [Surface::HttpServer, Surface::GrpcServer] {
        for row in [&SERVER_ADDRESS, &SERVER_PORT] {
            assert_ne!(
                row.requirement(surface).metric,
                Level::Known,
                "{}",
                row.key.as_str()
            );
            assert_ne!(
                row.requirement(surface).active,
                Level::Known,
                "{}",
                row.key.as_str()
            );
        }
    }
}
