//! Every gRPC status of a collector, and the resulting outcome for the spans.

use tonic::{Code, Status};

use crate::common::grpc::Collector;
use crate::common::{PATIENCE, attempt, grpc_exporter, is_lost, is_retryable};

#[test]
fn some_codes_are_retryable() {
    for number in 1..=16 {
        let code = Code::from(number);
        let collector = Collector::start(move || Err(Status::new(code, "no\nway")));
        let result = attempt(grpc_exporter(collector.address, PATIENCE));
        match code {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => assert_eq!(is_retryable(result, ": no"), None, "{code:?}"),
            _ => is_lost(result, ": no"),
        }
        assert_eq!(collector.requests.try_iter().count(), 1);
    }
}

#[test]
fn the_reason_contains_url_and_code() {
    let collector = Collector::start(|| Err(Status::new(Code::PermissionDenied, "no\nkey")));
    let result = attempt(grpc_exporter(collector.address, PATIENCE));
    let wanted = format!(
        "http://{}/ answered PERMISSION_DENIED: no",
        collector.address
    );
    assert_eq!(result.as_ref().unwrap_err().reason, wanted);
    is_lost(result, &wanted);
}
