//! What the sequences have found, each as short as it can be.

use crate::call::{Call, Field};
use crate::run::{Way, seen};
use crate::sequence::Sequence;
use crate::{fail, quietly};

fn sequence(is_client: bool, sampler: u8, told: [usize; 2], calls: &[Call]) -> Sequence {
    Sequence {
        is_client,
        sampler,
        layers: [told; 3],
        calls: calls.to_vec(),
    }
}

fn same(is_client: bool, sampler: u8, told: [usize; 2], calls: &[Call]) {
    let sequence = sequence(is_client, sampler, told, calls);
    if let Some(differences) = quietly(|| sequence.differences()) {
        fail(&differences);
    }
}

const GRPC: fn() -> Call = || Call::usual(false);
const HTTP: fn() -> Call = || Call::usual(true);
const TOLD_NOTHING: [usize; 2] = [0, 0];

/// A client's or a server's layer with a list of methods, and one whose server says that there is none such.
#[test]
fn a_method_is_named_by_generated_code_and_then_it_is_not() {
    let named = GRPC().but(&[(Field::Extension, 1)]);
    same(true, 0, [45, 0], &[named, named, GRPC()]);
    same(false, 0, [45, 0], &[named, named, GRPC()]);
    let refused = GRPC().but(&[(Field::Body, 9)]);
    same(false, 0, TOLD_NOTHING, &[named, named, refused]);
}

#[test]
fn a_host_is_empty_and_then_there_is_none() {
    for usual in [GRPC(), HTTP()] {
        let none = usual.but(&[(Field::Target, 1)]);
        let empty = none.but(&[(Field::Host, 3)]);
        same(false, 0, TOLD_NOTHING, &[usual, none, none, none, empty]);
        same(false, 0, TOLD_NOTHING, &[usual, empty, empty, empty, none]);
    }
}

#[test]
fn an_unsampled_call_of_a_bot_is_measured() {
    let bot = HTTP().but(&[(Field::Agent, 5)]);
    same(false, 2, [14, 0], &[bot]);
}

#[test]
fn a_hook_of_the_start_panics() {
    let wanted = GRPC().but(&[(Field::Tenant, 1)]);
    same(false, 0, [46, 0], &[wanted]);
}

#[test]
fn the_trace_of_an_unsampled_call_is_sent_back() {
    let random = GRPC().but(&[(Field::Parent, 4)]);
    same(false, 0, [53, 0], &[random]);
}

#[test]
fn an_unsampled_call_teaches_a_method() {
    let unsampled = GRPC().but(&[(Field::Parent, 1)]);
    let refused = GRPC().but(&[(Field::Body, 9)]);
    same(false, 0, [1, 0], &[unsampled, refused]);
}

#[test]
fn another_task_reads_an_unsampled_request() {
    let unsampled = GRPC().but(&[(Field::Parent, 1), (Field::Request, 1)]);
    let elsewhere = unsampled.but(&[(Field::Handler, 23)]);
    same(false, 0, [1, 0], &[elsewhere]);
}

#[test]
fn users_fill_a_span_whose_method_turns_out_to_be_none() {
    let refused = GRPC().but(&[(Field::Handler, 26), (Field::Body, 9)]);
    let sequence = sequence(false, 0, TOLD_NOTHING, &[refused]);
    // Which of its two values it is the providers do not agree on.
    for way in Way::ALL {
        let lines = seen(way, &sequence);
        let span = lines.iter().find(|line| line.contains("key.0")).unwrap();
        assert!(span.contains("\"rpc.method\""), "{way:?}: {span}");
    }
}
