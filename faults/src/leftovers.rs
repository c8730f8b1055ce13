//! Requests of a service that has just found what another has left.

use std::path::{Path, PathBuf};

use crate::{Answer, Http, Row, Service, copy_folder, undisturbed_by_work};

/// Spans that are left besides: sending them takes longer than the requests.
const SPANS: usize = 2500;

/// Times requests while a service sends what is left in a folder like this one and by a service that was killed, and
/// requests of a service that finds an empty folder. Gives what was found.
///
/// # Panics
///
/// When requests take too long.
#[track_caller]
pub fn undisturbed_by_leftovers(model: &Path, row: &mut Row) -> String {
    let dirs = tempfile::tempdir().unwrap();
    let mut folders = (0..).map(|number: u32| dirs.path().join(number.to_string()));
    let mut next = || folders.next().unwrap();
    let collector = Http::start();
    let start = |folder: PathBuf| {
        collector.always(Answer::Nothing);
        let service = Service::new(&collector.url()).recorder(&folder);
        let service = service.set("retry-ms", 1).set("retry-max-ms", 2);
        let mut child = service.start();
        // The first ones are slow, and nothing is sent before they are over.
        child.ask("calls 250");
        collector.always(Answer::Taken);
        child
    };
    let (empty, others) = (next(), next());
    let mut child = start(others.clone());
    collector.always(Answer::Nothing);
    child.must(&format!("spans {SPANS}"));
    let claims = child.kill();
    let mut child = start(empty.clone());
    row.ratio(undisturbed_by_work(
        &mut child,
        |child| {
            child.must("flush 10000");
            child.must("shutdown 10000");
            *child = start(empty.clone());
            child.must("flush 10000");
        },
        |child| {
            child.must("flush 10000");
            child.must("shutdown 10000");
            let folder = next();
            copy_folder(&others, &folder);
            copy_folder(model, &folder);
            *child = start(folder);
        },
        |child| {
            let counts = child.counts();
            counts.recovered.min(counts.exported)
        },
    ));
    child.must("flush 10000");
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    child.ask("found")
}
