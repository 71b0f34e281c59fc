//! The device on QEMU's `sifive_u`. `firmware/run` builds it for riscv64imac-unknown-none-elf and
//! runs it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[riscv_rt::entry]
fn main() -> ! {
    contactbox_firmware::board::qemu_sifive_u::run()
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a program for an emulated device: start it with firmware/run.");
}
