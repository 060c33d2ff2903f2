//! The device that a model runs on, by the name that a person gives it.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Result};

/// A device by name: `cpu`, `cuda`, `cuda:1`, `metal`. Without a number it is the first of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda(usize),
    /// An Apple GPU.
    Metal(usize),
}

impl DeviceName {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this build does not compute on such a device, or it cannot be used.
    pub fn open(self) -> Result<Device> {
        let feature = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Cuda(_) if cfg!(feature = "cuda") => None,
            Self::Metal(_) if cfg!(feature = "metal") => None,
            Self::Cuda(_) => Some(("cuda", "CUDA toolkit")),
            Self::Metal(_) => Some(("metal", "tools of a Mac")),
        };
        if let Some((feature, tools)) = feature {
            return Err(self.unusable(format!(
                "this build computes on the CPU only; `cargo build --release --features {feature}` builds one \
                 for it, with the {tools}"
            )));
        }
        let opened = match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Device::new_cuda(number),
            Self::Metal(number) => Device::new_metal(number),
        };
        opened.map_err(|error| {
            // The lines after the first are a backtrace, where one was asked for.
            let error = error.to_string();
            let error = error.lines().next().unwrap_or_default();
            self.unusable(format!(
                "the GPU cannot be used; is it there, and its driver installed and new enough? ({error})"
            ))
        })
    }

    /// The error that it cannot be used.
    pub fn unusable(self, reason: String) -> Error {
        Error::Unsupported {
            file: format!("device {self}"),
            reason,
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
        match (kind, number.parse()) {
            ("cpu", _) if name == "cpu" => Ok(Self::Cpu),
            ("cuda", Ok(number)) => Ok(Self::Cuda(number)),
            ("metal", Ok(number)) => Ok(Self::Metal(number)),
            _ => Err("expected cpu, cuda, metal, or cuda:1 for the second GPU".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_go_by_kind_and_number() {
        assert_eq!("cpu".parse(), Ok(DeviceName::Cpu));
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(DeviceName::Cuda(3)));
        assert_eq!("metal".parse(), Ok(DeviceName::Metal(0)));
        assert_eq!(DeviceName::Cuda(3).to_string(), "cuda:3");
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "metal:1:2"] {
            assert!(wrong.parse::<DeviceName>().is_err(), "{wrong}");
        }
    }
}
