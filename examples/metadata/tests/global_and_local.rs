//! The example shows that the local note reaches one service, and the global tenant both.

use std::process::Command;

#[test]
fn local_metadata_crosses_one_hop_and_global_all() {
    let output = Command::new(env!("CARGO_BIN_EXE_metadata"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "\
front  x-md-global-tenant: acme, x-md-local-note: ring twice
back   x-md-global-tenant: acme, x-md-local-note: -
";
    assert_eq!(text, expected);
}
