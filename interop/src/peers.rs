//! Finds the peers' binaries.

use std::io::Write;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of this crate.
pub(crate) const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The paths of the peers' binaries.
#[derive(Debug, Clone)]
pub struct Peers {
    pub(crate) jaeger: PathBuf,
    pub(crate) kratos: PathBuf,
}

/// The peers, or `None` with a line on standard error if they are not built: the test is skipped.
///
/// With `LIANLU_REQUIRE=go` missing peers are built, and a failure to build them fails the test.
///
/// # Panics
///
/// If they are required and cannot be built.
#[must_use]
#[track_caller]
pub fn peers() -> Option<Peers> {
    let peers = find().filter(Peers::are_built);
    if peers.is_none() {
        skipped("Jaeger and Kratos are");
    }
    peers
}

/// The path of the Kratos peer alone, as [`peers`].
///
/// # Panics
///
/// As [`peers`].
#[must_use]
#[track_caller]
pub fn kratos() -> Option<PathBuf> {
    let kratos = find().map(|peers| peers.kratos);
    let kratos = kratos.filter(|kratos| kratos.is_file());
    if kratos.is_none() {
        skipped("Kratos is");
    }
    kratos
}

#[track_caller]
fn skipped(what: &str) {
    // In one write, as tests run in parallel, and past the test harness, which captures output.
    let test = Location::caller();
    let line = format!(
        "\n{test}: skipped, the real {what} not built. With Go installed, `interop/build` builds \
         them (about 7 minutes the first time); LIANLU_REQUIRE=go makes this a failure.\n"
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Where the peers are. They are built first if they are required.
fn find() -> Option<Peers> {
    static PEERS: OnceLock<Option<Peers>> = OnceLock::new();
    PEERS.get_or_init(look).clone()
}

fn look() -> Option<Peers> {
    let folder = match std::env::var_os("LIANLU_PEERS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&std::env::var_os("HOME")?).join(".cache/lianlu"),
    };
    let peers = Peers {
        jaeger: folder.join("jaeger"),
        kratos: folder.join("kratos-peer"),
    };
    let required = std::env::var("LIANLU_REQUIRE")
        .is_ok_and(|required| required.split(',').any(|peer| peer == "go"));
    if required && !peers.are_built() {
        let status = Command::new(Path::new(HERE).join("build")).status();
        assert!(
            status.as_ref().is_ok_and(|status| status.success()) && peers.are_built(),
            "LIANLU_REQUIRE=go, but interop/build did not build the peers: {status:?}"
        );
    }
    Some(peers)
}

impl Peers {
    fn are_built(&self) -> bool {
        self.jaeger.is_file() && self.kratos.is_file()
    }
}
