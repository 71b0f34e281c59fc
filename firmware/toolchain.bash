# Sourced by scripts: installs missing packages, and compiles for other machines than this one.
#
# TARGET must be the build folder. CONTACTBOX_DEVICE can be "target" or "source", to build with
# rustup's targets or from the library's source; by default, the first one at hand is used.

readonly RUST_MINOR_MIN=95

say() { printf '%s\n' "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install WHY PACKAGE...: installs them as root on Debian, else prints the command and fails.
apt_install() {
    local why=$1 && shift
    if ! have apt-get; then
        say "missing: $why. On Debian: apt-get install $*" >&2 && return 1
    elif [[ $EUID -ne 0 ]]; then
        say "missing: $why. Install it with: sudo apt-get install -y $*" >&2 && return 1
    fi
    say "installing $* ($why)"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
        >"$TARGET/apt.log" 2>&1 </dev/null || { tail -n 5 "$TARGET/apt.log" >&2; return 1; }
}

# rust_fits RUSTC: succeeds if this compiler is new enough.
rust_fits() {
    local version minor
    version=$("$1" --version 2>/dev/null) && minor=${version#rustc 1.} && ((${minor%%.*} >= RUST_MINOR_MIN))
}

# library_source RUSTC: succeeds if the source of the standard library is beside this compiler.
library_source() {
    local sysroot
    sysroot=$("$1" --print sysroot 2>/dev/null) && [[ -f $sysroot/lib/rustlib/src/rust/library/Cargo.lock ]]
}

has_target() { [[ -d $(rustc --print target-libdir --target "$1" 2>/dev/null) ]]; }

# source_toolchain: prints the folder of a cargo and rustc that can build the library from source.
source_toolchain() {
    local bin
    for bin in "$(rustc --print sysroot)/bin" /usr/bin; do
        [[ -x $bin/cargo ]] && rust_fits "$bin/rustc" && library_source "$bin/rustc" && say "$bin" && return
    done
    return 1
}

# way_to TARGET: finds, or installs, the first possible way to build for a target: the target's library
# installed by rustup, the library's source, rustup's server, Debian's source. Sets WAY_BIN: the folder
# of the cargo that builds the library, or nothing.
way_to() {
    local target=$1 way=${CONTACTBOX_DEVICE:-}
    WAY_BIN=""
    if [[ $way != source ]]; then
        if ! has_target "$target" && have rustup && { [[ $way == target ]] || ! source_toolchain >/dev/null; }; then
            timeout 300 rustup target add "$target" >"$TARGET/rustup.log" 2>&1 </dev/null
        fi
        ! has_target "$target" || return 0
        [[ $way != target ]] || { tail -n 3 "$TARGET/rustup.log" >&2; return 1; }
    fi
    if ! WAY_BIN=$(source_toolchain); then
        apt_install "the library for $target (or: rustup target add $target)" rustc-web cargo-web rust-web-src || return 1
        WAY_BIN=$(source_toolchain) || { say "no Rust library source for $target; try: rustup target add $target" >&2; return 1; }
    fi
    # Debian's compiler comes without a linker for these targets.
    if [[ $target == *-none-* && -z $(find "$("$WAY_BIN/rustc" --print sysroot)/lib/rustlib" -name rust-lld 2>/dev/null) ]]; then
        have ld.lld || apt_install "a linker for $target" lld || return 1
        local linker=${target//-/_}
        export "CARGO_TARGET_${linker^^}_LINKER=ld.lld"
    fi
}

# cross LIBRARY COMMAND... --target T: runs cargo for a foreign target, by the way found. CROSS_OUT is
# the folder of the result.
cross() {
    local library=$1 target=${*: -1} bin
    shift
    way_to "$target" || return 1
    bin=$WAY_BIN
    if [[ -z $bin ]]; then
        say "$target: with the target's library"
        CROSS_OUT=$TARGET
        cargo "$@"
        return
    fi
    say "$target: with the library's source, $("$bin/rustc" --version)"
    # A target folder of its own, because cargo rebuilds everything when the compiler changes.
    CROSS_OUT=$TARGET/source
    PATH=$bin:$PATH RUSTC=$bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$CROSS_OUT \
        "$bin/cargo" "$@" -Zbuild-std="$library"
}
