//! Conversions between candle's tensors and the kernels' slices.
//!
//! On the CPU in f32 the kernels replace candle's operations: they fuse what follows a product,
//! run ragged attention without padding, and multiply quantized weights. Elsewhere candle's own
//! operations run, so the model is written once.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor,
    bail,
};

use cliplet_kernels::{self as kernels, Activation, Epilogue, Numbers, PackedMatrix, Queries, Rows, Segment};

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("kernels take contiguous tensors, not {layout:?}");
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The values of a tensor, copied out.
pub fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// Calls `map` with the `length` values of each image in a tensor, and puts the results one after the other.
pub fn map_images(images: &Tensor, length: usize, mut map: impl FnMut(&[f32]) -> Vec<f32>) -> Result<Tensor> {
    let (storage, layout) = images.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        bail!("kernels compute on the CPU");
    };
    let mut images = values(storage, layout)?.chunks_exact(length);
    let mut out = images.next().map(&mut map).unwrap_or_default();
    images.for_each(|image| out.extend(map(image)));
    let count = out.len();
    Tensor::from_vec(out, count, &Device::Cpu)
}

/// Layer norm of the rows of a tensor.
pub struct LayerNorm<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub eps: f32,
}

impl CustomOp1 for LayerNorm<'_> {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let mut out = vec![0.0; x.len()];
        kernels::layer_norm(x, self.weight.len(), self.weight, self.bias, self.eps, &mut out);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

/// Product of `[rows, k]` with a packed matrix, its bias and activation; with a second tensor, that
/// is added to the result.
pub struct Product<'a> {
    pub matrix: &'a PackedMatrix,
    pub bias: Option<&'a [f32]>,
    pub activation: Option<Activation>,
}

impl Product<'_> {
    fn run(&self, x: &[f32], epilogue: Epilogue<&[f32]>) -> (CpuStorage, Shape) {
        let out = kernels::linear(x, self.matrix, self.bias, epilogue);
        (
            CpuStorage::F32(out),
            (x.len() / self.matrix.k(), self.matrix.n()).into(),
        )
    }
}

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "packed-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let epilogue = self.activation.map_or(Epilogue::None, Epilogue::Activation);
        Ok(self.run(values(storage, layout)?, epilogue))
    }
}

impl CustomOp2 for Product<'_> {
    fn name(&self) -> &'static str {
        "packed-product-add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let residual = values(residual, residual_layout)?;
        Ok(self.run(values(x, x_layout)?, Epilogue::Residual(residual)))
    }
}

/// Adds a bias to every row of a dense product, in place, and applies an activation.
pub struct BiasActivation<'a> {
    pub bias: Option<&'a [f32]>,
    pub activation: Option<Activation>,
}

impl InplaceOp1 for BiasActivation<'_> {
    fn name(&self) -> &'static str {
        "bias-activation"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((start, end)), CpuStorage::F32(all)) = (layout.contiguous_offsets(), storage) else {
            bail!("kernels take contiguous f32 tensors, not {layout:?}");
        };
        let x = &mut all[start..end];
        if let Some(bias) = self.bias {
            for row in x.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
        if let Some(activation) = self.activation {
            activation.apply(x);
        }
        Ok(())
    }
}

/// The rows of a matrix, perhaps a view of some columns of another.
fn rows<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<Rows<'a>> {
    let &[stride, 1] = layout.stride() else {
        bail!("kernels take rows, not {layout:?}");
    };
    let values = &storage.as_slice::<f32>()?[layout.start_offset()..];
    Ok(Rows::new(values, stride))
}

/// Attention of queries, `[queries, width]`, to keys and values side by side, `[tokens, 2 width]`; with a third
/// tensor, to those of prefixes too.
pub struct Attention<'a> {
    pub heads: usize,
    pub segments: &'a [Segment],
    pub asking: Queries,
    pub numbers: Numbers,
}

impl Attention<'_> {
    fn run(
        &self,
        queries: Rows,
        keys_values: Rows,
        prefix: Rows,
        layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (count, width) = layout.shape().dims2()?;
        let mut out = vec![0.0; count * width];
        let of = kernels::Attention {
            queries,
            keys_values,
            prefix,
            segments: self.segments,
            heads: self.heads,
            width,
            asking: self.asking,
            numbers: self.numbers,
        };
        kernels::attention(&of, &mut out);
        Ok((CpuStorage::F32(out), (count, width).into()))
    }
}

impl CustomOp2 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        layout: &Layout,
        keys_values: &CpuStorage,
        keys_values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let keys_values = rows(keys_values, keys_values_layout)?;
        self.run(rows(queries, layout)?, keys_values, Rows::new(&[], 0), layout)
    }
}

impl CustomOp3 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention-with-prefix"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        layout: &Layout,
        keys_values: &CpuStorage,
        keys_values_layout: &Layout,
        prefix: &CpuStorage,
        prefix_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let keys_values = rows(keys_values, keys_values_layout)?;
        self.run(
            rows(queries, layout)?,
            keys_values,
            rows(prefix, prefix_layout)?,
            layout,
        )
    }
}
