;; The smallest bindgen guest: bytes in, the same bytes out, in the ABI of wasm-bindgen's older releases.
(module
  ;; What a Rust guest begins with: 1.1 MB.
  (memory (export "memory") 17)
  (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32) (i32.const 65536))
  (func (export "__wbindgen_malloc") (param i32) (result i32) (i32.const 131072))
  (func (export "__wbindgen_free") (param i32 i32))
  (func (export "echo") (param $out i32) (param $from i32) (param $length i32)
    (i32.store (local.get $out) (local.get $from))
    (i32.store offset=4 (local.get $out) (local.get $length))))
