//! The tables of models in docs/models.md: sizes, computed from published configurations; parity, as the random models
//! of the same layouts have it; and speeds, which `benches/native/models.py` and `benches/web/models.mjs` measure and this
//! only copies.
//!
//! With `CLIPLET_UPDATE_TABLE=1` the tests write the tables into the page instead of comparing them.
#![cfg(not(target_family = "wasm"))]

#[path = "../parity/layouts.rs"]
mod layouts;
#[path = "../parity/reference.rs"]
mod reference;
mod rows;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cliplet::weights::{Quant, SnapshotMetadata, TensorSpec, weight_specs};
use cliplet_kernels::CodeRange;
use layouts::{Figures, measure};
use rows::{Model, models};

const HEADER: &str = "\
| family | model | parameters | q8 | q4 | float32 error | q8 cosine | image, text | ONNX Runtime |
|---|---|---|---|---|---|---|---|---|
";
/// Columns of the parity figures, which differ a little between instruction sets.
const PARITY: [usize; 2] = [5, 6];

/// Head of the table of speeds in a browser.
const WEB_HEADER: &str = "\
| model | cliplet, 1 thread | ONNX Runtime Web, 1 thread | cliplet, 2 threads | ONNX Runtime Web, 2 threads |
|---|---|---|---|---|
";
/// Held while the page is read or written, which the tests do on their own threads.
static PAGE: Mutex<()> = Mutex::new(());

/// The page, and where the table with this header is in it.
fn page(header: &str) -> (PathBuf, String, Range<usize>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text
        .find(header)
        .expect("docs/models.md has a table with this header");
    let length = text[start..].find("\n\n").expect("text follows the table") + 1;
    (path, text, start..start + length)
}

/// Puts `table` in the place of the one in the page.
fn write(header: &str, table: &str) {
    let (path, text, place) = page(header);
    let updated = format!("{}{header}{table}{}", &text[..place.start], &text[place.end..]);
    std::fs::write(path, updated).unwrap();
}

fn updates() -> bool {
    std::env::var_os("CLIPLET_UPDATE_TABLE").is_some()
}

/// The figures that a file of results has for each model, by its name.
fn figures(file: &str) -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/results")
        .join(file);
    let csv = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let (name, figures) = line.split_once(';').expect("a name and figures");
        (name.to_string(), figures.split(';').map(str::to_string).collect())
    };
    let rows: Vec<_> = csv.lines().skip(1).map(row).collect();
    let models = models();
    let unknown = rows
        .iter()
        .find(|(name, _)| !models.iter().any(|model| model.name == name));
    assert!(
        unknown.is_none(),
        "{file} has {unknown:?}, which is no row of the table"
    );
    rows
}

/// Milliseconds of an image and of a text by the name of the model: of cliplet and of ONNX Runtime.
fn speeds() -> HashMap<String, [String; 2]> {
    let pair = |image: &str, text: &str| match (image, text) {
        ("", "") => "".into(),
        _ => format!("{image}, {text} ms"),
    };
    let row = |(name, row): (String, Vec<String>)| {
        let both = [pair(&row[0], &row[1]), pair(&row[2], &row[3])];
        (name, both)
    };
    figures("models.csv").into_iter().map(row).collect()
}

/// The cells of a row.
fn cells(
    model: &Model,
    measured: &HashMap<&str, Figures>,
    speeds: &HashMap<String, [String; 2]>,
) -> Vec<String> {
    let texts =
        || SnapshotMetadata::new(model.name, model.config.to_string(), String::new(), None, None).unwrap();
    let parts = weight_specs(&texts().config)
        .into_iter()
        .flat_map(|spec| spec.parts);
    let parameters: usize = parts.map(|part: TensorSpec| part.values()).sum();
    let megabytes = |quant| format!("{:.0} MB", texts().file_bytes(quant) as f64 / 1e6);
    let figures = model.stand_ins.iter().map(|name| &measured[name]);
    let error = figures
        .clone()
        .fold(0.0, |most: f32, figures| most.max(figures.error));
    let cosine = figures.fold(1.0, |least: f32, figures| least.min(figures.cosine));
    let [ours, theirs] = speeds.get(model.name).cloned().unwrap_or_default();
    vec![
        model.family.into(),
        model.name.into(),
        format!("{:.0} M", parameters as f64 / 1e6),
        megabytes(Quant::Q8),
        megabytes(Quant::Q4),
        format!("{error:.0e}"),
        format!("{cosine:.4}"),
        ours,
        theirs,
    ]
}

/// Returns true for a parity figure that the page has as another machine may have measured it: an error within a
/// factor of four, or a cosine as far from one within the factor `spread`.
fn is_near(column: usize, page: &str, now: &str, spread: f64) -> bool {
    let (Ok(page), Ok(now)) = (page.parse::<f64>(), now.parse::<f64>()) else {
        return false;
    };
    match column == PARITY[0] {
        true => page <= 4.0 * now && now <= 4.0 * page,
        false => (1.0 - page) <= spread * (1.0 - now) + 1e-4 && (1.0 - now) <= spread * (1.0 - page) + 1e-4,
    }
}

/// Factor within which the distance of a cosine from one may differ from the page's, which was measured with codes of
/// eight bits: seven bits take away up to eight times as much in models as small as the stand-ins.
fn spread() -> f64 {
    match cliplet_kernels::best().range {
        CodeRange::U7 => 10.0,
        _ => 2.0,
    }
}

#[test]
fn the_table_of_models_is_current() {
    let (models, speeds) = (models(), speeds());
    let stand_ins = models.iter().flat_map(|model| model.stand_ins);
    let mut measured = HashMap::new();
    for name in stand_ins {
        measured.entry(*name).or_insert_with(|| measure(name).2);
    }
    let rows: Vec<Vec<String>> = models
        .iter()
        .map(|model| cells(model, &measured, &speeds))
        .collect();
    let table: String = rows
        .iter()
        .map(|cells| format!("| {} |\n", cells.join(" | ").replace("|  |", "| |")))
        .collect();
    let _held = PAGE.lock().unwrap();
    if updates() {
        return write(HEADER, &table);
    }
    let (_, text, place) = page(HEADER);
    let there: Vec<Vec<&str>> = text[place]
        .lines()
        .skip(HEADER.lines().count())
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let is_current = |(page, now): (&Vec<&str>, &Vec<String>)| {
        let mut pairs = page.iter().zip(now).enumerate();
        page.len() == now.len()
            && pairs.all(|(column, (page, now))| {
                page == now || (PARITY.contains(&column) && is_near(column, page, now, spread()))
            })
    };
    let stale: Vec<_> = there
        .iter()
        .zip(&rows)
        .filter(|pair| !is_current(*pair))
        .collect();
    assert!(
        there.len() == rows.len() && stale.is_empty(),
        "docs/models.md is not current, as {stale:?} show; CLIPLET_UPDATE_TABLE=1 cargo test --test model_table writes:\n{table}"
    );
}

#[test]
fn the_table_of_speeds_in_a_browser_is_current() {
    let measured: HashMap<_, _> = figures("models-web.csv").into_iter().collect();
    let row = |model: Model| {
        let figures = measured.get(model.name)?.join(" ms | ");
        Some(format!("| {} | {figures} ms |\n", model.name))
    };
    let table: String = models().into_iter().filter_map(row).collect();
    let _held = PAGE.lock().unwrap();
    if updates() {
        return write(WEB_HEADER, &table);
    }
    let (_, text, place) = page(WEB_HEADER);
    assert_eq!(
        &text[place],
        format!("{WEB_HEADER}{table}"),
        "CLIPLET_UPDATE_TABLE=1 cargo test --test model_table writes it"
    );
}

#[test]
fn parity_figures_may_differ_a_little_and_no_more() {
    assert!(is_near(PARITY[0], "2e-7", "6e-7", 2.0) && !is_near(PARITY[0], "2e-7", "9e-7", 2.0));
    assert!(!is_near(PARITY[0], "9e-7", "2e-7", 2.0) && !is_near(PARITY[0], "", "2e-7", 2.0));
    assert!(is_near(PARITY[1], "0.9998", "0.9996", 2.0) && !is_near(PARITY[1], "0.9998", "0.9990", 2.0));
    assert!(!is_near(PARITY[1], "0.9990", "0.9998", 2.0));
}
