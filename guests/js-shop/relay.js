// A call of another app whose bodies stream.
import { invokeStreaming } from 'pillion-sdk/invocation';
import * as http from 'pillion-sdk/http';

export function relay() {
  const call = invokeStreaming('echo', '/echo', { hasBody: true });
  const answer = call.response();
  const body = answer.body[Symbol.iterator]();
  // The head of the request comes back first, in a piece of its own.
  body.next();
  let back = 0;
  for (let part = 0; part < 10; part++) {
    call.write('x'.repeat(20_000));
    for (let came = 0; came < 20_000; ) came += body.next().value.length;
    back += 20_000;
  }
  call.finish();
  return http.text(answer.status, `${back} ${body.next().done}`);
}
