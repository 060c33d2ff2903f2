//! Tokens of x86-64's instruction sets. Each can only be made by `detect`, where the processor has the features.

/// Defines a token from the features that it proves, and the tokens that it implies.
macro_rules! token {
    ($(#[$meta:meta])* $name:ident: $($feature:tt)+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(());

        impl $name {
            /// A token if this processor has the features.
            #[inline]
            pub fn detect() -> Option<Self> {
                (true $(&& is_x86_feature_detected!($feature))+).then_some(Self(()))
            }
        }
    };
}

token! {
    /// AVX2 and FMA: vectors of 256 bits.
    Avx2: "avx2" "fma"
}

token! {
    /// AVX2 with `vpdpbusd` on 256 bits.
    AvxVnni: "avx2" "fma" "avxvnni"
}

token! {
    /// AVX-512 for floats and pairs of 16-bit codes: vectors of 512 bits, and those of AVX2.
    Avx512: "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni" "avx2" "fma"
}

token! {
    /// AVX-512 with `vpdpbusd`.
    Avx512Vnni: "avx512f" "avx512vl" "avx512vnni"
}

impl From<Avx512> for Avx2 {
    #[inline(always)]
    fn from(_: Avx512) -> Self {
        // `Avx512::detect` asked for AVX2 and FMA as well.
        Self(())
    }
}
