//! The device that a subcommand computes on. CUDA is linked dynamically, so a build with it cannot
//! start where CUDA is missing: it is a binary of its own, which this one hands over to.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device};
use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::device::DeviceName;

/// The CUDA build's name, beside the plain one.
const CUDA_BINARY: &str = "cliplet-cuda";
/// What is there where an NVIDIA driver is loaded: on Linux, and within Windows.
const DRIVERS: [&str; 2] = ["/proc/driver/nvidia/version", "/dev/dxg"];

/// Which device, and in which type dense weights are there.
#[derive(Args)]
pub struct Place {
    /// cpu, cuda, cuda:1 for the second GPU, or metal.
    #[arg(long, value_name = "DEVICE", env = "CLIPLET_DEVICE", default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Type of dense weights and activations: f32 on a CPU and f16 on a GPU by default.
    #[arg(long, value_enum)]
    dtype: Option<Type>,
}

/// Types that a model computes in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    F32,
    F16,
    Bf16,
}

impl Place {
    /// Opens the device. Where this build has no CUDA and one that has lies beside it, that one takes
    /// over and this does not return.
    pub fn open(&self) -> Result<Device, Error> {
        match self.device {
            DeviceName::Cuda(_) if !cfg!(feature = "cuda") => Err(self.hand_over()),
            device => device.open(),
        }
    }

    /// The device asked for.
    pub fn device(&self) -> DeviceName {
        self.device
    }

    /// The type asked for.
    pub fn dtype(&self) -> Option<DType> {
        self.dtype.map(|dtype| match dtype {
            Type::F32 => DType::F32,
            Type::F16 => DType::F16,
            Type::Bf16 => DType::BF16,
        })
    }

    /// Becomes the CUDA build; gives the reason where that cannot be.
    fn hand_over(&self) -> Error {
        let beside = std::env::current_exe().map(|own| own.with_file_name(CUDA_BINARY));
        let Some(binary) = beside.ok().filter(|binary| binary.is_file()) else {
            return self.device.unusable(format!(
                "this binary computes on the CPU only; build the CUDA one with `cargo build --release \
                 --features cuda`, where the CUDA toolkit is, and put it beside this one as {CUDA_BINARY}"
            ));
        };
        if !DRIVERS.iter().any(|path| std::fs::exists(path).unwrap_or(false)) {
            return self.device.unusable(
                "this machine has no NVIDIA driver loaded; install the driver of its GPU, or use --device cpu"
                    .into(),
            );
        }
        let error = replace(&binary);
        self.device
            .unusable(format!("{} does not start: {error}", binary.display()))
    }
}

/// Runs `binary` with this command's arguments in its place.
#[cfg(unix)]
fn replace(binary: &Path) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    Command::new(binary).args(std::env::args_os().skip(1)).exec()
}

/// Runs `binary` with this command's arguments and ends as it does.
#[cfg(not(unix))]
fn replace(binary: &Path) -> std::io::Error {
    match Command::new(binary).args(std::env::args_os().skip(1)).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
