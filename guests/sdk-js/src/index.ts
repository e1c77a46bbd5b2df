// What guests in JavaScript and TypeScript share. Each building block is a module of its own: `pillion-sdk/state`,
// `pillion-sdk/topic` and so on. What is not wrapped can be imported as it is, from `pillion:dapr/<interface>@0.1.0`; `types/`
// documents every function.
/// <reference path="../types/all.d.ts" />
export { DaprError } from './error.ts';
export { type Data, bytes, json, text } from './bytes.ts';
