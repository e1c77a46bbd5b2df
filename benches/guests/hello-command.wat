;; The smallest WASI 0.1 command: it writes `hello world` to standard output.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  ;; What a Rust guest begins with: 1.1 MB.
  (memory (export "memory") 17)
  (data (i32.const 1024) "hello world\n")
  (data (i32.const 2048) "\00\04\00\00\0c\00\00\00")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 2112)))))
