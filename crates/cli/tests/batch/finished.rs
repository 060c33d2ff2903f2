//! A finished run is recognized, and an update answers only the rows that are new, were changed or failed.

use std::time::{Duration, SystemTime};

use crate::support::*;

/// The call that answers the images of `folder/images` into `output`.
fn call<'a>(input: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[input, "--labels", LABELS, "-o", output], more].concat()
}

/// A run that must succeed; its messages.
fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Folder of three images, one of which is none.
fn images(folder: &Folder) -> String {
    for number in 0..3 {
        folder.write(&format!("images/{number}.png"), square(number));
    }
    folder.write("images/9.png", "Dear sir or madam");
    folder.path("images")
}

#[test]
fn a_finished_run_has_nothing_to_do() {
    let folder = Folder::with(0);
    let (input, output) = (images(&folder), folder.path("out.csv"));
    assert!(done(&call(&input, &output, &[])).contains("4 rows"));
    let answers = folder.read("out.csv");
    let again = done(&call(&input, &output, &[]));
    assert!(
        again.contains("nothing to do") && again.contains("all 4 rows (1 failed: --update tries them again)"),
        "{again}"
    );
    assert_eq!(folder.read("out.csv"), answers);

    // Each of these is another run.
    for other in [
        &["--restart"][..],
        &["--top-k", "1"],
        &["--to", "jsonl"],
        &["--template", "a {}"],
    ] {
        let said = done(&call(&input, &output, other));
        assert!(
            said.contains("4 rows") && !said.contains("nothing to do"),
            "{other:?}: {said}"
        );
    }
    done(&call(&input, &output, &[]));
    folder.write("images/3.png", square(3));
    let said = done(&call(&input, &output, &[]));
    assert!(
        said.contains("--update answers only these") && said.contains("5 rows"),
        "{said}"
    );
    std::fs::write(&output, "edited").unwrap();
    assert!(done(&call(&input, &output, &[])).contains("5 rows"));
}

#[test]
fn an_update_answers_new_changed_and_failed_rows_alone() {
    for name in ["out.jsonl", "out.csv", "out.parquet"] {
        let folder = Folder::with(0);
        let (input, output) = (images(&folder), folder.path(name));
        done(&call(&input, &output, &["--update"]));
        folder.write("images/1b.png", square(7));
        folder.write("images/9.png", square(9));
        // 0.png is changed after the run, to an image that differs from the former.
        folder.write("images/0.png", square(5));
        let later = SystemTime::now() + Duration::from_secs(5);
        let file = std::fs::File::options()
            .write(true)
            .open(folder.at("images/0.png"))
            .unwrap();
        file.set_modified(later).unwrap();
        std::fs::remove_file(folder.at("images/2.png")).unwrap();
        let updated = done(&call(&input, &output, &["--update"]));
        assert!(
            updated.contains("4 rows") && updated.contains("1 of them by an earlier run"),
            "{name}: {updated}"
        );
        assert!(!updated.contains("failed"), "{name}: {updated}");

        let updated = std::fs::read(&output).unwrap();
        done(&call(&input, &output, &["--restart"]));
        match name {
            "out.parquet" => assert!(!updated.is_empty()),
            _ => check_alike(&String::from_utf8(updated).unwrap(), &folder.read(name)),
        }
        std::fs::File::options()
            .write(true)
            .open(folder.at("images/0.png"))
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        done(&call(&input, &output, &["--restart"]));
        assert!(
            done(&call(&input, &output, &["--update"])).contains("nothing to do"),
            "{name}"
        );
    }
}

/// Checks that two outputs are the same up to the last digits of their numbers.
fn check_alike(updated: &str, whole: &str) {
    let digits = |text: &str| -> String {
        let mut rounded = String::new();
        for part in text.split_inclusive([',', '[', ']', '"', ':', '}']) {
            let (number, end) = part.split_at(part.len() - 1);
            match number.parse::<f64>() {
                Ok(number) => rounded += &format!("{number:.4}{end}"),
                Err(_) => rounded += part,
            }
        }
        rounded
    };
    assert_eq!(digits(updated), digits(whole));
}

#[test]
fn an_update_that_was_stopped_goes_on() {
    let folder = Folder::with(0);
    let (input, output) = (images(&folder), folder.path("out.jsonl"));
    done(&call(&input, &output, &[]));
    let before = folder.read("out.jsonl");
    folder.write("images/0a.png", "no image");
    let stopped = ["--update", "--batch-size", "1", "--max-errors", "0"];
    let message = failure(&call(&input, &output, &stopped), 1);
    assert!(message.contains("1 rows have failed"), "{message}");
    assert_eq!(
        folder.read("out.jsonl"),
        before,
        "the output is there until the update is complete"
    );
    let said = done(&call(&input, &output, &["--update"]));
    assert!(
        said.contains("5 rows") && said.contains("4 of them by an earlier run"),
        "{said}"
    );
    let answers = lines(&folder.read("out.jsonl"));
    let names: Vec<_> = answers
        .iter()
        .map(|answer| answer["image"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["0.png", "0a.png", "1.png", "2.png", "9.png"]);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer["row"], number);
        assert_eq!(answer["probs"].is_array(), number != 1 && number != 4);
    }
}

#[test]
fn an_output_of_another_command_is_not_updated() {
    let folder = Folder::with(0);
    let (input, output) = (images(&folder), folder.path("out.jsonl"));
    folder.write("out.jsonl", "{\"row\":0}\n");
    let message = failure(&call(&input, &output, &["--update"]), 2);
    assert!(
        message.contains("out.jsonl") && message.contains("--restart"),
        "{message}"
    );
    done(&call(&input, &output, &[]));
    let message = failure(&call(&input, &output, &["--update", "--top-k", "1"]), 2);
    assert!(message.contains("--update wants"), "{message}");
    std::fs::write(&output, "edited").unwrap();
    let message = failure(&call(&input, &output, &["--update"]), 2);
    assert!(message.contains("not changed since"), "{message}");
    assert!(failure(&[&input, "--update"], 2).contains("--output"));
    folder.write("other.jsonl.run", "of another program");
    let message = failure(&call(&input, &folder.path("other.jsonl"), &[]), 2);
    assert!(
        message.contains("other.jsonl.run") && message.contains("left as it is"),
        "{message}"
    );
    assert_eq!(folder.read("other.jsonl.run"), "of another program");
}

/// Returns whether a process has a handler for Ctrl-C.
#[cfg(target_os = "linux")]
fn catches_interrupt(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 2 != 0
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_a_run_at_once_and_tells_how_to_go_on() {
    let folder = Folder::with(0);
    // Each takes a while to decode, and there are hundreds of them.
    let image = image::GrayImage::from_fn(6000, 6000, |x, y| image::Luma([(x ^ y) as u8]));
    image.save(folder.at("large.png")).unwrap();
    let rows = folder.write("rows.txt", "large.png\n".repeat(400));
    let (root, output) = (folder.path(""), folder.path("out.jsonl"));
    let arguments = [&rows[..], "--from", "paths", "--root", &root, "-o", &output];
    let child = batch(&arguments).spawn().unwrap();
    while !catches_interrupt(child.id()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // By now images are being decoded.
    std::thread::sleep(Duration::from_millis(300));
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let start = std::time::Instant::now();
    let ended = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(ended.status.code(), Some(130), "{}", said(&ended));
    assert!(
        said(&ended).contains("give the same command again to go on"),
        "{}",
        said(&ended)
    );
    assert!(folder.at("out.jsonl.partial").exists() && !folder.at("out.jsonl").exists());
}
