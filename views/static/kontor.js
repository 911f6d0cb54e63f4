// What Kontor adds in the browser. Everything works without it; nothing is evaluated, nothing foreign is loaded.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);

  // A form with mistakes: the summary takes the focus, so that it is read out and the keyboard is there.
  const focusSummary = () => $("#summary")?.focus();

  // The title says Error: as long as the page does.
  const complained = !!$("#summary");
  document.addEventListener("htmx:afterSettle", () => {
    const prefix = $("#live").dataset.error, title = document.title.replace(prefix, "").trim();
    if (complained) document.title = $("#summary") ? `${prefix} ${title}` : title;
  });

  // Forms whose answer takes the place of the editor that they stand in; see below.
  const acting = (form) => !!window.htmx && form.hasAttribute("data-acts");

  // Unsaved changes warn before the page is left; sending the form is not leaving it. A form that comes back with
  // mistakes still holds unsaved text.
  let dirty = !!$("#summary") && !!$("form[data-warn]");
  document.addEventListener("input", (e) => { if (e.target.closest("form[data-warn]")) dirty = true; });
  document.addEventListener("submit", (e) => {
    if (e.target.matches("form[data-warn]")) dirty = false;
    if (e.target.method === "dialog") return;
    // A second click while the first is on its way is not a second request.
    if (e.target.dataset.sent) { e.preventDefault(); return; }
    if (e.target.method === "post" && !e.target.hasAttribute("hx-post") && !acting(e.target)) {
      e.target.dataset.sent = "1";
      e.target.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => {
    delete f.dataset.sent;
    f.removeAttribute("aria-busy");
  }));
  window.addEventListener("beforeunload", (e) => { if (dirty) e.preventDefault(); });

  // A page that asks by itself finds out that the session has ended. Where something was typed it stays, and says so;
  // sending it leads to signing in and back. A form that came back in the place of the whole page is nothing to be left.
  let typed = !!$("#summary") && !!$("form[method=post]");
  document.addEventListener("input", (e) => { if (e.target.form?.method === "post") typed = true; });
  document.addEventListener("htmx:beforeOnLoad", (e) => {
    if (e.detail.xhr.status !== 401 || !typed) return;
    e.preventDefault();
    if ($("#signed-out")) return;
    const note = document.createElement("p");
    note.id = "signed-out";
    note.className = "toast-line warn";
    note.setAttribute("role", "alert");
    note.textContent = $("#live").dataset.signedOut;
    $("#main").prepend(note);
  });
  document.addEventListener("htmx:beforeSwap", (e) => { if (e.detail.target === document.body) dirty = typed = false; });

  // What is wrong with a number is said as soon as its field is left, and its field looks so. While it is typed, it may be
  // incomplete. One element asks in both cases: what it asks when the field is left takes the place of what it asked before.
  document.addEventListener("htmx:configRequest", (e) => {
    if (e.detail.triggeringEvent?.type === "input" && e.detail.target.matches(".understood")) e.detail.path += "?typing=1";
  });
  document.addEventListener("htmx:afterSwap", (e) => {
    if (!e.detail.target.matches(".understood")) return;
    const field = e.detail.target.closest(".field"), wrong = !!$(".wrong", e.detail.target);
    field.classList.toggle("is-wrong", wrong);
    if (wrong) $("input", field).setAttribute("aria-invalid", "true");
    else $("input", field).removeAttribute("aria-invalid");
  });

  // Times are written for the firm's time zone; a browser elsewhere shows its own in the title.
  const localTimes = (root) => root.querySelectorAll("time[datetime]:not([title])").forEach((t) => {
    const at = new Date(t.dateTime);
    if (!isNaN(at)) t.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
  });

  // What a person opened, closed or ticked stays so when its fragment is refreshed.
  const opened = new Map(), ticked = new Set();
  document.addEventListener("htmx:beforeSwap", (e) => {
    if (!e.detail.shouldSwap) return; // nothing has changed
    e.detail.target.querySelectorAll("details[id]").forEach((d) => opened.set(d.id, d.open));
    e.detail.target.querySelectorAll("input.tickable:checked").forEach((i) => ticked.add(i.id));
    e.detail.target.querySelectorAll(openWhys).forEach((link) => {
      reasons.set(link.id, reasonOf(link));
      reasonOf(link).remove();
    });
  });
  document.addEventListener("htmx:afterSwap", () => {
    opened.forEach((open, id) => { const d = document.getElementById(id); if (d) d.open = open; });
    opened.clear();
    ticked.forEach((id) => { const i = document.getElementById(id); if (i) i.checked = true; });
    ticked.clear();
    disclose();
    reasons.forEach((reason, id) => { const link = document.getElementById(id); if (link) showReason(link, reason); });
    reasons.clear();
    reveal();
    countTicked();
    localTimes(document);
    focusChanged();
  });

  // The focus is never lost with what is replaced: what took its place has it, else the heading of what was replaced.
  let held = null;
  document.addEventListener("htmx:beforeSwap", (e) => {
    const at = document.activeElement;
    if (e.detail.shouldSwap && e.detail.target.contains(at) && at !== document.body) held = { at, heading: e.detail.target.id };
  });
  const sameAs = (was) => {
    if (was.id) return document.getElementById(was.id);
    const like = [...document.querySelectorAll(was.tagName)];
    return was.name ? like.find((x) => x.name === was.name && x.value === was.value) : was.href && like.find((x) => x.href === was.href);
  };
  document.addEventListener("htmx:afterSettle", () => {
    if (!held) return;
    const { at, heading } = held;
    held = null;
    if (at.isConnected || document.activeElement !== document.body) return;
    const place = sameAs(at) ?? $("h1, h2, h3", document.getElementById(heading) ?? document) ?? $("main h1");
    if (!place) return;
    if (place.tabIndex < 0) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  });
  const focusChanged = () => { const s = $("#summary"); if (s && !s.dataset.seen) { s.dataset.seen = "1"; s.focus(); } };

  // What changed is told to screen readers once, from elements with data-say.
  document.addEventListener("htmx:afterSettle", () => {
    const say = $("[data-say]"), live = $("#live");
    if (say && live && live.textContent !== say.dataset.say) live.textContent = say.dataset.say;
  });

  // Keyboard: / search, Ctrl+K palette, g and a letter places, n new, j k x rows, ? help, Esc closes, Ctrl+Enter saves.
  // Off for who switched them off.
  const shortcuts = document.body.hasAttribute("data-shortcuts");
  let pending = "";
  document.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      const form = e.target.closest?.("form");
      if (form) { e.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (inPalette(e.target) && throughPalette(e)) return;
    if (shortcuts && e.key.toLowerCase() === "k" && (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey) { e.preventDefault(); togglePalette(); return; }
    const why = e.target.closest?.("a[data-why]") ?? whyOf(e.target.closest?.(".reason"));
    if (why && e.key === "Escape" && hideReason(why)) { why.focus(); return; }
    if (why && e.target === why && e.key === " ") { e.preventDefault(); why.click(); return; }
    if (e.key.startsWith("Arrow") && throughGlance(e)) { e.preventDefault(); return; }
    if (e.key === "Escape" && hideFound()) { e.preventDefault(); $("#q").focus(); return; }
    if ((e.key === "ArrowDown" || e.key === "ArrowUp") && throughFound(e.target, e.key === "ArrowDown")) { e.preventDefault(); return; }
    if (e.key === "Escape") { document.querySelectorAll("details.person[open]").forEach((d) => { d.open = false; $("summary", d).focus(); }); return; }
    if (!shortcuts || e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target) || $("dialog[open]")) return;
    const key = pending + e.key;
    pending = "";
    switch (key) {
      case "/": e.preventDefault(); ($("#q") ?? $("#find"))?.focus(); break;
      case "g": pending = "g"; break;
      case "n": location.href = "/customers/new"; break;
      case "j": throughRows(1); break;
      case "k": throughRows(-1); break;
      case "x": e.target.closest(rowsOf)?.querySelector("input.tickable")?.click(); break;
      case "a": [...document.querySelectorAll(".bar [type=submit]")].find((act) => act.checkVisibility())?.focus(); break;
      case "z": $("#acted form [type=submit], #toast form [type=submit]")?.click(); break;
      case "?": $("#keys")?.showModal(); break;
      default:
        if (key[0] === "g") $(`#nav a[data-key="${CSS.escape(key[1])}"]`)?.click();
        else if (/^[1-9]$/.test(key)) $(`.tabs a:nth-of-type(${key})`)?.click();
    }
  });
  // What is typed goes into the field. A box to tick takes no letters.
  const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

  // j and k go from row to row of the lists of a page, by the first thing in each that can be opened or ticked.
  const rowsOf = "main .rows tbody tr, main .hits li, main .matters li";
  const throughRows = (step) => {
    const rows = [...document.querySelectorAll(rowsOf)], here = rows.indexOf(document.activeElement.closest(rowsOf));
    for (let i = here < 0 && step < 0 ? -1 : here + step; i >= 0 && i < rows.length; i += step) {
      const first = $("a[href], input.tickable", rows[i]), name = $("a.name, .name a", rows[i]) ?? first;
      if (name?.checkVisibility()) { name.focus(); return; }
    }
  };

  // In the table of policies the arrows go from button to button: along a row, and to the same place in the row above or below.
  const throughGlance = (e) => {
    const row = e.target.closest?.("#glance button.toggle")?.closest("tr"), cell = e.target.closest("td");
    if (!row || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return false;
    const rows = [...row.closest("table").querySelectorAll("tbody tr:not([hidden])")], along = [...row.querySelectorAll("button")];
    const beside = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    const there = rows[rows.indexOf(row) + (e.key === "ArrowUp" ? -1 : 1)]?.cells[cell.cellIndex].querySelectorAll("button");
    const to = beside ? along[along.indexOf(e.target) + beside] : there?.[Math.min([...cell.querySelectorAll("button")].indexOf(e.target), there.length - 1)];
    to?.focus();
    return true;
  };

  // The palette: what its field asks is shown below it. The arrows go through it while the field keeps the focus.
  const palette = $("#palette"), asks = $("#palette-q");
  const inPalette = (element) => !!palette?.contains(element);
  const togglePalette = () => {
    if (palette?.open) { palette.close(); return; }
    if (!palette || !window.htmx || $("dialog[open]")) return;
    asks.value = "";
    palette.showModal();
    htmx.trigger(asks, "opened");
  };
  const entries = () => [...document.querySelectorAll("#palette-list [role=option]")];
  const chosen = () => document.getElementById(asks.getAttribute("aria-activedescendant"));
  const choose = (entry) => {
    chosen()?.setAttribute("aria-selected", "false");
    if (!entry) { asks.removeAttribute("aria-activedescendant"); return; }
    entry.setAttribute("aria-selected", "true");
    entry.scrollIntoView({ block: "nearest" });
    asks.setAttribute("aria-activedescendant", entry.id);
  };
  const throughPalette = (e) => {
    const all = entries(), at = all.indexOf(chosen()), to = { ArrowDown: (at + 1) % all.length, ArrowUp: at > 0 ? at - 1 : all.length - 1 }[e.key];
    if (e.key === "Enter") { e.preventDefault(); chosen()?.click(); return true; }
    if (to === undefined) return false;
    e.preventDefault();
    choose(all[to]);
    return true;
  };
  document.addEventListener("htmx:afterSwap", (e) => {
    if (e.detail.target.id !== "palette-found") return;
    const found = entries().length > 0;
    asks.setAttribute("aria-expanded", String(found));
    if (found) asks.setAttribute("aria-controls", "palette-list");
    else asks.removeAttribute("aria-controls");
    choose(entries()[0]);
    $("#palette-said").textContent = $("[data-found]", palette).dataset.found;
  });
  for (const failed of ["htmx:responseError", "htmx:sendError"]) {
    asks?.addEventListener(failed, () => location.assign(`/search?q=${encodeURIComponent(asks.value)}`)); // there it is said
  }
  palette?.addEventListener("click", (e) => { if (e.target === palette) palette.close(); });
  palette?.addEventListener("close", () => choose(null));

  // What the frame's search finds, below it: Esc closes it, and so does going elsewhere; the arrows go through it.
  const inFind = (element) => !!element?.closest?.("form.find");
  const hideFound = () => {
    const found = $("#found");
    if (!found?.firstElementChild) return false;
    found.replaceChildren();
    return true;
  };
  const throughFound = (from, down) => {
    if (from.id === "q" && down && from.getAttribute("hx-target") !== "#found") { // it fills a list on the page
      throughRows(1);
      return document.activeElement !== from;
    }
    const links = [...document.querySelectorAll("#found .hits a")];
    if (!links.length || !inFind(from)) return false;
    const to = links.indexOf(from) + (down ? 1 : -1);
    (links[Math.min(to, links.length - 1)] ?? $("#q")).focus();
    return true;
  };
  document.addEventListener("focusin", (e) => { if (!inFind(e.target)) hideFound(); });
  document.addEventListener("htmx:beforeSwap", (e) => {
    if (e.detail.target.id === "found" && !inFind(document.activeElement)) e.detail.shouldSwap = false; // they have gone elsewhere
  });
  document.addEventListener("click", (e) => {
    if (!inFind(e.target)) hideFound();
    document.querySelectorAll("details.person[open]").forEach((d) => { if (!d.contains(e.target)) d.open = false; });
  });

  // Why? is a link to a page; with script it opens what that page says below its row, one at a time in a row. What is open
  // stays so when its fragment is refreshed.
  const openWhys = "a[data-why][aria-expanded=true]", reasons = new Map();
  let disclosed = 0;
  const reasonOf = (link) => document.getElementById(link.getAttribute("aria-controls"));
  const whyOf = (reason) => reason && $(`a[data-why][aria-controls="${reason.id}"]`);
  const disclose = () => document.querySelectorAll("a[data-why]:not([role])").forEach((link) => {
    link.setAttribute("role", "button");
    link.setAttribute("aria-expanded", "false");
  });
  const showReason = (link, reason) => {
    const place = link.closest("li, tr");
    if (place.tagName === "LI") place.append(reason);
    else place.after(reason);
    link.setAttribute("aria-controls", reason.id);
    link.setAttribute("aria-expanded", "true");
  };
  const hideReason = (link) => {
    if (link.getAttribute("aria-expanded") !== "true") return false;
    reasonOf(link).remove();
    link.removeAttribute("aria-controls");
    link.setAttribute("aria-expanded", "false");
    return true;
  };
  const newReason = (place) => {
    const box = document.createElement("div");
    box.className = "reason";
    if (place.tagName === "LI") return [box, box];
    const row = document.createElement("tr"), cell = row.insertCell();
    row.className = "more";
    cell.className = "flush";
    cell.colSpan = [...place.cells].reduce((sum, c) => sum + c.colSpan, 0);
    cell.append(box);
    return [row, box];
  };
  document.addEventListener("click", (e) => {
    const link = e.target.closest("a[data-why]");
    if (!link || !window.htmx || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    if (hideReason(link)) return;
    const place = link.closest("li, tr");
    place.querySelectorAll(openWhys).forEach(hideReason);
    const [reason, box] = newReason(place);
    reason.id = `reason-${++disclosed}`;
    // what can't be shown here, the page says
    box.addEventListener("htmx:responseError", () => location.assign(link.href));
    box.addEventListener("htmx:sendError", () => location.assign(link.href));
    showReason(link, reason);
    htmx.ajax("GET", link.href, { target: box, swap: "innerHTML" });
  });

  // A form that mends a row opens in a dialog; without script, or if it can't be loaded, its page opens.
  const mend = $("#mend");
  document.addEventListener("click", (e) => {
    if (!mend || !window.htmx || e.ctrlKey || e.metaKey || e.shiftKey) return;
    if (mend.contains(e.target) && e.target.closest("a[data-cancel]")) {
      e.preventDefault();
      mend.close();
    }
    const link = e.target.closest("a[data-mend]");
    if (!link) return;
    e.preventDefault();
    htmx.ajax("GET", link.href, { target: mend, swap: "innerHTML", select: "[data-form]" }).then(() => {
      const form = $("form", mend);
      if (!form) return location.assign(link.href);
      mend.setAttribute("aria-labelledby", "form-title");
      mend.showModal();
      ($(`#${link.dataset.mend || "none"}`, mend) ?? $("input:not([type=hidden]), select", form))?.focus();
    }, () => location.assign(link.href));
  });
  mend?.addEventListener("close", () => mend.replaceChildren());

  // What works by script is there only with script.
  const reveal = () => document.querySelectorAll("template[data-reveal]").forEach((t) => t.replaceWith(t.content));

  // A selection: what is ticked, and a box per group that ticks all of it. That there is a bar at all while
  // something is ticked is the style sheet's.
  const countTicked = () => document.querySelectorAll("form.selection").forEach((form) => {
    const said = $("[data-selected]", form), names = ["access", "administrator", "processor", "transaction", "customer"].map((name) => {
      const n = form.querySelectorAll(`input.tickable[name=${name}]:checked`).length, [one, more] = said?.dataset[name]?.split("|") ?? [];
      return n === 0 ? "" : n === 1 ? one : (more ?? "").replace("#", n);
    }).filter(Boolean);
    if (said && names.length) said.textContent = said.dataset.selected.replace("#", names.join(", "));
    form.querySelectorAll("input[data-all]").forEach((all) => {
      const group = [...form.querySelectorAll("input.tickable")].filter((i) => i.name === all.dataset.all);
      const on = group.filter((i) => i.checked).length;
      all.checked = on > 0 && on === group.length;
      all.indeterminate = on > 0 && on < group.length;
    });
  });
  document.addEventListener("change", (e) => {
    if (!e.target.closest("form.selection")) return;
    const group = e.target.dataset.all;
    if (group) e.target.form.querySelectorAll("input.tickable").forEach((i) => { if (i.name === group) i.checked = e.target.checked; });
    countTicked();
  });
  document.addEventListener("reset", (e) => { if (e.target.matches("form.selection")) setTimeout(countTicked); });

  // Who is ticked in a choice of people stands above it by name, also when a search has put others before them.
  const showChosen = () => document.querySelectorAll("[data-chosen]").forEach((line) => {
    const ticked = document.querySelectorAll(`${line.dataset.chosen} input[data-chip]:checked:enabled`);
    line.replaceChildren(...[...ticked].map((box) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "tag info";
      chip.textContent = `${box.dataset.chip} ×`;
      chip.setAttribute("aria-label", line.dataset.remove.replace("#", box.dataset.chip));
      chip.addEventListener("click", () => { box.checked = false; showChosen(); box.focus(); });
      return chip;
    }));
    if (!ticked.length) line.textContent = line.dataset.none;
  });
  document.addEventListener("change", (e) => { if (e.target.matches("input[data-chip]")) showChosen(); });
  document.addEventListener("htmx:afterSwap", showChosen);

  // Two values to choose from: the chosen one shows in its field, and what is typed into the field takes the choice along.
  document.addEventListener("change", (e) => {
    const field = document.getElementById(e.target.dataset?.puts);
    if (!field) return;
    field.value = e.target.dataset.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  document.addEventListener("input", (e) => document.querySelectorAll(`[data-puts="${CSS.escape(e.target.id)}"]`).forEach((choice) => {
    choice.checked = choice.dataset.value === e.target.value;
  }));

  // The editor of a structure: what is done in it is answered by the editor as it is afterwards, one act after the other.
  let acts = Promise.resolve();
  document.addEventListener("submit", (e) => {
    const form = e.target, by = e.submitter;
    if (!acting(form)) return;
    e.preventDefault();
    $("input[name=name]", form)?.focus(); // who adds one thing adds another
    const path = by?.getAttribute("formaction") ?? form.getAttribute("action"), values = Object.fromEntries(new FormData(form, by));
    acts = acts.then(() => htmx.ajax("POST", path, { target: "#editor", swap: "innerHTML", values }));
  });
  document.addEventListener("htmx:responseError", (e) => { if (e.detail.target?.id === "editor") location.reload(); });
  document.addEventListener("htmx:beforeSwap", (e) => { if (e.detail.target.id === "editor") $("#toast")?.remove(); });
  const ways = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "in" };
  document.addEventListener("keydown", (e) => {
    if (!e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || !ways[e.key] || !e.target.matches?.("[data-element]")) return;
    e.preventDefault();
    $(`.does [value=${ways[e.key]}]`, e.target.closest(".element"))?.click();
  });

  // An element is dragged before or behind another one, or into a folder.
  let dragged = null, drop = null;
  const showDrop = (to) => {
    drop?.node.removeAttribute("data-drop");
    drop = to;
    drop?.node.setAttribute("data-drop", drop.where);
  };
  const dropAt = (e) => {
    const row = e.target.closest?.(".tree .element"), node = row?.closest("[data-key]");
    if (!node || dragged.contains(node)) return null;
    const box = row.getBoundingClientRect(), part = (e.clientY - box.top) / box.height;
    if (node.dataset.type !== "folder") return { node, where: part < .5 ? "before" : "after" };
    return { node, where: part < .25 ? "before" : part > .75 && !node.querySelector("[data-key]") ? "after" : "into" };
  };
  document.addEventListener("dragstart", (e) => {
    const row = e.target.closest?.(".tree .element");
    if (!row) return;
    dragged = row.closest("[data-key]");
    dragged.setAttribute("data-dragged", "");
    e.dataTransfer.effectAllowed = "move";
    e.dataTransfer.setData("text/plain", $(".name", row).textContent);
  });
  document.addEventListener("dragover", (e) => {
    if (!dragged) return;
    showDrop(dropAt(e));
    if (drop) e.preventDefault();
  });
  document.addEventListener("drop", (e) => {
    if (!dragged || !drop) return;
    e.preventDefault();
    const form = $("#put"), { node, where } = drop, next = node.nextElementSibling;
    form.elements.element.value = dragged.dataset.key;
    form.elements.into.value = where === "into" ? node.dataset.key : node.dataset.parent;
    form.elements.before.value = where === "before" ? node.dataset.key : where === "after" && next ? next.dataset.key : 0;
    form.requestSubmit();
  });
  document.addEventListener("dragend", () => {
    dragged?.removeAttribute("data-dragged");
    showDrop(null);
    dragged = null;
  });

  // The address names an element of the editor, or the form that adds one: the keyboard is there.
  const focusElement = () => {
    const place = /^#(e|add)-\d+$/.test(location.hash) && $(location.hash);
    if (!place || $("#summary")) return;
    if (place.matches("details")) place.open = true;
    (place.matches("a") ? place : $("input[name=name]", place))?.focus({ preventScroll: true });
  };

  // What is shown can be copied: the button says so for a moment, and screen readers hear it.
  const copyOf = async (text) => {
    try { return await navigator.clipboard.writeText(text); } catch { /* over HTTP there is none, or it is refused */ }
    const field = document.createElement("textarea");
    field.className = "visually-hidden";
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };
  document.addEventListener("click", async (e) => {
    const button = e.target.closest("button[data-copy]");
    if (!button) return;
    await copyOf(button.dataset.copy);
    button.focus();
    $("#live").textContent = button.dataset.copied;
    button.setAttribute("data-done", "");
    setTimeout(() => button.removeAttribute("data-done"), 2000);
  });

  // A ready sentence goes where the cursor stands, without a new page.
  document.addEventListener("click", (e) => {
    const button = e.target.closest("button[data-inserts]");
    if (!button) return;
    e.preventDefault();
    const field = document.getElementById(button.dataset.inserts), pick = document.getElementById(button.dataset.from);
    if (pick.value === "") return pick.focus();
    const before = field.value.slice(0, field.selectionStart), after = field.value.slice(field.selectionEnd);
    const text = before && !/\s$/.test(before) ? ` ${pick.value}` : pick.value;
    field.setRangeText(after && !/^\s/.test(after) ? `${text} ` : text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    pick.value = "";
    field.focus();
  });

  // The icon in the browser's tab has a dot while something needs attention.
  const tabIcon = $("link[rel=icon]");
  if (tabIcon && $(`#nav a[data-key="a"] .n`)) tabIcon.href = tabIcon.dataset.attention;

  // What was done need not be read for ever.
  document.addEventListener("click", (e) => { const b = e.target.closest("[data-dismiss]"); if (b) document.getElementById(b.dataset.dismiss).remove(); });

  // Passwords can be shown.
  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-reveals]");
    if (!button) return;
    const fields = button.dataset.reveals.split(" ").map((id) => document.getElementById(id));
    const show = fields[0].type === "password";
    fields.forEach((f) => { f.type = show ? "text" : "password"; });
    button.setAttribute("aria-pressed", String(show));
  });

  // The way back to a list leads to what was last searched, filtered and sorted there. It ends with the session.
  const lists = ["/customers", "/transactions"];
  const rememberList = () => { if (lists.includes(location.pathname)) sessionStorage.setItem(location.pathname, location.search); };
  document.addEventListener("htmx:pushedIntoHistory", rememberList);
  if ($("#main .top")) rememberList();
  else sessionStorage.clear();
  document.querySelectorAll(".crumbs a").forEach((a) => { a.search = a.search || (sessionStorage.getItem(a.pathname) ?? ""); });
  // Who opens a form to fill it in can type at once. On a phone that would open the keyboard over it.
  const focusFirst = () => {
    if ($("#summary") || location.hash || matchMedia("(pointer: coarse)").matches) return;
    const fields = document.querySelectorAll("form[data-first] :is(input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea)");
    [...fields].find((f) => !f.disabled && f.checkVisibility())?.focus({ preventScroll: true });
  };

  disclose();
  reveal();
  countTicked();
  showChosen();
  localTimes(document);
  focusFirst();
  focusElement();
  focusSummary();
})();
