// The row of sample pictures, from `samples/samples.json`; without that file the page has none and says nothing.

const MOST_SAMPLES = 48;
/** Pixels: twice what home.css shows, for dense screens. */
const THUMBNAIL = 112;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Fills the list. `take` gets the blob and the name of a sample that was picked. */
export function samples(block, list, take, complain) {
  let latest;

  async function pick(sample, button) {
    clear();
    button.setAttribute('aria-pressed', 'true');
    latest = sample;
    const blob = await load(sample).catch(() => undefined);
    // A slow sample must not replace what was picked after it.
    if (latest !== sample) return;
    if (!blob) return complain(`The sample “${sample.title}” can’t be loaded. Has the demo stopped?`);
    take(blob, sample.file);
  }

  function clear() {
    latest = undefined;
    for (const button of list.querySelectorAll('button')) button.setAttribute('aria-pressed', 'false');
  }

  index().then((found) => {
    list.append(...found.map((sample) => item(sample, pick)));
    block.hidden = found.length === 0;
  });
  list.addEventListener('keydown', move);
  return { clear };
}

async function index() {
  try {
    const response = await fetch('samples/samples.json');
    const found = response.ok ? await response.json() : [];
    return found.filter(({ file }) => typeof file === 'string').slice(0, MOST_SAMPLES);
  } catch {
    return [];
  }
}

async function load(sample) {
  const response = await fetch(address(sample));
  if (!response.ok) throw new Error(response.statusText);
  return response.blob();
}

function address({ file }) {
  return `samples/${encodeURIComponent(file)}`;
}

function item(sample, pick) {
  const button = document.createElement('button');
  Object.assign(button, { type: 'button', className: 'sample', title: sample.title ?? sample.file });
  button.setAttribute('aria-pressed', 'false');
  button.setAttribute('aria-label', `${sample.title ?? sample.file}. ${sample.alt ?? ''}`.trim());
  button.dataset.file = sample.file;
  button.append(still(address(sample)));
  button.addEventListener('click', () => pick(sample, button));
  const row = document.createElement('li');
  row.append(button);
  return row;
}

/** A square of the picture's middle. Drawn, so that an animation doesn't move beside the picture all the time. */
function still(source) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: THUMBNAIL, height: THUMBNAIL });
  const image = new Image();
  image.src = source;
  image.decode().then(() => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const side = Math.min(width, height);
    canvas.getContext('2d').drawImage(image, (width - side) / 2, (height - side) / 2, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  }, () => {});
  return canvas;
}

/** Arrow keys, Home and End move within the row; Tab reaches each sample as well. */
function move(event) {
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  const from = buttons.indexOf(document.activeElement);
  const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? from + (STEPS[event.key] ?? 0);
  if (from < 0 || to === from) return;
  event.preventDefault();
  buttons[(to + buttons.length) % buttons.length].focus();
}
