;; A command guest that gives back what it is given.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ;; One buffer at 16. Its length is set before each call; the count of bytes done is at 8.
  (data (i32.const 0) "\10\00\00\00")
  (func (export "_start") (local $left i32)
    (loop $read
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const 65536))
      (br_if 1 (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $left (i32.load (i32.const 8)))
      (br_if 1 (i32.eqz (local.get $left)))
      (loop $write
        (i32.store (i32.const 4) (local.get $left))
        (br_if 2 (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        ;; A write may take less than it was given.
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
        (br_if $write (local.tee $left (i32.sub (local.get $left) (i32.load (i32.const 8))))))
      (br $read))))
