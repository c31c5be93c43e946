// What saves a page load, and what keeps typed text over a bad line. Every page works without it.
"use strict";

const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const one = (selector, from = document) => from.querySelector(selector);

// ---- lists: j and k move, x selects, Enter opens; what is selected is counted ------------------------------------

function lists() {
  const rows = all("[data-list]").flatMap((list) => all("tbody tr:not(.group), li", list).filter((row) => one("a", row)));
  let at = -1;
  const go = (to) => {
    at = Math.max(0, Math.min(rows.length - 1, to));
    one("a", rows[at])?.focus();
    rows[at]?.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    const typing = /^(input|textarea|select)$/i.test(event.target.tagName) && event.target.type !== "checkbox";
    if (!rows.length || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = rows.findIndex((row) => row.contains(document.activeElement));
    if (inside >= 0) at = inside;
    if (event.key === "j") go(at + 1);
    else if (event.key === "k") go(at - 1);
    else if (event.key === "x" && at >= 0) one("input[type=checkbox]", rows[at])?.click();
    else if (event.key === "Enter" && at >= 0 && event.target.type === "checkbox") one("a", rows[at])?.click();
    else return;
    event.preventDefault();
  });
  for (const list of all("form[data-list]")) {
    const says = one("[data-selected]", list);
    if (!says) continue;
    const bare = says.textContent;
    const count = () => {
      const n = all("input[name=item]:checked", list).length;
      says.textContent = n ? `${bare} ${n}` : bare;
    };
    list.addEventListener("change", count);
    count();
  }
}

// ---- forms: what is typed is kept here until the server has it, and there as a draft -----------------------------

const EVERY = 20000; // milliseconds between two tries to save a draft
const KEPT = "postloan.";
const unkept = new Set(["_form", "key", "seen", "act", "behalf", "password"]);

function fields(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && !unkept.has(name)) found[name] = value;
  return found;
}

function fill(form, values) {
  for (const input of form.elements) {
    if (!input.name || unkept.has(input.name) || ["hidden", "file", "submit"].includes(input.type)) continue;
    if (input.type === "radio" || input.type === "checkbox") input.checked = values[input.name] === input.value;
    else if (input.name in values) input.value = values[input.name];
  }
}

const store = {
  get: (name) => { try { return JSON.parse(localStorage.getItem(KEPT + name) ?? "null"); } catch { return null; } },
  put: (name, value) => { try { localStorage.setItem(KEPT + name, JSON.stringify(value)); } catch { /* full, or not allowed */ } },
  clear: (start) => {
    try { Object.keys(localStorage).filter((name) => name.startsWith(KEPT + start)).forEach((name) => localStorage.removeItem(name)); }
    catch { /* not allowed */ }
  },
  drop: (name) => { try { localStorage.removeItem(KEPT + name); } catch { /* not allowed */ } },
};

function keeping(form) {
  const name = form.dataset.kept, says = one("[data-saved]", form);
  const rows = (values) => JSON.stringify(Object.entries(values).filter(([key]) => key.startsWith("n.")));
  const kept = store.get(name);
  if (kept && !("back" in form.dataset) && rows(kept) === rows(fields(form))) fill(form, kept);
  let dirty = Boolean(kept), busy = false;
  const tell = (text) => { if (says && text) says.textContent = text; };

  async function save() {
    if (!dirty || busy) return;
    busy = true;
    dirty = false;
    const body = new URLSearchParams(fields(form));
    for (const hidden of ["_form", "seen"]) body.set(hidden, form.elements[hidden].value);
    body.set("act", "draft");
    body.set("quiet", "yes");
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      tell(form.dataset.savedAt?.replace("{at}", (await answer.json()).at));
      if (!dirty) store.drop(name);
    } catch {
      dirty = true;
      tell(form.dataset.unsaved);
    }
    busy = false;
  }

  form.addEventListener("input", () => { dirty = true; store.put(name, fields(form)); });
  form.addEventListener("change", () => { dirty = true; store.put(name, fields(form)); });
  const timer = setInterval(save, EVERY);
  window.addEventListener("online", save);
  form.addEventListener("submit", (event) => {
    store.put(name, fields(form));
    if (navigator.onLine) { clearInterval(timer); return; }
    event.preventDefault(); // it would only show the browser's own page, and leave ours
    dirty = true;
    tell(form.dataset.unsaved);
  });
}

// ---- how far it is: answers as they stand in the form, files as they arrive ---------------------------------------

function progress(form) {
  const says = one("[data-says]"), bar = one("#done");
  if (!says) return;
  let files = Number(says.dataset.files);
  const count = () => {
    const typed = fields(form), has = (name) => Boolean(typed[name]?.trim());
    const answered = all("[data-question]", form).map((each) => each.dataset.question)
      .filter((name) => has(name) || has(`${name}.word`)).length;
    const text = says.dataset.says.replace("{answered}", answered).replace("{files}", files);
    if (says.textContent !== text) says.textContent = text;
    bar.value = answered + files;
  };
  form.addEventListener("input", count);
  form.addEventListener("change", count);
  form.addEventListener("arrived", () => { files += 1; count(); });
  count();
}

// ---- photographs: one request each, again and again under one key until it is answered ---------------------------

const waits = (ms) => new Promise((done) => setTimeout(done, ms));
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

function position() {
  return new Promise((done) => {
    if (!navigator.geolocation) { done({}); return; }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => done({ latitude: String(coords.latitude), longitude: String(coords.longitude) }),
      () => done({}), { enableHighAccuracy: true, timeout: 8000, maximumAge: 60000 });
  });
}

function photographs(form) {
  const line = one("[data-line]"), says = line && one("[data-waits]", line);
  let open = 0;
  const count = (n) => {
    open += n;
    if (!line) return;
    line.hidden = !open || navigator.onLine;
    if (open) says.textContent = open === 1 ? says.dataset.waitsOne : says.dataset.waits.replace("{photos}", String(open));
  };
  const leaving = (event) => { if (open) event.preventDefault(); };
  window.addEventListener("beforeunload", leaving);
  window.addEventListener("offline", () => count(0));
  window.addEventListener("online", () => count(0));

  function sent(input, said) { // it is seen where it was taken, and may be taken again in place of this one
    const shot = input.closest(".shot"), says = one("[data-again]", shot), seen = one("img", shot) ?? document.createElement("img");
    seen.alt = "";
    seen.src = `${form.dataset.seen}${said.sha256}?thumb=1`;
    shot.prepend(seen);
    says.textContent = says.dataset.again;
    input.setAttribute("aria-label", input.dataset.retake);
    input.dataset.instead = said.key;
  }

  async function send(input, file, taken) {
    const state = one("[data-state]", input.closest("li")), body = new FormData();
    const where = input.dataset.kind === "photo" ? await position() : {};
    const values = { _form: form.elements._form.value, key: key(), kind: input.dataset.kind, shows: input.dataset.shows,
                     taken_at: taken, instead: input.dataset.instead ?? "", ...where };
    for (const [name, value] of Object.entries(values)) body.set(name, value);
    body.set("file", file, file.name);
    count(1);
    for (let tried = 0; ; tried += 1) {
      state.textContent = form.dataset[tried ? "again" : "sending"].replace("{what}", input.dataset.label);
      try {
        const answer = await fetch(form.dataset.send, { method: "POST", body, headers: { accept: "application/json" }, redirect: "error" });
        if (answer.status < 500) {
          const said = await answer.json().catch(() => ({ says: form.dataset.unsent }));
          state.textContent = `${input.dataset.label}: ${answer.ok ? "✓ " : ""}${said.says}`;
          state.className = `help ${answer.ok ? (said.far ? "warned" : "ok") : "err"}`;
          if (answer.ok && "wanted" in input.dataset) {
            delete input.dataset.wanted;
            form.dispatchEvent(new Event("arrived"));
          }
          if (answer.ok && input.dataset.kind === "photo") sent(input, said);
          if (said.far && one("[data-away]")) one("[data-away]").hidden = false;
          break;
        }
      } catch { /* no line: once more */ }
      await waits(Math.min(30000, 2000 * 2 ** Math.min(tried, 4)));
    }
    count(-1);
  }

  form.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type !== "file" || !input.files.length) return;
    const taken = input.dataset.kind === "photo" ? new Date(input.files[0].lastModified).toISOString() : "";
    for (const file of [...input.files]) send(input, file, taken);
    input.value = ""; // it goes on its own, so not with the form
  });
}

// ---- what stands beside a form on a desk is folded above it on a phone -------------------------------------------

const wide = matchMedia("(min-width: 1000px)");

function beside(details) {
  const fold = () => { details.open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
}

lists();
all("details[data-wide]").forEach(beside);
all("[data-done]").forEach((done) => store.clear(done.dataset.done));
all("form[data-kept]").forEach(keeping);
all("form[data-kept]").forEach(progress);
all("form[data-send]").forEach(photographs);
all("form[action='/signout']").forEach((form) => form.addEventListener("submit", () => store.clear(""))); // nobody after him finds it
