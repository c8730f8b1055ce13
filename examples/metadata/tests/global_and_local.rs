//! The example ends by itself; the note stays in front, the tenant goes all the way.

use std::process::Command;

#[test]
fn the_note_goes_one_hop() {
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
