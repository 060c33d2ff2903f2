//! What every vector of floats is made of, given the instructions of its width.
//!
//! Every function is inlined into one that is compiled for the features it uses (see
//! `kernels::vector::vectorized`), so all that is called here is an instruction of a machine that has it.

/// Defines a vector of floats from the instructions of its width.
macro_rules! vector {
    (
        $(#[$meta:meta])* $name:ident($raw:ty) of $count:literal, attention by $columns:literal, panel $panel:ident,
        $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $div:ident $fused:ident $min:ident
        $max:ident, integers $splat_i:ident $load_i:ident $add_i:ident $sub_i:ident $mul_i:ident $and_i:ident
        $or_i:ident $shift_i:ident $convert:ident $to_i:ident $to_f:ident
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name($raw);

        vector!(@operator $name Add add $add, Sub sub $sub, Mul mul $mul, Div div $div);

        impl AddAssign for $name {
            #[inline(always)]
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl Lanes for $name {
            const COUNT: usize = $count;
            const COLUMNS: usize = $columns;
            type Panel = $panel;

            #[inline(always)]
            fn splat(x: f32) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            fn load(x: &[f32]) -> Self {
                let x: &[f32; $count] = x.first_chunk().expect("a vector's values");
                // SAFETY: so many floats are a vector; loads need no alignment.
                Self(unsafe { $load(x.as_ptr()) })
            }

            #[inline(always)]
            fn store(self, out: &mut [f32]) {
                let out: &mut [f32; $count] = out.first_chunk_mut().expect("room for a vector");
                // SAFETY: so many floats are a vector; stores need no alignment.
                unsafe { $store(out.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn times_plus(self, b: Self, c: Self) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $fused(self.0, b.0, c.0) })
            }

            #[inline(always)]
            fn least(self, other: Self) -> Self {
                // SAFETY: the machine has the vector. The second operand is the result where one is NaN.
                Self(unsafe { $min(other.0, self.0) })
            }

            #[inline(always)]
            fn greatest(self, other: Self) -> Self {
                // SAFETY: the machine has the vector. The second operand is the result where one is NaN.
                Self(unsafe { $max(other.0, self.0) })
            }

            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $to_f($and_i($to_i(self.0), $splat_i(i32::MAX))) })
            }

            #[inline(always)]
            fn with_sign_of(self, sign: Self) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe {
                    let sign = $and_i($to_i(sign.0), $splat_i(i32::MIN));
                    $to_f($or_i($to_i(self.abs().0), sign))
                })
            }

            #[inline(always)]
            fn times_power(self, n: Self) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $to_f($add_i($to_i(self.0), $shift_i::<23>($to_i(n.0)))) })
            }

            #[inline(always)]
            fn corrected(dots: &[i32], zero: i32, totals: &[i32]) -> Self {
                let vector = |x: &[i32]| {
                    let x: &[i32; $count] = x.first_chunk().expect("a vector's values");
                    // SAFETY: so many integers are a vector; loads need no alignment.
                    unsafe { $load_i(x.as_ptr().cast()) }
                };
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $convert($sub_i(vector(dots), $mul_i($splat_i(zero), vector(totals)))) })
            }

            #[inline(always)]
            fn max_of_lanes(self) -> f32 {
                let mut lanes = [0.0; $count];
                self.store(&mut lanes);
                lanes.into_iter().fold(f32::NEG_INFINITY, f32::greatest)
            }
        }
    };
    (@operator $name:ident $($trait:ident $function:ident $instruction:ident),*) => {$(
        impl $trait for $name {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                // SAFETY: the machine has the vector (see the module).
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    )*};
}
pub(super) use vector;
