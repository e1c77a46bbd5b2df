// A command, in AssemblyScript: greets whom stdin names.
import { input, print } from "./wasi";

export function _start(): void {
  const name = String.UTF8.decode(input());
  print("hello " + (name.length > 0 ? name : "world"));
}
