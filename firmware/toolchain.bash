# Sourced by scripts: installs what is missing, and compiles for machines that are not this one.
#
# Wants TARGET, the folder that is built in. CONTACTBOX_DEVICE is "target" or "source": build with
# rustup's targets or from the library's source, instead of whichever is at hand.

readonly RUST_MINOR_MIN=95

say() { printf '%s\n' "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install WHY PACKAGE...: as root on Debian installs them, else says what to type and fails.
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

# rust_fits RUSTC: whether this compiler is new enough.
rust_fits() {
    local version minor
    version=$("$1" --version 2>/dev/null) && minor=${version#rustc 1.} && ((${minor%%.*} >= RUST_MINOR_MIN))
}

# library_source RUSTC: whether this compiler has the source of the standard library beside it.
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

# way_to TARGET: finds, or installs, the first way to build for a target that is open: the target's own library as
# rustup has it, the library's source, rustup's server, Debian's source. Sets WAY_BIN: the folder of the cargo that
# builds the library, or nothing.
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

# cross LIBRARY COMMAND... --target T: cargo for a foreign target, by the way that is open. What was built is in
# CROSS_OUT then.
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
    # Its own target folder: cargo rebuilds all when the compiler changes under it.
    CROSS_OUT=$TARGET/source
    PATH=$bin:$PATH RUSTC=$bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$CROSS_OUT \
        "$bin/cargo" "$@" -Zbuild-std="$library"
}
