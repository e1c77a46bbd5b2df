// A command, in AssemblyScript: says which digit the picture on stdin shows, by wasi_ephemeral_nn and the model `digits`.
import { fail, input, print } from "./wasi";

// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "load_by_name")
declare function loadByName(name: usize, length: u32, graph: usize): u32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "init_execution_context")
declare function initExecutionContext(graph: u32, context: usize): u32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "set_input")
declare function setInput(context: u32, index: u32, tensor: usize): u32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "compute")
declare function compute(context: u32): u32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "get_output")
declare function getOutput(context: u32, index: u32, buffer: usize, room: u32, written: usize): u32;

const PIXELS: i32 = 64;
const DIGITS: i32 = 10;
/** The type of a byte, in the list of the interface's later drafts. */
const TYPE_OF_BYTE: u8 = 3;
/** The caller's fault, not the program's. */
const EXIT_OF_DATA: u32 = 65;

const dimensions = memory.data<u32>([1, 8, 8, 1]);
const tensor = memory.data(20, 4);
const handle = memory.data(4, 4);
const written = memory.data(4, 4);

export function _start(): void {
  const picture = input();
  const head = String.UTF8.encode("P5\n8 8\n255\n");
  const length = head.byteLength;
  const start = changetype<usize>(picture);
  if (picture.byteLength != length + PIXELS || memory.compare(start, changetype<usize>(head), length) != 0) {
    fail("a picture is PGM, 8 by 8 pixels", EXIT_OF_DATA);
  }
  const name = String.UTF8.encode("digits");
  check("load_by_name", loadByName(changetype<usize>(name), name.byteLength, handle));
  check("init_execution_context", initExecutionContext(load<u32>(handle), handle));
  store<u32>(tensor, dimensions);
  store<u32>(tensor, 4, 4);
  store<u8>(tensor, TYPE_OF_BYTE, 8);
  store<u32>(tensor, start + length, 12);
  store<u32>(tensor, PIXELS, 16);
  const context = load<u32>(handle);
  check("set_input", setInput(context, 0, tensor));
  check("compute", compute(context));
  const scores = new Uint8Array(DIGITS);
  check("get_output", getOutput(context, 0, scores.dataStart, DIGITS, written));
  let best = 0;
  for (let digit = 1; digit < DIGITS; digit++) {
    if (scores[digit] > scores[best]) best = digit;
  }
  print(best.toString());
}

function check(what: string, error: u32): void {
  if (error != 0) fail(what + ": error " + error.toString(), 1);
}
