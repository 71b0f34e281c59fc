//! Gives the linker the memory map of the board that is built for.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=memory");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let (board, scripts): (_, &[&str]) = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("riscv64") => ("qemu_sifive_u", &["memory.x", "link.x", "defmt.x"]),
        Ok("arm") => ("pico", &["link.x", "link-rp.x", "defmt.x"]),
        _ => return,
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a build script a folder"));
    fs::copy(format!("memory/{board}.x"), out.join("memory.x")).expect("each board has its memory");
    println!("cargo:rustc-link-search={}", out.display());
    for script in scripts {
        println!("cargo:rustc-link-arg-bins=-T{script}");
    }
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
