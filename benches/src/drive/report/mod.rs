//! The results as JSON, as tables and as a picture.

mod names;
mod plot;
mod table;

use std::fs;
use std::path::Path;

use super::Results;

pub(super) fn write(results: &Results, folder: &Path) {
    let json = serde_json::to_string_pretty(results).expect("results are JSON");
    let table = table::markdown(results);
    print!("{table}");
    fs::create_dir_all(folder).expect("the results' folder can be made");
    let files = [
        ("latest.json", json + "\n"),
        ("table.md", table),
        ("plot.svg", plot::svg(results)),
    ];
    for (name, content) in files {
        fs::write(folder.join(name), content).expect("the results can be written");
    }
    super::tell(&format!("the results are in {}", folder.display()));
}
