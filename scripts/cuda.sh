# shellcheck shell=bash
# Compiles the CUDA build without a CUDA install. Sourced by build.sh.

# The 13.0 line: a driver of the 13.0 series refuses what a newer compiler makes.
readonly CUDA_PACKAGES=(nvidia-{cuda-nvcc,nvvm,cuda-crt,cuda-runtime,cuda-cccl,cublas,cuda-nvrtc}'==13.0.*' nvidia-curand)

# cuda_env: sets what cargo needs to build with CUDA, from packages where no toolkit is installed.
cuda_env() {
  local venv cap lib
  venv=$(python_env cuda "the CUDA compiler and its libraries" "${CUDA_PACKAGES[@]}")
  CUDA_HOME=$(echo "$venv"/lib/python3*/site-packages/nvidia/cu13)
  have g++ || apt_need "the CUDA compiler's host compiler" g++
  # The linker asks for names without versions.
  for lib in "$CUDA_HOME"/lib/lib*.so.[0-9]*; do ln -sf "$(basename "$lib")" "${lib%%.so.*}.so"; done
  cap=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d . || true)
  export CUDA_HOME CUDA_PATH=$CUDA_HOME CUDA_ROOT=$CUDA_HOME CUDA_TOOLKIT_ROOT_DIR=$CUDA_HOME
  export CUDA_COMPUTE_CAP=${cap:-90} PATH="$CUDA_HOME/bin:$PATH" CARGO_TARGET_DIR="$TARGET/cuda"
  # candle's kernels compile on half of the cores by default. Where no GPU will run them, nvcc need not
  # optimise them: each of the ten files of quantized products then takes a fifth of the time.
  export CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-$(nproc)}
  [ -n "$cap" ] || export NVCC_APPEND_FLAGS="${NVCC_APPEND_FLAGS:-} -Ofc=max"
  export RUSTFLAGS="-L native=$CUDA_HOME/lib -L native=$CARGO_TARGET_DIR/stub"
  export LD_LIBRARY_PATH="$CUDA_HOME/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}

# cuda_stub: a driver to link against and to start with where there is none. It has every function that is
# called, and each says CUDA_ERROR_STUB_LIBRARY.
cuda_stub() {
  local stub="$CARGO_TARGET_DIR/stub"
  mkdir -p "$stub"
  {
    nm -u "$CARGO_TARGET_DIR"/debug/deps/lib{cudarc,candle}*.rlib 2>/dev/null | awk '$2 ~ /^cu[A-Z]/ {print $2}' | sort -u
    nm -D --defined-only "$CUDA_HOME"/lib/lib{cublas,cublasLt,curand,nvrtc,cudart}.so | awk 'NF == 3 {print $3}' | sed 's/@.*//' | sort -u | sed 'p'
  } | sort | uniq -u | sed 's/.*/int &(void) { return 34; }/' >"$stub/cuda.c"
  cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$stub/libcuda.so.1" "$stub/cuda.c"
  ln -sf libcuda.so.1 "$stub/libcuda.so"
}

# The commit of CUTLASS that candle-flash-attn's build looks for, and the version that it is.
readonly CUTLASS_COMMIT=7d49e6c7e2f8896c47f586706e67e1fb215529dc CUTLASS_VERSION=3.5.0

# flash_env: sets what the feature flash-attn needs besides. Its build fetches CUTLASS's headers from GitHub; where
# that is out of reach they come from PyPI, into a folder of our own that passes for the checkout.
flash_env() {
  local name="git/checkouts/cutlass-${CUTLASS_COMMIT:0:16}" source="$TOOLS/cutlass/cutlass_library/source" without
  # Without the kernels for what CLIP's attention has not, in a tenth of the time. Of the others max would make
  # more to assemble than it saves.
  local flags=${NVCC_APPEND_FLAGS:-}
  flags=${flags/-Ofc=max/-Ofc=mid}
  for without in DROPOUT ALIBI SOFTCAP LOCAL; do flags+=" -DFLASHATTENTION_DISABLE_$without"; done
  export NVCC_APPEND_FLAGS=$flags
  [ -d "${CUDAFORGE_HOME:-$HOME/.cudaforge}/$name/include" ] && return
  timeout 30 git ls-remote -q https://github.com/NVIDIA/cutlass.git HEAD >/dev/null 2>&1 && return
  export CUDAFORGE_HOME="$TOOLS/cudaforge"
  [ -d "$CUDAFORGE_HOME/$name" ] && return
  say "GitHub is out of reach: CUTLASS $CUTLASS_VERSION from PyPI"
  "$TOOLS/cuda-venv/bin/pip" install --quiet --no-deps --upgrade --target "$TOOLS/cutlass" "nvidia-cutlass==$CUTLASS_VERSION"
  git init --quiet "$source"
  echo "$CUTLASS_COMMIT" >"$source/.git/HEAD"
  mkdir -p "$CUDAFORGE_HOME/${name%/*}"
  mv "$source" "$CUDAFORGE_HOME/$name"
}

# check_cuda [FEATURE]: cuda or flash-attn.
check_cuda() (
  local feature=${1:-cuda} said
  cuda_env
  [ "$feature" = cuda ] || flash_env
  say "Compiling with the feature $feature (compute capability $CUDA_COMPUTE_CAP)"
  cargo build --lib --features "$feature"
  cuda_stub
  cargo build --features "$feature"
  say "Built $CARGO_TARGET_DIR/debug/cliplet"
  if nvidia-smi -L >/dev/null 2>&1; then
    cargo test --features "$feature" --test devices -- --nocapture
  else
    said=$(LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$CARGO_TARGET_DIR/stub" "$CARGO_TARGET_DIR/debug/cliplet" embed --device cuda --text a 2>&1) &&
      die "it computed on a GPU that is not there"
    say "It starts, and says: $said"
    [[ $said == *"the GPU cannot be used"* ]] || die "that is not what is wrong"
    say "skipped: the numeric suite on a GPU; this machine has none"
  fi
)
