//! The boards. Only the files under this folder name a chip.

#[cfg(all(target_os = "none", target_arch = "arm"))]
pub mod pico;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
pub mod qemu_sifive_u;
#[cfg(target_os = "none")]
mod sd;
#[cfg(target_os = "none")]
mod work;
