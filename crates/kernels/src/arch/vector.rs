//! The operations of a vector of floats, defined from the intrinsics of its width.
//!
//! A vector is only made with the token of its instruction set, so a value proves that the machine has the
//! instructions. Every function is inlined into one that is compiled for them (see
//! [`vectorized`](crate::vector::vectorized)).

/// Defines a vector of floats from the instructions of its width.
macro_rules! vector {
    (
        $(#[$meta:meta])* $name:ident($raw:ty) of $count:literal by $isa:ident, attention by $columns:literal, panel $panel:ident,
        $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $div:ident $fused:ident $min:ident
        $max:ident, integers $splat_i:ident $load_i:ident $add_i:ident $sub_i:ident $mul_i:ident $and_i:ident
        $or_i:ident $shift_i:ident $convert:ident $to_i:ident $to_f:ident,
        pairs $sums:ty: $no_pairs:ident $add_pairs:ident $from_pairs:ident $store_pairs:ident $(, codes $store_codes:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name($raw, $isa);

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
            type Isa = $isa;

            #[inline(always)]
            fn isa(self) -> $isa {
                self.1
            }

            #[inline(always)]
            fn splat(isa: $isa, x: f32) -> Self {
                // SAFETY: the token proves that the machine has the instruction.
                Self(unsafe { $splat(x) }, isa)
            }

            #[inline(always)]
            fn load(isa: $isa, x: &[f32]) -> Self {
                let x: &[f32; $count] = x.first_chunk().expect("a vector's values");
                // SAFETY: the token proves the instruction; $count floats are a vector; loads need no alignment.
                Self(unsafe { $load(x.as_ptr()) }, isa)
            }

            #[inline(always)]
            fn store(self, out: &mut [f32]) {
                let out: &mut [f32; $count] = out.first_chunk_mut().expect("room for a vector");
                // SAFETY: the value proves the instruction; $count floats are a vector; stores need no alignment.
                unsafe { $store(out.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the values prove that the machine has the instructions.
                Self(unsafe { $fused(self.0, b.0, c.0) }, self.1)
            }

            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // SAFETY: the values prove the instruction, whose result is the second operand where one is NaN.
                Self(unsafe { $min(other.0, self.0) }, self.1)
            }

            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: the values prove the instruction, whose result is the second operand where one is NaN.
                Self(unsafe { $max(other.0, self.0) }, self.1)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: the values prove that the machine has the instructions.
                Self(unsafe { $to_f($and_i($to_i(self.0), $splat_i(i32::MAX))) }, self.1)
            }

            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                // SAFETY: the values prove that the machine has the instructions.
                let bits = unsafe {
                    let sign = $and_i($to_i(sign.0), $splat_i(i32::MIN));
                    $to_f($or_i($to_i(self.abs().0), sign))
                };
                Self(bits, self.1)
            }

            #[inline(always)]
            fn ldexp(self, n: Self) -> Self {
                // SAFETY: the values prove that the machine has the instructions.
                Self(unsafe { $to_f($add_i($to_i(self.0), $shift_i::<23>($to_i(n.0)))) }, self.1)
            }

            #[inline(always)]
            fn sub_zero_point(isa: $isa, dots: &[i32], zero: i32, totals: &[i32]) -> Self {
                let vector = |x: &[i32]| {
                    let x: &[i32; $count] = x.first_chunk().expect("a vector's values");
                    // SAFETY: the token proves the instruction; $count integers are a vector; loads need no alignment.
                    unsafe { $load_i(x.as_ptr().cast()) }
                };
                // SAFETY: the token proves that the machine has the instructions.
                Self(unsafe { $convert($sub_i(vector(dots), $mul_i($splat_i(zero), vector(totals)))) }, isa)
            }

            #[inline(always)]
            fn reduce_max(self) -> f32 {
                let mut lanes = [0.0; $count];
                self.store(&mut lanes);
                reduce(lanes, Lanes::max)
            }

            type PairSums = $sums;

            #[inline(always)]
            fn no_pairs(_: $isa) -> $sums {
                // SAFETY: the token proves that the machine has the instructions.
                unsafe { $no_pairs() }
            }

            #[inline(always)]
            fn add_pairs(_: $isa, sums: $sums, a: Pair, b: &[Pair]) -> $sums {
                let b: &[Pair; $count] = b.first_chunk().expect("a vector's pairs");
                // SAFETY: the token proves the instructions.
                unsafe { $add_pairs(sums, bytemuck::cast(a), b) }
            }

            #[inline(always)]
            fn from_pairs(isa: $isa, sums: $sums) -> Self {
                // SAFETY: the token proves the instructions.
                Self(unsafe { $from_pairs(sums) }, isa)
            }

            #[inline(always)]
            fn store_pairs(self, out: &mut [i16]) {
                let out: &mut [i16; $count] = out.first_chunk_mut().expect("room for a vector's codes");
                // SAFETY: the value proves the instructions.
                unsafe { $store_pairs($to_i(self.0), out) }
            }
            $(
                #[inline(always)]
                fn store_codes(self, out: &mut [Code]) {
                    let out: &mut [Code; $count] = out.first_chunk_mut().expect("room for a vector's codes");
                    // SAFETY: the value proves the instructions.
                    unsafe { $store_codes($to_i(self.0), out) }
                }
            )?
        }
    };
    (@operator $name:ident $($trait:ident $function:ident $instruction:ident),*) => {$(
        impl $trait for $name {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                // SAFETY: the values prove that the machine has the instructions.
                Self(unsafe { $instruction(self.0, other.0) }, self.1)
            }
        }
    )*};
}
pub(super) use vector;
