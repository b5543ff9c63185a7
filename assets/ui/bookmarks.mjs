/* Bookmarks of views, and links by which people without an account open one: a list in a drawer. */

import { formatLink } from '../model/link-text.mjs';
import { element } from '../render/dom.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */

/**
 * @typedef {object} Bookmark As `/api/v1/bookmarks` lists it.
 * @property {string} id
 * @property {string} person
 * @property {string} group
 * @property {string} name
 * @property {string} note
 * @property {string} file
 * @property {string} view
 * @property {boolean} may_delete
 *
 * @typedef {{id: string, file: string, note: string, expires: number}} Share
 * @typedef {ReturnType<typeof createBookmarks>} Bookmarks
 */

const NOT_FOUND = 404;
/** @type {[label: string, days: number][]} */
const DAYS = [['1 day', 1], ['7 days', 7], ['30 days', 30], ['1 year', 365]];

/** `current()` is the view that is shown, `openAddress()` shows what the address bar says.
 * @param {{api: Pick<Api, 'url' | 'json' | 'fetchOk'>, bridge: Pick<DashBridge, 'set'>, closeTree: () => void,
 *   current: () => View | null, openAddress: () => void}} parts */
export function createBookmarks({ api, bridge, closeTree, current, openAddress }) {
  const message = tag('div', { className: 'field-error', role: 'alert' });

  async function open() {
    closeTree();
    bridge.set('bookmarks-drawer', { opened: true });
    await attempt(show);
  }

  const close = () => bridge.set('bookmarks-drawer', { opened: false });

  /** Do something, and say what is wrong where it fails. @param {() => Promise<void>} job */
  async function attempt(job) {
    message.textContent = '';
    try {
      await job();
    } catch (error) {
      const { status, message: sentence } = /** @type {Error & {status?: number}} */ (error);
      message.textContent = status === NOT_FOUND && !element('bookmarks').querySelector('ul')
        ? 'Who opens a shared link has no bookmarks here.'
        : sentence;
      if (!message.isConnected) element('bookmarks').replaceChildren(message);
    }
  }

  async function show() {
    const [{ bookmarks, groups, may_add }, { shares, may_share }] = await Promise.all([
      api.json('/api/v1/bookmarks'),
      api.json('/api/v1/shares'),
    ]);
    const view = current();
    element('bookmarks').replaceChildren(
      message,
      bookmarks.length
        ? list(bookmarks.map(bookmarkItem))
        : tag('p', { className: 'empty' }, 'There are no bookmarks.'),
      ...(view && may_add ? [addForm(view, groups)] : []),
      ...(view && may_share ? [shareForm(view)] : []),
      ...(shares.length ? [tag('h3', {}, 'Links that were made'), list(shares.map(shareItem))] : []),
    );
  }

  /** @param {Bookmark} one @returns {HTMLElement} */
  function bookmarkItem(one) {
    const link = tag('a', { href: location.pathname + '?' + one.view }, one.name);
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      history.pushState(null, '', link.href);
      close();
      openAddress();
    });
    const facts = [one.file, one.group && 'for ' + one.group, one.group && one.person && 'by ' + one.person];
    return tag(
      'li',
      {},
      tag(
        'div',
        { className: 'bookmark-text' },
        link,
        tag('span', { className: 'node-meta' }, facts.filter(Boolean).join(' · ')),
        ...(one.note ? [tag('span', { className: 'bookmark-note' }, one.note)] : []),
      ),
      ...(one.may_delete ? [removeButton('Delete', 'Delete ' + one.name, '/api/v1/bookmarks/' + one.id)] : []),
    );
  }

  /** @param {Share} one @returns {HTMLElement} */
  function shareItem(one) {
    const until = (one.expires * 1000 < Date.now() ? 'expired ' : 'until ') +
      new Date(one.expires * 1000).toLocaleDateString();
    return tag(
      'li',
      {},
      tag(
        'div',
        { className: 'bookmark-text' },
        tag('span', {}, one.note || one.file),
        tag('span', { className: 'node-meta' }, [one.note && one.file, until].filter(Boolean).join(' · ')),
      ),
      removeButton('Revoke', 'Revoke the link to ' + (one.note || one.file), '/api/v1/shares/' + one.id),
    );
  }

  /** @param {string} text @param {string} label @param {string} path @returns {HTMLElement} */
  function removeButton(text, label, path) {
    const button = tag('button', { type: 'button', className: 'text-button', ariaLabel: label }, text);
    button.addEventListener('click', () =>
      attempt(async () => {
        await api.fetchOk(api.url(path), { method: 'DELETE' });
        await show();
      }));
    return button;
  }

  /** @param {View} view @param {string[]} groups @returns {HTMLElement} */
  function addForm(view, groups) {
    const name = field('Name', 'input', { required: true, maxLength: 200, value: nameOf(view) });
    const note = field('Note', 'textarea', { maxLength: 2000, rows: 2 });
    const group = choice('For', [
      ['me alone', ''],
      ...groups.map((one) => /** @type {[string, string]} */ ([one, one])),
    ]);
    return form('Bookmark this view', 'Add bookmark', [name, note, ...(groups.length ? [group] : [])], async () => {
      await post('/api/v1/bookmarks', {
        name: name.control.value,
        note: note.control.value,
        group: group.control.value,
        view: formatLink(view),
      });
      await show();
    });
  }

  /** @param {View} view @returns {HTMLElement} */
  function shareForm(view) {
    const days = choice(
      'Valid for',
      DAYS.map(([label, n]) => /** @type {[string, string]} */ ([label, String(n)])),
      '7',
    );
    const note = field('Purpose', 'input', { maxLength: 2000 });
    const made = form('Share this view', 'Make a link', [days, note], async () => {
      const response = await post('/api/v1/shares', {
        view: formatLink(view),
        days: Number(days.control.value),
        note: note.control.value,
      });
      const { link } = await response.json();
      await show();
      showLink(location.origin + link);
    });
    made.append(
      tag('p', { className: 'empty' }, 'Who has the link sees this file, and nothing else, without an account.'),
    );
    return made;
  }

  /** The link is given once. @param {string} link */
  function showLink(link) {
    const shown = field('The link, which is shown once', 'input', { readOnly: true, value: link, id: 'share-link' });
    const button = tag('button', { type: 'button', className: 'form-button' }, 'Copy');
    button.addEventListener('click', () => {
      shown.control.select();
      // Deprecated, but the clipboard itself is for pages over HTTPS and on this machine alone.
      button.textContent = document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C';
    });
    message.after(tag('div', { className: 'bookmark-form' }, shown.node, button));
    shown.control.select();
  }

  /** @param {string} title @param {string} label @param {{node: HTMLElement}[]} fields @param {() => Promise<void>} job
   * @returns {HTMLElement} */
  function form(title, label, fields, job) {
    const button = tag('button', { type: 'submit', className: 'form-button' }, label);
    const made = tag(
      'form',
      { className: 'bookmark-form' },
      tag('h3', {}, title),
      ...fields.map((f) => f.node),
      button,
    );
    made.addEventListener('submit', (event) => {
      event.preventDefault();
      attempt(job);
    });
    return made;
  }

  /** @param {string} path @param {object} body @returns {Promise<Response>} */
  function post(path, body) {
    const headers = { 'Content-Type': 'application/json' };
    return api.fetchOk(api.url(path), { method: 'POST', headers, body: JSON.stringify(body) });
  }

  return { open };
}

/** What a view is called unless it is given a name. @param {View} view @returns {string} */
export function nameOf(view) {
  const where = view.axis === null ? '' : ', slice ' + view.position[view.axis];
  return (view.dataset.split('/').pop() + where).slice(0, 200);
}

/** An element with properties and children. @template {keyof HTMLElementTagNameMap} K @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]>} props @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]} */
function tag(name, props, ...children) {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
}

/** @param {HTMLElement[]} items @returns {HTMLElement} */
const list = (items) => tag('ul', { className: 'bookmark-list' }, ...items);

/** A field under its label. @template {'input' | 'textarea'} K @param {string} label @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]>} props */
function field(label, name, props) {
  const control = tag(name, props);
  return { control, node: tag('label', {}, label, control) };
}

/** A choice under its label. @param {string} label @param {[label: string, value: string][]} options
 * @param {string} [value] */
function choice(label, options, value = '') {
  const control = tag('select', {}, ...options.map(([text, one]) => tag('option', { value: one }, text)));
  control.value = value;
  return { control, node: tag('label', {}, label, control) };
}
