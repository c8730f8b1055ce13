//! Metadata as a live Kratos sends and sees it: each operation once by Kratos and once by lianlu,
//! against the same services.

use lianlu::metadata::{self, Metadata};
use lianlu_interop::greeter::Lianlu;
use lianlu_interop::kratos::{Kratos, call_with};
use lianlu_interop::peers::kratos;
use opentelemetry::Context;
use opentelemetry::context::FutureExt;

/// The flags of a Kratos client's operations, in the order in which they are done.
const OPERATIONS: [&[(&str, &str)]; 9] = [
    &[
        ("--append", "x-md-global-a=1"),
        ("--append", "x-md-local-b=2"),
    ],
    &[
        ("--append", "x-md-global-a=old"),
        ("--append", "x-md-global-a=new"),
    ],
    &[
        ("--append", "x-md-global-a=kept"),
        ("--append", "x-md-global-a="),
    ],
    &[("--append", "x-md-global-a=")],
    &[
        ("--append", "X-MD-Global-A=Value"),
        ("--append", "x-md-global-a=Second"),
    ],
    &[
        ("--client-constant", "x-md-global-a=inside"),
        ("--append", "x-md-global-a=outside"),
    ],
    &[
        ("--append", "x-md-global-a=0"),
        ("--merge", "x-md-global-a=1"),
        ("--merge", "x-md-local-b=2"),
    ],
    &[
        ("--merge", "x-md-global-a=1"),
        ("--merge", "x-md-global-a=2"),
        ("--merge", "x-md-global-a="),
    ],
    &[
        ("--append", "other=1"),
        // Not with white space around it, which Kratos sends and HTTP/2 does not allow.
        ("--append", "x-md-global-a=a,b;c%20d"),
    ],
];

fn pair(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap();
    (key.to_owned(), value.to_owned())
}

fn constants(flags: &[(&str, &str)], flag: &str) -> Metadata {
    let mine = flags.iter().filter(|(name, _)| *name == flag);
    mine.map(|(_, text)| pair(text)).collect()
}

/// The same operations by lianlu: the client, and the context of its calls.
fn client(flags: &[(&str, &str)]) -> (Lianlu, Context) {
    let mut caller = Lianlu::untraced("caller", None);
    // Sent with each call; percent-encoded over gRPC, where Go would refuse it.
    caller.client = caller
        .client
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("链路"));
    let constants = |flag| constants(flags, flag);
    caller.metadata.1 = caller
        .metadata
        .1
        .with_constants(constants("--client-constant"));
    let appended = flags.iter().filter(|(name, _)| *name == "--append");
    let appended = appended.map(|(_, text)| pair(text));
    let cx = metadata::append_to_client_context(&Context::new(), appended);
    (
        caller,
        metadata::merge_to_client_context(&cx, constants("--merge")),
    )
}

async fn ask(caller: &Lianlu, cx: Context, transport: &str, target: &str) -> String {
    match transport {
        "grpc" => caller
            .call_grpc(target, "world")
            .with_context(cx)
            .await
            .unwrap(),
        _ => caller
            .call_http(target, "world")
            .with_context(cx)
            .await
            .unwrap(),
    }
}

fn flags<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<&'a str> {
    pairs
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect()
}

/// The first value of each key: Kratos sends no others over gRPC.
fn first_values(message: &str) -> String {
    let first = |word: &str| match word.split_once(',') {
        Some((first, rest)) if rest.ends_with(']') => format!("{first}]"),
        Some((first, _)) => first.to_owned(),
        None => word.to_owned(),
    };
    message.split(' ').map(first).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_sends_what_kratos_sends() {
    let Some(kratos) = kratos() else {
        return;
    };
    let server = Kratos::serve_with(&kratos, "", "greeter", &[]);
    let ours = Lianlu::untraced("greeter", None);
    let ours = [ours.clone().serve_grpc().await, ours.serve_http().await].map(|it| it.to_string());
    for operations in OPERATIONS {
        for (transport, servers) in [
            ("grpc", [&server.grpc, &ours[0]]),
            ("http", [&server.http, &ours[1]]),
        ] {
            // Kratos calls Kratos, Kratos calls lianlu, lianlu calls Kratos, lianlu calls lianlu.
            let mut messages = Vec::new();
            for server in servers {
                let called = call_with(&kratos, "", transport, server, &flags(operations), "world");
                assert_eq!(called.error, "", "{transport} {operations:?}");
                messages.push(called.message);
            }
            for server in servers {
                let (caller, cx) = client(operations);
                messages.push(ask(&caller, cx, transport, server).await);
            }
            if transport == "grpc" {
                messages = messages
                    .iter()
                    .map(|message| first_values(message))
                    .collect();
            }
            let [first, rest @ ..] = &messages[..] else {
                unreachable!();
            };
            assert!(
                rest.iter().all(|it| it == first),
                "{transport} {operations:?}: {messages:#?}"
            );
        }
    }
}

/// A service between two Kratos services: constants on both of its sides, and what it forwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_reads_and_forwards_what_kratos_does() {
    let Some(kratos) = kratos() else {
        return;
    };
    let last = Kratos::serve_with(&kratos, "", "last", &[]);
    let own = [
        ("--server-constant", "x-md-global-zone=inside"),
        ("--server-constant", "x-md-local-build=7"),
        ("--client-constant", "x-md-global-tenant=default"),
        ("--client-constant", "x-md-local-c=1"),
    ];
    let next = format!("http://{}", last.http);
    let mut middle = flags(&own);
    middle.extend(["--next-grpc", &last.grpc, "--next-http", &next]);
    let theirs = Kratos::serve_with(&kratos, "", "middle", &middle);
    let ours = |next: &str| {
        let mut ours = Lianlu::untraced("middle", Some(next));
        let constants = |flag| constants(&own, flag);
        ours.metadata.0 = ours
            .metadata
            .0
            .with_constants(constants("--server-constant"));
        ours.metadata.1 = ours
            .metadata
            .1
            .with_constants(constants("--client-constant"));
        ours
    };
    let grpc = ours(&last.grpc).serve_grpc().await.to_string();
    let http = ours(&last.http).serve_http().await.to_string();
    let sent = [
        ("--append", "x-md-global-zone=outside"),
        ("--append", "x-md-global-tenant=acme"),
        ("--append", "x-md-local-build=8"),
    ];
    for (transport, theirs, ours) in [("grpc", &theirs.grpc, grpc), ("http", &theirs.http, http)] {
        let [theirs, ours] = [theirs, &ours].map(|middle| {
            let called = call_with(&kratos, "", transport, middle, &flags(&sent), "world");
            assert_eq!(called.error, "", "{transport}");
            called.message
        });
        assert!(theirs.starts_with("Hello world from middle [x-md-global-tenant=acme x-md-global-zone=inside,outside x-md-local-build=7,8] > "));
        match transport {
            "grpc" => assert_eq!(first_values(&ours), first_values(&theirs)),
            _ => assert_eq!(ours, theirs),
        }
    }
}

/// Go sends and reads UTF-8 over HTTP. Over gRPC it refuses such a call, lianlu does not.
#[tokio::test(flavor = "multi_thread")]
async fn text_beyond_ascii_and_binary_metadata() {
    let Some(kratos) = kratos() else {
        return;
    };
    let server = Kratos::serve_with(&kratos, "", "greeter", &[]);
    let ours = Lianlu::untraced("greeter", None);
    let ours = [ours.clone().serve_grpc().await, ours.serve_http().await].map(|it| it.to_string());
    let name = [
        ("--append", "x-md-global-name=张三"),
        ("--append", "x-md-local-a-bin=链路"),
    ];
    let text = "Hello world from greeter [x-md-global-name=张三 x-md-local-a-bin=链路]";
    for server in [&server.http, &ours[1]] {
        let called = call_with(&kratos, "", "http", server, &flags(&name), "world");
        assert_eq!(called.message, text);
        let (caller, cx) = client(&name);
        assert_eq!(ask(&caller, cx, "http", server).await, text);
    }
    for server in [&server.grpc, &ours[0]] {
        let called = call_with(&kratos, "", "grpc", server, &flags(&name), "world");
        assert!(called.error.contains("non-printable ASCII"), "{called:?}");
        let binary = &name[1..];
        let called = call_with(&kratos, "", "grpc", server, &flags(binary), "world");
        assert_eq!(
            called.message,
            "Hello world from greeter [x-md-local-a-bin=链路]"
        );
        let (caller, cx) = client(&name);
        let encoded = text.replace("张三", "%E5%BC%A0%E4%B8%89");
        assert_eq!(ask(&caller, cx, "grpc", server).await, encoded);
    }
}
