// Sends files with the protocol tus, in parts, by tus-js-client. An upload goes on after a lost connection, and when the same file is
// chosen again after the page was left. Without this script the forms send files as a whole.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  if (!window.tus || document.documentElement.dataset.uploader) return;
  document.documentElement.dataset.uploader = "on";

  const partSize = 1 << 20, atOnce = 2;
  const waits = [0, 1000, 3000, 5000, 10000, 20000, 30000];
  const waiting = [], active = new Set();
  let rows = [];

  const box = () => $("[data-uploads]");
  const list = () => $("[data-uploading]");
  const token = () => $("input[name=_csrf]", box())?.value ?? "";
  const say = (row, text, tone) => { $(".said", row).textContent = text; row.dataset.tone = tone ?? ""; };
  const word = (name) => list()?.dataset[name] ?? "";

  function show(item) {
    const row = $("template", list()).content.firstElementChild.cloneNode(true);
    $(".name", row).textContent = item.file.name;
    $("[data-pause]", row).addEventListener("click", () => pause(item));
    $("[data-resume]", row).addEventListener("click", () => begin(item));
    $("[data-stop]", row).addEventListener("click", () => stop(item));
    $("[data-close]", row).addEventListener("click", () => forget(item));
    list().append(row);
    item.row = row;
    rows.push(item);
    set(item, "waiting");
  }

  function set(item, state, text, tone) {
    item.state = state;
    item.row.dataset.state = state;
    say(item.row, text ?? word(state), tone);
    count();
  }

  // What is done of all files together.
  function count() {
    const all = rows.filter((r) => r.state !== "failed");
    const size = all.reduce((sum, r) => sum + r.file.size, 0) || 1;
    const sent = all.reduce((sum, r) => sum + (r.state === "done" ? r.file.size : r.sent ?? 0), 0);
    const total = $("[data-total]", list());
    if (!total) return;
    total.hidden = all.length < 2;
    $("progress", total).value = sent / size;
    $(".said", total).textContent = `${all.filter((r) => r.state === "done").length}/${all.length}`;
  }

  function add(files, element) {
    for (const file of files) {
      const item = { file, element };
      show(item);
      waiting.push(item);
    }
    next();
  }

  function next() {
    while (active.size < atOnce && waiting.length) begin(waiting.shift());
  }

  function begin(item) {
    active.add(item);
    set(item, "sending");
    item.upload ??= new tus.Upload(item.file, {
      endpoint: box().dataset.uploads,
      chunkSize: partSize,
      retryDelays: waits,
      metadata: item.element ? { filename: item.file.name, element: item.element } : { filename: item.file.name, transaction: box().dataset.transaction },
      headers: { "X-CSRF-Token": token() },
      removeFingerprintOnSuccess: true,
      fingerprint: (file) => Promise.resolve(["kontor", item.element || box().dataset.transaction, file.name, file.size, file.lastModified].join(" ")),
      onShouldRetry: (err) => {
        const status = err.originalResponse?.getStatus() ?? 0;
        const again = status === 0 || status >= 500 || [409, 423, 429, 460].includes(status);
        if (again) say(item.row, word("away"), "warn");
        return again;
      },
      onProgress: (sent, size) => {
        item.sent = sent;
        $("progress", item.row).value = size ? sent / size : 0;
        say(item.row, `${Math.floor(100 * sent / (size || 1))} %`);
        count();
      },
      onSuccess: ({ lastResponse }) => end(item, "done", lastResponse?.getStatus() === 200 ? lastResponse.getBody() : undefined),
      onError: (err) => {
        const said = err.originalResponse?.getBody();
        const status = err.originalResponse?.getStatus() ?? 0;
        if (status === 0 || status >= 500) return lost(item);
        end(item, "failed", said && said.length < 500 && !said.startsWith("<") ? said : undefined);
      },
    });
    item.upload.findPreviousUploads().then((before) => {
      if (before.length) item.upload.resumeFromPreviousUpload(before[0]);
      if (item.state === "sending") item.upload.start();
    });
  }

  // The connection stays away: the file is sent when it is back.
  function lost(item) {
    active.delete(item);
    set(item, "away", undefined, "warn");
    setTimeout(() => { if (item.state === "away") begin(item); }, waits.at(-1));
    next();
  }
  window.addEventListener("online", () => rows.filter((r) => r.state === "away").forEach(begin));

  function pause(item) {
    item.upload?.abort();
    active.delete(item);
    set(item, "paused");
    next();
  }

  function stop(item) {
    item.upload?.abort(true).catch(() => {});
    waiting.splice(0, waiting.length, ...waiting.filter((w) => w !== item));
    active.delete(item);
    forget(item);
    next();
  }

  function forget(item) {
    item.state = "stopped";
    item.row.remove();
    rows = rows.filter((r) => r !== item);
    count();
  }

  function end(item, state, text) {
    active.delete(item);
    $("progress", item.row).value = 1;
    set(item, state, text, state === "failed" ? "bad" : "");
    item.kept = state === "failed" || !!text;
    next();
    if (!active.size && !waiting.length) refresh();
  }

  // The page shows what has arrived; what has more to say than that stays.
  function refresh() {
    if (rows.some((r) => r.state === "done")) {
      htmx.ajax("GET", location.pathname + location.search, { source: box(), target: "#contents", select: "#contents", swap: "outerHTML" }).then(() => {
        rows = rows.filter((r) => r.state !== "done" || r.kept);
        rows.forEach((r) => list()?.append(r.row));
        count();
      });
    }
  }

  document.addEventListener("change", (e) => {
    if (!e.target.matches("input[data-files]")) return;
    const files = [...e.target.files];
    e.target.value = "";
    if (files.length) add(files, e.target.form.dataset.uploadForm);
  });
  document.addEventListener("click", (e) => {
    const link = e.target.closest("a[data-upload]");
    if (!link || !box()) return;
    e.preventDefault();
    const input = Object.assign(document.createElement("input"), { type: "file", multiple: true });
    input.addEventListener("change", () => add([...input.files], link.dataset.upload));
    input.click();
  });

  // Files can be dropped onto a slot, a folder, a document, or anywhere else for the root.
  const dropped = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files") ? e.target.closest?.("[data-drop]") ?? $("[data-drop]") : null;
  const mark = (on) => document.querySelectorAll("[data-drop].over").forEach((o) => o !== on && o.classList.remove("over"));
  document.addEventListener("dragover", (e) => {
    const on = dropped(e);
    mark(on);
    if (!on) return;
    e.preventDefault();
    on.classList.add("over");
  });
  document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) mark(); });
  document.addEventListener("drop", (e) => {
    const on = dropped(e);
    mark();
    if (!on) return;
    e.preventDefault();
    add([...e.dataTransfer.files], on.dataset.drop);
  });
  window.addEventListener("beforeunload", (e) => { if (active.size) e.preventDefault(); });
})();
