//! A run that is killed goes on where it was, and repeats and loses nothing.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::*;

const ROWS: u32 = 60;

/// A table of images, one of them missing, and the call that answers it.
struct Job {
    folder: Folder,
    input: String,
    output: String,
    root: String,
}

impl Job {
    fn new(output: &str) -> Self {
        let folder = Folder::with(6);
        let row = |i| format!("{i},{}.png\n", if i == 3 { 99 } else { i % 6 });
        let rows: String = (0..ROWS).map(row).collect();
        let input = folder.write("rows.csv", format!("id,image\n{rows}"));
        let (output, root) = (folder.path(output), folder.path(""));
        Self {
            folder,
            input,
            output,
            root,
        }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let fixed = [
            &self.input,
            "--root",
            &self.root,
            "--batch-size",
            "2",
            "-o",
            &self.output,
        ];
        [&fixed[..], more].concat()
    }

    fn start(&self, more: &[&str]) -> Child {
        batch(&self.arguments(more)).spawn().unwrap()
    }

    fn partial(&self) -> String {
        format!("{}.partial", self.output)
    }

    /// Lines of the journal, its header left out.
    fn journalled(&self) -> Vec<String> {
        let journal = std::fs::read_to_string(self.partial()).unwrap_or_default();
        journal.lines().skip(1).map(String::from).collect()
    }

    /// Starts a run and kills it once it has answered some rows but not all.
    fn kill_midway(&self, more: &[&str], least: usize) {
        let mut child = self.start(more);
        while self.journalled().len() < least {
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended before it could be killed"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            self.journalled().len() < ROWS as usize,
            "it was done before it was killed"
        );
        assert!(!std::fs::exists(&self.output).unwrap());
    }

    fn finish(&self, more: &[&str]) -> String {
        let done = run(&self.arguments(more));
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        assert!(!std::fs::exists(self.partial()).unwrap());
        said(&done)
    }
}

#[test]
fn killed_twice_and_finished_it_is_as_if_never_killed() {
    let job = Job::new("out.jsonl");
    job.kill_midway(&["--labels", LABELS], 5);
    let first = job.journalled();
    job.kill_midway(&["--labels", LABELS], first.len() + 5);
    let second = job.journalled();
    assert_eq!(second[..first.len()], first, "nothing is answered twice");
    // The last line as a kill in the middle of a write leaves it.
    let mut journal = std::fs::OpenOptions::new()
        .append(true)
        .open(job.partial())
        .unwrap();
    journal.write_all(b"0123456789abcdef {\"row\":5").unwrap();
    let said = job.finish(&["--labels", LABELS]);
    assert!(
        said.contains(&format!("{} of them by an earlier run", second.len())),
        "{said}"
    );

    let whole = answers(&[&job.input, "--root", &job.root, "--labels", LABELS]);
    let resumed = lines(&job.folder.read("out.jsonl"));
    assert_eq!(resumed.len(), ROWS as usize);
    for (number, (resumed, whole)) in resumed.iter().zip(&whole).enumerate() {
        assert_eq!(resumed["row"], number);
        assert_eq!(
            (&resumed["id"], &resumed["error"]),
            (&whole["id"], &whole["error"])
        );
        assert!(number == 3 || alike(&resumed["probs"], &whole["probs"]));
    }
    let answers: Vec<_> = second.iter().map(|line| line[17..].to_string()).collect();
    let text = job.folder.read("out.jsonl");
    assert_eq!(text.lines().take(answers.len()).collect::<Vec<_>>(), answers);
}

#[test]
fn a_killed_run_goes_on_only_as_it_began() {
    let job = Job::new("out.csv");
    job.kill_midway(&["--labels", LABELS], 3);
    let message = failure(&job.arguments(&["--labels", "dog, cat"]), 2);
    assert!(
        message.contains("out.csv.partial") && message.contains("--restart"),
        "{message}"
    );

    // As if a model of the same name and size, but other weights, had begun it.
    let begun = std::fs::read_to_string(job.partial()).unwrap();
    let settings: serde_json::Value = serde_json::from_str(begun.lines().next().unwrap()).unwrap();
    let checksum = settings["model"][3].as_str().unwrap();
    let other = begun.replacen(checksum, &"0".repeat(checksum.len()), 1);
    std::fs::write(job.partial(), other).unwrap();
    let message = failure(&job.arguments(&["--labels", LABELS]), 2);
    assert!(message.contains("another model"), "{message}");
    std::fs::write(job.partial(), begun).unwrap();

    let rows = job.folder.read("rows.csv");
    job.folder.write("rows.csv", rows.replacen("1.png", "2.png", 1));
    let message = failure(&job.arguments(&["--labels", LABELS]), 2);
    assert!(message.contains("row 1 of the input is another"), "{message}");
    job.folder.write("rows.csv", "id,image\n0,0.png\n");
    let message = failure(&job.arguments(&["--labels", LABELS]), 2);
    assert!(message.contains("but the input has 1"), "{message}");

    job.finish(&["--labels", LABELS, "--restart"]);
    assert_eq!(job.folder.read("out.csv").lines().count(), 2);
}

#[test]
fn images_of_the_same_names_in_another_folder_are_others() {
    let job = Job::new("out.jsonl");
    job.kill_midway(&["--labels", LABELS], 3);
    let other = Folder::with(6);
    let elsewhere = [
        &job.input,
        "--root",
        &other.path(""),
        "-o",
        &job.output,
        "--labels",
        LABELS,
    ];
    let message = failure(&elsewhere, 2);
    assert!(message.contains("row 0 of the input is another"), "{message}");

    let message = failure(&job.arguments(&["--labels", LABELS, "--dtype", "bf16"]), 2);
    assert!(message.contains("other options"), "{message}");

    // The folder by another name, from another place.
    let here = [&job.input, "--root", ".", "-o", &job.output, "--labels", LABELS];
    let done = batch(&here)
        .current_dir(job.folder.root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains("by an earlier run"), "{}", said(&done));
}

#[test]
fn two_runs_do_not_write_one_output() {
    let job = Job::new("out.parquet");
    let arguments = ["-", "--labels", LABELS, "-o", &job.output];
    let mut first = batch(&arguments).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    writeln!(stdin, "{{\"image\": \"{}/0.png\"}}", job.root).unwrap();
    while job.journalled().is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let message = failure(&job.arguments(&["--labels", LABELS]), 2);
    assert!(message.contains("another run is writing it"), "{message}");
    drop(stdin);
    assert!(first.wait().unwrap().success());
    assert!(std::fs::exists(&job.output).unwrap());
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    let job = Job::new("out.jsonl");
    let writing = format!("{}.writing", job.output);
    let lines: &[u8] = b"{\"id\": 1}\n{\"id\": 2}\n";
    for (path, content) in [
        (job.partial(), &b"My notes,\nwhich are all that I have.\n"[..]),
        (job.partial(), b"no line break"),
        (job.partial(), lines),
        (job.partial(), b"{\"model\": \"mine\"}\n"),
        (job.partial(), &[0, 159, 146, 150]),
        (writing, lines),
    ] {
        std::fs::write(&path, content).unwrap();
        for more in [&["--labels", LABELS][..], &["--labels", LABELS, "--restart"]] {
            let message = failure(&job.arguments(more), 2);
            assert!(
                message.contains(&path) && message.contains("move it away"),
                "{message}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), content);
            assert!(!std::fs::exists(&job.output).unwrap());
        }
        std::fs::remove_file(&path).unwrap();
    }
    job.finish(&["--labels", LABELS]);
}

#[test]
fn a_damaged_journal_is_met_at_the_start_with_the_way_out() {
    let job = Job::new("out.jsonl");
    job.kill_midway(&["--labels", LABELS], 6);
    let whole = std::fs::read_to_string(job.partial()).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let fingerprint = &lines[3][..17];
    for damaged in [
        format!("{fingerprint}{{\"row\":2,\"probs\":[0.5"),
        format!("{fingerprint}{{\"rows\":2}}"),
        format!("not hexadecimal {}", &lines[3][17..]),
        "\0\0\0\0".into(),
        String::new(),
    ] {
        let mut lines = lines.clone();
        lines[3] = &damaged;
        let journal = lines.join("\n") + "\n";
        std::fs::write(job.partial(), &journal).unwrap();
        let message = failure(&job.arguments(&["--labels", LABELS]), 2);
        assert!(
            message.contains("line 4 is damaged") && message.contains("--restart"),
            "{message}"
        );
        assert_eq!(std::fs::read_to_string(job.partial()).unwrap(), journal);
    }
    // As the message says.
    std::fs::write(job.partial(), lines[..3].join("\n") + "\n").unwrap();
    let said = job.finish(&["--labels", LABELS]);
    assert!(said.contains("2 of them by an earlier run"), "{said}");
    assert_eq!(job.folder.read("out.jsonl").lines().count(), ROWS as usize);
}
