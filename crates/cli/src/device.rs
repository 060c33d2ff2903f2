//! The device that a subcommand computes on. CUDA is linked dynamically, so a build with it cannot start where CUDA is
//! missing: it is a binary of its own, which this one starts where CUDA is asked for.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device};
use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::device::DeviceName;

/// The CUDA build's name, beside the plain one.
const CUDA_BINARY: &str = "cliplet-cuda";
/// Files that exist where an NVIDIA driver is loaded: on Linux, and in Linux within Windows.
const DRIVER_FILES: [&str; 2] = ["/proc/driver/nvidia/version", "/dev/dxg"];

/// The options that choose a device and a data type.
#[derive(Args)]
pub struct DeviceOptions {
    /// cpu, cuda, cuda:1 for the second GPU, or metal.
    #[arg(long, value_name = "DEVICE", env = "CLIPLET_DEVICE", default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Type of dense weights and activations: f32 on a CPU and f16 on a GPU by default.
    #[arg(long, value_enum)]
    dtype: Option<DtypeChoice>,
}

/// Data types that a model computes in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DtypeChoice {
    F32,
    F16,
    Bf16,
}

impl DeviceOptions {
    /// Opens the device. Where this build has no CUDA and a CUDA build lies beside it, this process becomes that one.
    pub fn open(&self) -> Result<Device, Error> {
        match self.device {
            DeviceName::Cuda(_) if !cfg!(feature = "cuda") => Err(self.become_cuda_build()),
            device => device.open(),
        }
    }

    /// The device that was asked for.
    pub fn device(&self) -> DeviceName {
        self.device
    }

    /// The data type that was asked for, where one was.
    pub fn dtype(&self) -> Option<DType> {
        self.dtype.map(|dtype| match dtype {
            DtypeChoice::F32 => DType::F32,
            DtypeChoice::F16 => DType::F16,
            DtypeChoice::Bf16 => DType::BF16,
        })
    }

    /// Replaces this process by the CUDA build. Returns only where that fails, with the reason.
    fn become_cuda_build(&self) -> Error {
        let beside = std::env::current_exe().map(|own| own.with_file_name(CUDA_BINARY));
        let Some(binary) = beside.ok().filter(|binary| binary.is_file()) else {
            return self.device.unusable(format!(
                "this binary computes on the CPU only; build the CUDA one with `cargo build --release \
                 --features cuda`, where the CUDA toolkit is, and put it beside this one as {CUDA_BINARY}"
            ));
        };
        if !DRIVER_FILES
            .iter()
            .any(|path| std::fs::exists(path).unwrap_or(false))
        {
            return self.device.unusable(
                "this machine has no NVIDIA driver loaded; install the driver of its GPU, or use --device cpu"
                    .into(),
            );
        }
        let error = exec(&binary);
        self.device
            .unusable(format!("{} does not start: {error}", binary.display()))
    }
}

/// Replaces this process by `binary` with the same arguments.
#[cfg(unix)]
fn exec(binary: &Path) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    Command::new(binary).args(std::env::args_os().skip(1)).exec()
}

/// Runs `binary` with the same arguments and exits with its code.
#[cfg(not(unix))]
fn exec(binary: &Path) -> std::io::Error {
    match Command::new(binary).args(std::env::args_os().skip(1)).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
