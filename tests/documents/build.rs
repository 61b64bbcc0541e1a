//! Takes the programs of the quick starts out of their pages, to be built with the workspace: `src/bin` includes them.

use std::error::Error;
use std::path::Path;

/// Pages, and programs of `src/bin`.
const PAGES: [&str; 5] =
    ["quick-start", "quick-start-actix", "quick-start-hyper", "quick-start-login", "quick-start-poem"];
const BEGIN: &str = "<!-- file: src/main.rs -->\n```rust,no_run\n";

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::var("OUT_DIR")?;
    println!("cargo::rerun-if-changed=build.rs");
    for name in PAGES {
        let page = format!("../../docs/{name}.md");
        println!("cargo::rerun-if-changed={page}");
        let text = std::fs::read_to_string(&page).map_err(|error| format!("{page}: {error}"))?;
        let program = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once("\n```\n"));
        let (program, _) = program.ok_or_else(|| format!("{page}: no src/main.rs"))?;
        std::fs::write(Path::new(&out).join(format!("{name}.rs")), program)?;
    }
    Ok(())
}
