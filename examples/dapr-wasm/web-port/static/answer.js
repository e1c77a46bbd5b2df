// The classifier answers in HTML. Of it, only text and one search link are rebuilt; its markup never reaches the page.

const SEARCH = 'https://www.google.com/search?q=';
const ANSWER_CHARACTERS = 4096;

// The parsed document is inert: it runs no script, loads nothing, and is read, never adopted.
const policy = globalThis.trustedTypes?.createPolicy('answer', { createHTML: (html) => html });

/** @returns {DocumentFragment} text, and at most one link. */
export function sentence(html) {
  const bounded = html.slice(0, ANSWER_CHARACTERS);
  const parsed = new DOMParser().parseFromString(policy?.createHTML(bounded) ?? bounded, 'text/html');
  const safe = document.createDocumentFragment();
  rebuild(parsed.body, safe);
  safe.normalize();
  return safe;
}

function rebuild(from, into) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.append(node.data);
    else if (node.nodeName === 'A' && isSearch(node) && !into.querySelector('a')) into.append(link(node));
    else if (!['SCRIPT', 'STYLE', 'TEMPLATE'].includes(node.nodeName)) rebuild(node, into);
  }
}

function isSearch(anchor) {
  return (anchor.getAttribute('href') ?? '').startsWith(SEARCH);
}

function link(anchor) {
  const safe = document.createElement('a');
  safe.href = anchor.getAttribute('href');
  safe.target = '_blank';
  safe.rel = 'noopener noreferrer';
  safe.textContent = anchor.textContent;
  return safe;
}
