// The log of a run. What its lines hold was written by strangers: it becomes text nodes, nothing else.

const ROW = 18; // pixels; a row's height in log.css
const AROUND = 30; // rows beyond the visible ones that are drawn, too
const MOST_HITS = 10000;
const KINDS = { b: "bad", s: "going", g: "good" };
const HEADING = /^(?:\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d )?Executing step ID: /;
const STAMP = 20; // characters of the time that a line begins with
const MARKS = {
  started: ["●", "going"],
  succeeded: ["✓", "good"],
  failed: ["✗", "bad"],
  "error ignored": ["!", "bad"],
  stopped: ["■", "stopped"],
};
const LIVE = ["status", "over", "steps", "total", "title", "problem"];

const number = (value) => value.toLocaleString("en");
const lines = (count) => `${number(count)} ${count === 1 ? "line" : "lines"}`;

const element = maker("lab-log");

async function unpacked(view) {
  const packed = new Blob([view]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(packed).text());
}

/** All lines that have arrived; shared by the views of one log. */
class Store {
  constructor(model) {
    this.model = model;
    this.texts = [];
    this.kinds = [];
    this.spans = new Map();
    this.longest = 0;
    this.views = new Set();
    this.work = Promise.resolve();
    this.asking = undefined;
    this.kept = undefined; // what the reader had set up in the view that was closed last
  }

  open() {
    const takeFirst = () => this.take(0, this.model.get("first"));
    const again = () => this.ask();
    const cease = listen(this.model, {
      "change:first": takeFirst,
      "msg:custom": (content, buffers) => this.take(content.from, buffers[0]),
      ...Object.fromEntries(LIVE.map((name) => [`change:${name}`, () => this.changed()])),
    });
    window.addEventListener("online", again);
    takeFirst();
    return () => {
      clearTimeout(this.asking);
      window.removeEventListener("online", again);
      cease();
    };
  }

  get total() {
    return Math.max(this.model.get("total"), this.texts.length);
  }

  /** Pieces are unpacked one after the other: each one begins where another has ended. */
  take(from, packed) {
    if (!packed || !packed.byteLength) return;
    this.work = this.work.then(async () => {
      const piece = await unpacked(packed);
      const have = this.texts.length;
      if (from <= have) this.add(piece, from);
      this.changed();
    }).catch((error) => console.error("a piece of the log cannot be read", error));
  }

  add(piece, from) {
    for (let at = this.texts.length - from; at < piece.texts.length; at++) {
      const text = piece.texts[at];
      if (piece.spans[at]) this.spans.set(this.texts.length, piece.spans[at]);
      this.texts.push(text);
      this.kinds.push(piece.kinds[at]);
      if (text.length > this.longest) this.longest = text.length;
    }
  }

  changed() {
    for (const view of this.views) view.refresh();
    clearTimeout(this.asking);
    if (this.texts.length < this.total) {
      const waited = this.asked === this.texts.length ? 1500 : 30;
      this.asking = setTimeout(() => this.ask(), waited);
    }
  }

  /** Ask the kernel for the lines that are not here yet. */
  ask() {
    this.asked = this.texts.length;
    this.model.send({ from: this.texts.length });
    if (this.texts.length < this.total) {
      clearTimeout(this.asking);
      this.asking = setTimeout(() => this.ask(), 1500);
    }
  }
}

/** Where a text is in the lines: found again as lines arrive. */
class Search {
  constructor(store) {
    this.store = store;
    this.reset("");
  }

  reset(query) {
    this.query = query.toLowerCase();
    this.hits = []; // [line, column]
    this.byLine = new Map();
    this.next = 0;
    this.current = -1;
  }

  update() {
    const { texts } = this.store;
    if (!this.query) return;
    for (; this.next < texts.length && this.hits.length < MOST_HITS; this.next++) {
      const text = texts[this.next];
      const lower = text.toLowerCase();
      const searched = lower.length === text.length ? lower : text;
      let at = searched.indexOf(this.query);
      if (at < 0) continue;
      const columns = [];
      for (; at >= 0 && this.hits.length < MOST_HITS; at = searched.indexOf(this.query, at + this.query.length)) {
        columns.push(at);
        this.hits.push([this.next, at]);
      }
      this.byLine.set(this.next, columns);
    }
  }
}

/** The text of a row, cut where its colour changes or a hit begins or ends. */
function drawText(row, text, stamped, spans, hits, length, current) {
  const begin = stamped ? STAMP : 0;
  const cuts = new Set([0, text.length]);
  if (begin) cuts.add(begin);
  for (const [start, end] of spans) cuts.add(begin + start).add(begin + end);
  for (const at of hits) cuts.add(at).add(at + length);
  const places = [...cuts].filter((at) => at <= text.length).sort((a, b) => a - b);
  for (let i = 0; i + 1 < places.length; i++) {
    const [from, to] = [places[i], places[i + 1]];
    const hit = hits.find((at) => at <= from && from < at + length);
    const span = spans.find(([start, end]) => begin + start <= from && from < begin + end);
    const kind = from < begin ? "lab-log__stamp" : span ? span[2] : "";
    const piece = text.slice(from, to);
    if (hit === undefined && !kind) {
      row.append(piece);
      continue;
    }
    const made = document.createElement(hit === undefined ? "span" : "mark");
    if (kind) made.className = kind;
    if (hit !== undefined && hit === current) made.dataset.current = "";
    made.textContent = piece;
    row.append(made);
  }
}

class View {
  constructor(model, store, root) {
    this.model = model;
    this.store = store;
    this.search = new Search(store);
    this.follow = true;
    this.top = 0;
    this.drawn = "";
    this.spoken = new Map();
    this.build(root);
    this.refresh();
    // An output that is drawn anew begins where the reader was; the old one may still be there.
    const before = [...store.views].at(-1)?.kept() ?? store.kept;
    store.views.add(this);
    if (before) this.restore(before);
  }

  build(root) {
    this.root = element("section");
    this.root.className = "cloud-picture lab-view lab-log";
    const head = element("div", "head");
    this.title = element("span", "title");
    this.status = element("span", "status");
    this.count = element("span", "count");
    const tools = element("div", "tools");
    this.input = element("input");
    this.input.type = "search";
    this.input.placeholder = "Search the log";
    this.input.setAttribute("aria-label", "Search the log");
    this.hits = element("span", "hits");
    this.hits.setAttribute("role", "status");
    this.previous = this.button("↑", "Previous hit", () => this.go(-1));
    this.following = this.button("↓", "Next hit", () => this.go(1));
    this.stick = this.button("Follow", "Follow the end of the log", () => this.setFollow(!this.follow));
    this.copy = this.button("Copy", "Copy the whole log", () => this.copyAll());
    this.copy.hidden = !navigator.clipboard;
    tools.append(this.input, this.hits, this.previous, this.following, this.stick, this.copy);
    head.append(this.title, this.status, this.count, tools);
    this.steps = element("ol", "steps");
    this.steps.setAttribute("aria-label", "Steps of the run");
    this.box = element("div", "box");
    this.box.tabIndex = 0;
    this.box.dataset.lmSuppressShortcuts = "true";
    this.box.setAttribute("role", "region");
    this.space = element("div", "space");
    this.box.append(this.space);
    this.problem = element("div", "problem");
    this.root.append(head, this.problem, this.steps, this.box);
    this.speaker = speaker(this.root);
    root.append(this.root);

    this.box.addEventListener("scroll", () => this.scrolled());
    this.input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.find(this.input.value), 120);
    });
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("focusin", ({ target }) => {
      this.focused = target === this.input ? "input" : "box";
    });
    this.root.addEventListener("focusout", ({ relatedTarget }) => {
      if (this.root.isConnected && !this.root.contains(relatedTarget)) this.focused = undefined;
    });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.box);
  }

  button(text, label, action) {
    const made = element("button", "", text);
    made.title = label;
    if (text.length < 2) made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  }

  /** What the reader has set up in this view. */
  kept() {
    const { follow, focused } = this;
    return { follow, focused, query: this.input.value, current: this.search.current, top: this.top };
  }

  restore({ follow, focused, query, current, top }) {
    this.input.value = query;
    this.find(query);
    this.search.current = Math.min(current, this.search.hits.length - 1);
    this.tellHits();
    requestAnimationFrame(() => {
      this.setFollow(follow);
      if (!follow) this.box.scrollTop = this.top = top;
      this.drawn = "";
      this.draw();
      if (focused) (focused === "input" ? this.input : this.box).focus({ preventScroll: true });
    });
  }

  close() {
    this.store.kept = this.kept();
    this.store.views.delete(this);
    clearTimeout(this.typing);
    this.speaker.end();
    this.sized.disconnect();
  }

  key(event) {
    const find = event.key.toLowerCase() === "f" && (event.ctrlKey || event.metaKey);
    if (find || (event.key === "/" && event.target === this.box)) {
      event.preventDefault();
      this.input.focus();
      this.input.select();
    } else if (event.target === this.input && event.key === "Enter") {
      clearTimeout(this.typing);
      if (this.input.value.toLowerCase() === this.search.query) this.go(event.shiftKey ? -1 : 1);
      else this.find(this.input.value);
    } else if (event.target === this.input && event.key === "Escape") {
      this.input.value = "";
      this.find("");
      this.box.focus();
    }
  }

  // -- what is there ---------------------------------------------------------------------------

  refresh() {
    const { model, store } = this;
    const status = model.get("status");
    this.title.textContent = model.get("title");
    put(this.status, status);
    this.status.dataset.kind = STATUSES[status] ?? (status ? "bad" : "");
    const here = store.texts.length;
    this.count.textContent = here < store.total
      ? `${number(here)} of ${lines(store.total)}` : lines(here);
    this.box.setAttribute("aria-label", `Log: ${model.get("title")}, ${lines(store.total)}`);
    this.root.setAttribute("aria-label", `Log: ${model.get("title")}`);
    this.stick.hidden = model.get("over") && here === store.total;
    const problem = model.get("problem");
    if (problem && problem !== this.problem.textContent) this.speaker.say(problem);
    this.problem.textContent = problem;
    this.drawSteps();
    this.search.update();
    this.tellHits();
    this.space.style.height = `${here * ROW}px`;
    this.space.style.width = `${store.longest + 9}ch`;
    this.box.toggleAttribute("data-short", here * ROW < 300);
    if (this.follow) this.toEnd();
    this.drawn = "";
    this.draw();
    this.stick.setAttribute("aria-pressed", String(this.follow));
    this.announce();
  }

  drawSteps() {
    const steps = this.model.get("steps");
    const told = JSON.stringify(steps);
    if (told === this.stepsTold) return;
    this.stepsTold = told;
    steps.forEach((step, index) => {
      let item = this.steps.children[index];
      if (!item) {
        item = element("li");
        item.append(element("button"));
        item.firstChild.addEventListener("click", () => this.jump(this.model.get("steps")[index].line));
        this.steps.append(item);
      }
      const [mark, kind] = MARKS[step.status] ?? ["", ""];
      const seconds = step.seconds === null ? "" : ` ${step.seconds.toFixed(1)} s`;
      const button = item.firstChild;
      button.textContent = `${mark} ${step.name}${seconds}`;
      button.dataset.kind = kind;
      button.setAttribute("aria-label", `Step ${step.name}: ${step.status}${seconds}. Go to its line.`);
      button.title = `${step.status}: go to line ${number(step.line + 1)}`;
    });
  }

  /** Say what has happened to screen readers: the steps and the end, not each line. */
  announce() {
    for (const { name, status } of this.model.get("steps")) {
      const before = this.spoken.get(name);
      if (before === status) continue;
      this.spoken.set(name, status);
      if (this.heard) this.speaker.say(`Step ${name} ${status}.`);
    }
    const over = this.model.get("over");
    if (this.heard && over && !this.wasOver) this.speaker.say(`${this.model.get("title")}: ${this.model.get("status")}.`);
    this.wasOver = over;
    this.heard = true;
  }

  // -- rows ------------------------------------------------------------------------------------

  draw() {
    const { store, search } = this;
    const height = this.box.clientHeight || 300;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - AROUND);
    const last = Math.min(store.texts.length, Math.ceil((this.box.scrollTop + height) / ROW) + AROUND);
    const wanted = `${first} ${last}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const [currentLine, currentColumn] = search.hits[search.current] ?? [];
    const rows = document.createDocumentFragment();
    for (let line = first; line < last; line++) {
      const letter = store.kinds[line];
      const text = store.texts[line];
      const row = element("div", "row");
      row.style.top = `${line * ROW}px`;
      const kind = KINDS[letter.toLowerCase()];
      if (kind) row.dataset.kind = kind;
      if (kind === "going" && HEADING.test(text)) row.dataset.heading = "";
      const label = element("span", "number", number(line + 1));
      label.setAttribute("aria-hidden", "true");
      row.append(label);
      const stamped = letter === "." || (letter !== " " && letter === letter.toUpperCase());
      const hits = search.query ? search.byLine.get(line) ?? [] : [];
      const current = line === currentLine ? currentColumn : undefined;
      drawText(row, text, stamped, store.spans.get(line) ?? [], hits, search.query.length, current);
      row.append("\n"); // so that copied lines stay lines
      rows.append(row);
    }
    this.space.replaceChildren(rows);
  }

  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    const atEnd = scrollTop + clientHeight >= scrollHeight - ROW;
    if (scrollTop < this.top - 2 && !atEnd) this.setFollow(false);
    else if (atEnd && scrollTop > this.top) this.setFollow(true);
    this.top = scrollTop;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  setFollow(follow) {
    if (this.follow === follow) return;
    this.follow = follow;
    this.stick.setAttribute("aria-pressed", String(follow));
    if (follow) this.toEnd();
  }

  toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    this.draw();
  }

  jump(line) {
    this.setFollow(false);
    this.box.scrollTop = line * ROW;
    this.top = this.box.scrollTop;
    this.draw();
    this.box.focus({ preventScroll: true });
  }

  // -- search ----------------------------------------------------------------------------------

  find(query) {
    if (query.toLowerCase() === this.search.query) return;
    this.search.reset(query);
    this.search.update();
    if (this.search.hits.length) {
      const top = this.follow ? 0 : Math.floor(this.box.scrollTop / ROW);
      const after = this.search.hits.findIndex(([line]) => line >= top);
      this.search.current = Math.max(after, 0);
      this.show();
    }
    this.tellHits();
    this.drawn = "";
    this.draw();
  }

  go(by) {
    const count = this.search.hits.length;
    if (!count) return;
    this.search.current = (this.search.current + by + count) % count;
    this.show();
    this.tellHits();
    this.drawn = "";
    this.draw();
  }

  show() {
    this.setFollow(false);
    const [line] = this.search.hits[this.search.current];
    const { clientHeight } = this.box;
    this.box.scrollTop = Math.max(0, line * ROW - clientHeight / 2);
    this.top = this.box.scrollTop;
    this.drawn = "";
    this.draw();
    const mark = this.space.querySelector("mark[data-current]");
    if (mark) {
      const place = mark.getBoundingClientRect();
      const box = this.box.getBoundingClientRect();
      if (place.right > box.right) this.box.scrollLeft += place.right - box.right + 80;
      else if (place.left < box.left) this.box.scrollLeft -= box.left - place.left + 80;
    }
  }

  tellHits() {
    const { query, hits, current, next } = this.search;
    const more = next < this.store.texts.length ? "+" : "";
    let text = "";
    if (query) text = hits.length ? `${number(current + 1)} of ${number(hits.length)}${more}` : "no hit";
    put(this.hits, text);
    this.previous.disabled = this.following.disabled = !hits.length;
  }

  async copyAll() {
    try {
      await navigator.clipboard.writeText(this.store.texts.join("\n"));
      this.speaker.say(`${lines(this.store.texts.length)} copied.`);
    } catch {
      this.speaker.say("The browser does not let this page copy.");
    }
  }
}

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return store.open();
    },
    render({ model, el }) {
      const view = new View(model, store, el);
      const leave = attend(model);
      return () => {
        view.close();
        leave();
      };
    },
  };
};
