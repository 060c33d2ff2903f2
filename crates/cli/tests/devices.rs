//! The option `--device` of the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The command alone in a folder, with no CUDA build beside it. By a link: a copy may still be open for
/// writing in a process that another test just started, and would not start then.
fn alone() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let plain = folder.path().join("cliplet");
    std::fs::hard_link(env!("CARGO_BIN_EXE_cliplet"), &plain).unwrap();
    (folder, plain)
}

#[test]
fn a_device_that_is_not_there_is_told_in_a_sentence() {
    let (_folder, plain) = alone();
    let said = |device: &str, code: i32| {
        let mut command = Command::new(&plain);
        let output = command
            .args(["embed", "--text", "a", "--device", device])
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        message
    };
    if !cfg!(feature = "metal") {
        assert!(said("metal", 1).contains("--features metal"));
    }
    if cfg!(feature = "cuda") {
        assert!(said("cuda:99", 1).contains("the GPU cannot be used"));
    } else {
        assert!(said("cuda:0", 1).contains("--features cuda"));
    }
    assert!(said("gpu", 2).contains("cuda:1"));
}

/// A plain build hands over to the CUDA build beside it where there is a driver, and says so where there
/// is none.
#[cfg(all(unix, not(feature = "cuda")))]
#[test]
fn the_cuda_build_beside_takes_over() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, plain) = alone();
    let cuda = folder.path().join("cliplet-cuda");
    std::fs::write(&cuda, "#!/bin/sh\necho \"$@\"\n").unwrap();
    std::fs::set_permissions(&cuda, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&plain);
    let output = command
        .args(["embed", "--text", "a", "--device", "cuda:1"])
        .output()
        .unwrap();
    let driver = ["/proc/driver/nvidia/version", "/dev/dxg"];
    if driver.iter().any(|path| Path::new(path).exists()) {
        assert_eq!(output.stdout, b"embed --text a --device cuda:1\n");
    } else {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains("cuda:1: this machine has no NVIDIA driver"),
            "{message}"
        );
    }
}
