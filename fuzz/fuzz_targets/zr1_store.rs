#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zwiebel_fuzz::zr1_store::run(bytes));
