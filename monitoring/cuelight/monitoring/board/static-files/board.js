// The board's only script: the theme, live updates, and filters. Without it every page still works.
"use strict";

const root = document.documentElement, THEME = "cuelight-theme";
root.classList.add("scripts");
if (localStorage.getItem(THEME)) root.dataset.theme = localStorage.getItem(THEME); // before anything is drawn

addEventListener("DOMContentLoaded", () => { theme(); filters(); live(); });

function theme() {
  const button = document.getElementById("theme");
  if (!button) return;
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "")) === "dark";
  const show = () => button.setAttribute("aria-pressed", dark());
  button.addEventListener("click", () => {
    localStorage.setItem(THEME, root.dataset.theme = dark() ? "light" : "dark");
    show();
  });
  show();
}

// <input data-filters="ID"> hides those children of the element ID whose text has not all of its words.
function filters() {
  const narrow = (input) => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of document.getElementById(input.dataset.filters)?.children ?? [])
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  };
  const all = () => document.querySelectorAll("input[data-filters]").forEach(narrow);
  document.addEventListener("input", all);
  document.addEventListener("renewed", all);
  all();
}

// Asks for the same page again and again, and takes over what differs inside of elements with `data-live` and an id;
// sooner while it has an element with `data-soon`: something that is being computed.
function live() {
  const every = Number(document.body.dataset.liveSeconds) * 1000, stale = document.getElementById("stale");
  if (!every) return;
  const renew = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { signal: AbortSignal.timeout(15000) });
        if (answer.redirected) return location.reload(); // to the login page
        if (!answer.ok) throw new Error(answer.status);
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const old of document.querySelectorAll("[data-live]")) {
          const found = fresh.getElementById(old.id);
          if (found) morph(old, found);
        }
        document.dispatchEvent(new Event("renewed"));
        if (stale) stale.textContent = "";
      } catch {
        if (stale && !stale.textContent) stale.textContent = `No answer since ${new Date().toLocaleTimeString()}`;
      }
    }
    again();
  };
  const again = () => setTimeout(renew, document.querySelector("[data-soon]") ? Math.min(every, 1000) : every);
  again();
}

// Makes `old` like `fresh` and leaves alone what is the same: focus, scroll, open details and what has been typed stay.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.keep !== undefined) return;
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  const wanted = [...fresh.childNodes], named = new Set(wanted.map((each) => each.id));
  for (const each of [...old.children]) if (each.id && !named.has(each.id)) each.remove();
  wanted.forEach((node, index) => {
    const known = node.id && [...old.children].find((each) => each.id === node.id), here = old.childNodes[index];
    if (known && known !== here) old.insertBefore(known, here);
    if (known || (here && !here.id && !node.id)) morph(known || here, node);
    else old.insertBefore(node, here ?? null);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}
