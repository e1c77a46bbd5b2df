// Failures in words: what happened, what would help, and what the server said about it.

import { bytes } from './figures.js';

/** The largest request body of this demo; the same figure as `limits` in its dapr.yaml. */
export const PICTURE_BYTES = 16 * 1024 * 1024;
const SERVER_CHARACTERS = 600;

/** Why a picture can't be sent at all, or undefined. */
export function refusal(picture) {
  if (picture.size === 0) return 'This file is empty: it has 0 bytes. Choose another one.';
  if (picture.size > PICTURE_BYTES) return `This picture is too large: it has ${bytes(picture.size)}, and the demo takes at most ${bytes(PICTURE_BYTES)}.`;
}

/** What speaks against a picture that may still be sent, or undefined. */
export function doubt(picture) {
  if (!picture.type.startsWith('image/')) return 'This doesn’t look like a picture. You can still send it.';
}

/** A failed answer, as { title, text, server, final }: the same picture would fail again. */
export async function ofResponse(response, picture, reads) {
  const server = said(await problem(response));
  return { ...plain(response, picture, reads), server };
}

/** What `fetch` threw, as { title, text }. */
export function ofNetwork() {
  return { title: 'No answer from the demo', text: 'Has it stopped? Look at the terminal where it runs, start it again, then try once more.' };
}

export function ofUnexpected(type) {
  return { title: 'An answer that this page can’t show', text: `It came as ${type || 'something without a type'}, where a picture was expected.` };
}

export function ofUnshowable() {
  return { title: 'The answer is damaged', text: 'It calls itself a picture, but this browser can’t show it.' };
}

function plain(response, picture, reads) {
  switch (response.status) {
    case 413:
      return { title: 'The picture is too large', text: `It has ${bytes(picture.size)}; the demo takes at most ${bytes(PICTURE_BYTES)}${picture.size > PICTURE_BYTES ? '' : ', and one of its parts takes less'}. Make it smaller and try again.`, final: true };
    case 415:
    case 422:
      return { title: 'That is not a picture, or it is damaged', text: `The function could not read it. Try a ${reads}.`, final: true };
    case 429:
    case 503:
      return { title: 'The demo is busy', text: `Try again ${wait(response)}.` };
    case 408:
    case 504:
      return { title: 'It took too long', text: 'The function was stopped at its time limit. Try a smaller picture.' };
    default:
      return { title: 'It went wrong in the server', text: `The answer was ${response.status}${response.statusText ? ` ${response.statusText}` : ''}. The server’s log says more.` };
  }
}

/** `retry-after` is a number of seconds or a date. */
function wait(response) {
  const value = response.headers.get('retry-after');
  const seconds = value === null ? NaN : /^\d+$/.test(value.trim()) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return seconds > 0 ? `in ${seconds} s` : 'in a moment';
}

/** The body, if it is a problem (RFC 9457) or Dapr's error; else its text. */
async function problem(response) {
  const text = await response.text().catch(() => '');
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' ? value : {};
  } catch {
    return /html/.test(response.headers.get('content-type') ?? '') ? {} : { detail: text };
  }
}

function said({ title, detail, hint, errorCode, message }) {
  const words = [title, detail, message].filter((part) => typeof part === 'string' && part.trim()).join(': ');
  const code = typeof errorCode === 'string' ? ` (${errorCode})` : '';
  return { words: (words + code).trim().slice(0, SERVER_CHARACTERS), hint: typeof hint === 'string' ? hint.slice(0, SERVER_CHARACTERS) : '' };
}
