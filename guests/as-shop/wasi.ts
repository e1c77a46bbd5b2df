// What a command needs of WASI preview 1 and of wasi_ephemeral_nn, declared by hand: the compiler brings no library for them.
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: u32, parts: usize, count: u32, read: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, parts: usize, count: u32, written: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: u32): void;

/** The most that is read of stdin. */
const MOST: u32 = 64 << 10;
/** A pointer and a length, and the count that comes back. */
const part = memory.data(8, 4);
const count = memory.data(4, 4);

/** All of stdin; what is over 64 KiB is left out. */
export function input(): ArrayBuffer {
  const buffer = new ArrayBuffer(MOST);
  let length: u32 = 0;
  while (length < MOST) {
    store<u32>(part, changetype<usize>(buffer) + length);
    store<u32>(part, MOST - length, 4);
    if (fd_read(0, part, 1, count) != 0 || load<u32>(count) == 0) break;
    length += load<u32>(count);
  }
  return buffer.slice(0, length);
}

/** Writes to stdout, or another file. */
export function print(text: string, file: u32 = 1): void {
  const bytes = String.UTF8.encode(text);
  store<u32>(part, changetype<usize>(bytes));
  store<u32>(part, bytes.byteLength, 4);
  fd_write(file, part, 1, count);
}

/** Ends with an exit code: 65 says that the data is at fault. */
export function fail(why: string, code: u32): void {
  print(why + "\n", 2);
  proc_exit(code);
}
