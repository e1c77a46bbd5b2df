// The page: a picture is taken, sent to one of the two functions, and the answer is shown beside it.

import { sentence } from './answer.js';
import { bytes, dimensions, form, milliseconds, serverTime } from './figures.js';
import { samples } from './samples.js';
import { doubt, ofNetwork, ofResponse, ofUnexpected, ofUnshowable, refusal } from './trouble.js';

const CLOCK_MS = 100;

const at = (id) => document.getElementById(id);
const grey = { button: at('grey'), api: 'rs', busy: 'Turning it grey', reads: 'PNG, JPEG or GIF', show: showGrey };
const classify = { button: at('classify'), api: 'go', busy: 'Looking at it', reads: 'JPEG or PNG', show: showWords };
const panels = ['empty', 'grey-picture', 'words', 'trouble'];

/** The picture to send: { blob, name, type, size }. */
let picture;
/** The call under way: { controller, request, picture }. */
let running;
let lastAsked;

// --- taking a picture ---

async function take(blob, name) {
  running?.controller.abort();
  const taken = { blob, name, type: blob.type || '', size: blob.size };
  note(refusal(taken) ?? '');
  if (refusal(taken)) return false;
  picture = taken;
  at('picture-name').textContent = name;
  note(doubt(taken) ?? '');
  enable(true);
  nothingYet('The answer appears here.');
  const seen = await show(at('original'), blob);
  if (picture !== taken) return true;
  at('original').hidden = !seen;
  at('no-preview').hidden = seen;
  at('invite').hidden = true;
  at('change').hidden = false;
  const facts = [taken.type && form(taken.type), seen && dimensions(at('original')), bytes(taken.size)];
  at('picture-facts').textContent = facts.filter(Boolean).join(' · ');
  return true;
}

/** Shows a blob in an image element; false if this browser can't decode it. */
async function show(image, blob) {
  const previous = image.src;
  image.src = URL.createObjectURL(blob);
  if (previous.startsWith('blob:')) URL.revokeObjectURL(previous);
  return image.decode().then(() => true, () => false);
}

async function takeFiles(files, origin) {
  if (!files.length) return note(`There was no picture in what you ${origin}.`);
  chosenSample.clear();
  const [file] = files;
  const taken = await take(file, file.name || 'Pasted picture');
  if (taken && files.length > 1) note(`You ${origin} ${files.length} files; this is the first.`);
}

function note(words) {
  at('note').textContent = words;
}

at('file').addEventListener('change', ({ target }) => {
  if (target.files.length) takeFiles(target.files, 'chose');
});
// Emptied before each choice, so that the same file can be chosen again after it was changed.
at('file').addEventListener('click', ({ target }) => { target.value = ''; });

document.addEventListener('paste', ({ clipboardData }) => takeFiles(clipboardData?.files ?? [], 'pasted'));

// The whole window takes a drop: a near miss would otherwise make the browser leave the page.
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  at('drop').classList.add('over');
});
document.addEventListener('dragleave', ({ relatedTarget }) => {
  if (!relatedTarget) at('drop').classList.remove('over');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  at('drop').classList.remove('over');
  takeFiles(event.dataTransfer.files, 'dropped');
});

const chosenSample = samples(at('samples-block'), at('samples'), take, note);

// --- asking ---

async function ask(request) {
  if (running) return;
  if (!picture) return note('Choose a picture first.');
  lastAsked = request;
  const call = { controller: new AbortController(), request, picture };
  const { blob, type } = picture;
  begin(call);
  const started = performance.now();
  try {
    const response = await fetch('/api/hello', {
      method: 'POST',
      body: blob,
      headers: { api: request.api, 'content-type': type || 'application/octet-stream' },
      signal: call.controller.signal,
    });
    const failure = response.ok ? await shown(call, response, started) : await ofResponse(response, call.picture, request.reads);
    if (failure) showTrouble(failure);
  } catch {
    if (!call.controller.signal.aborted) showTrouble(ofNetwork());
    else if (call.picture === picture) cancelled();
  } finally {
    end(call);
  }
}

/** Shows a good answer; returns what is wrong with it, if something is. */
async function shown(call, response, started) {
  const blob = await response.blob();
  const took = performance.now() - started;
  const failure = await call.request.show(blob, call);
  if (failure) return failure;
  const server = serverTime(response.headers.get('server-timing'));
  at('time').textContent = milliseconds(took);
  at('server-time').textContent = server === undefined ? 'there and back' : `${milliseconds(server)} in the server`;
  announce(`${at('sentence').textContent || 'The grey picture is ready.'} It took ${milliseconds(took)}.`);
  bringIntoView();
}

async function showGrey(blob, { picture, controller }) {
  if (!blob.type.startsWith('image/')) return ofUnexpected(blob.type);
  const image = at('grey-picture');
  const seen = await show(image, blob);
  // Another picture may have been taken meanwhile: this is not its answer.
  controller.signal.throwIfAborted();
  if (!seen) return ofUnshowable();
  image.alt = `${picture.name}, in grey`;
  at('sentence').replaceChildren();
  panel('grey-picture');
  figures(blob.size, `from ${bytes(picture.size)}`, form(blob.type), dimensions(image));
  const download = at('download');
  download.href = image.src;
  download.download = `${picture.name.replace(/\.[^.]*$/, '')}-grey.${blob.type === 'image/gif' ? 'gif' : 'png'}`;
  download.hidden = false;
}

async function showWords(blob, { picture, controller }) {
  if (blob.type.startsWith('image/')) return { ...ofUnexpected(blob.type), text: 'It came as a picture, where words were expected.' };
  const html = await blob.text();
  controller.signal.throwIfAborted();
  at('sentence').replaceChildren(sentence(html));
  at('search-help').hidden = !at('sentence').querySelector('a');
  panel('words');
  figures(blob.size, `for ${bytes(picture.size)}`, 'Text', '');
}

function showTrouble({ title, text, server, final = false }) {
  const lines = [element('h3', title), element('p', text)];
  if (server?.words) lines.push(element('p', `The server said: ${server.words}`, 'quiet'));
  if (server?.hint) lines.push(element('p', `Hint: ${server.hint}`, 'quiet'));
  at('trouble').replaceChildren(...lines);
  panel('trouble');
  figures();
  at('again').hidden = final;
  bringIntoView();
}

function cancelled() {
  announce('Cancelled.');
  if (at('grey-picture').hidden && at('words').hidden) nothingYet('Cancelled.');
}

// --- what the page looks like ---

function nothingYet(words) {
  at('empty-words').textContent = words;
  panel('empty');
  figures();
}

function begin(call) {
  running = call;
  enable(false);
  at('result').setAttribute('aria-busy', 'true');
  at('again').hidden = true;
  at('trouble').replaceChildren();
  at('busy-words').textContent = call.request.busy;
  at('busy').hidden = false;
  announce(`${call.request.busy}. Escape cancels.`);
  const started = performance.now();
  const tick = () => { at('clock').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`; };
  tick();
  call.clock = setInterval(tick, CLOCK_MS);
}

function end(call) {
  clearInterval(call.clock);
  if (document.activeElement === at('cancel')) call.request.button.focus({ preventScroll: true });
  at('busy').hidden = true;
  at('result').setAttribute('aria-busy', 'false');
  enable(true);
  running = undefined;
}

// `aria-disabled`, not `disabled`: a disabled button would lose the keyboard's focus in the middle of its own call.
function enable(yes) {
  for (const { button } of [grey, classify]) button.setAttribute('aria-disabled', String(!yes));
}

function panel(shown) {
  for (const id of panels) at(id).hidden = id !== shown;
  at('download').hidden = true;
  at('again').hidden = true;
}

function figures(size, sizeDetail = '', kind = '–', pixels = '') {
  at('time').textContent = '–';
  at('server-time').textContent = '';
  at('size').textContent = size === undefined ? '–' : bytes(size);
  at('size-detail').textContent = sizeDetail;
  at('form').textContent = kind;
  at('dimensions').textContent = pixels;
}

function announce(words) {
  at('status').textContent = words;
}

// On a phone the answer is below the buttons; `nearest` does nothing where it is seen already.
function bringIntoView() {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  at('result').scrollIntoView({ block: 'nearest', behavior: calm ? 'auto' : 'smooth' });
}

function element(name, text, className = '') {
  const made = document.createElement(name);
  // What stands between backticks, as in the server's words, is a name or a key.
  made.append(...text.split('`').map((part, index) => (index % 2 ? element('code', part) : part)));
  made.className = className;
  return made;
}

for (const request of [grey, classify]) request.button.addEventListener('click', () => ask(request));
at('again').addEventListener('click', () => {
  lastAsked.button.focus({ preventScroll: true });
  ask(lastAsked);
});
at('cancel').addEventListener('click', () => running?.controller.abort());
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') running?.controller.abort();
});
