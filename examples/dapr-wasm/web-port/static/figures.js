// Sizes, times and forms as people read them.

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const [unit, value] = count < 1024 * 1024 ? ['KiB', count / 1024] : ['MiB', count / (1024 * 1024)];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

export function milliseconds(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** `image/svg+xml` is read as SVG, `image/jpeg` as JPEG; what is no picture keeps its whole name. */
export function form(type) {
  const picture = /^image\/(?:x-)?([a-z0-9.-]+)/i.exec(type);
  return picture ? picture[1].toUpperCase() : type || 'unknown type';
}

export function dimensions(image) {
  return image.naturalWidth ? `${image.naturalWidth} × ${image.naturalHeight}` : '';
}

/** The longest duration of a `server-timing` header: the metric that holds the others. */
export function serverTime(header) {
  const durations = [...(header ?? '').matchAll(/;\s*dur\s*=\s*"?([0-9.]+)/gi)].map((match) => Number(match[1]));
  return durations.length ? Math.max(...durations) : undefined;
}
