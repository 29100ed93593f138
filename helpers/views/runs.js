// A table of runs. What strangers wrote in it becomes text nodes and values of options, nothing else.

const PAGE = 15;
const [KEY, RUN, TASK, REGISTRY, STATUS, TONE, MARK, TRIGGER, CREATED, STARTED, TOOK] = Array(11).keys();
const FILTERS = [["task", "Task", TASK], ["registry", "Registry", REGISTRY], ["status", "Status", STATUS], ["trigger", "Trigger", TRIGGER]];
const COLUMNS = ["Run", "Task", "Registry", "Status", "Trigger", "Started (UTC)", "Took"];
const element = maker("lab-runs");

class View {
  constructor(model, el) {
    this.model = model;
    this.rows = new Map(); // by key
    this.drawn = new Map(); // the elements of rows that are shown, by key
    this.page = 0;
    this.root = element("section");
    this.root.className = "cloud-picture lab-view lab-runs";
    this.root.setAttribute("aria-label", "Runs");
    this.root.append(this.makeFilters(), this.makeProblem(), this.makeTable(), this.makePages());
    el.append(this.root);
    this.speaker = speaker(this.root);
    this.draw();
  }

  makeFilters() {
    const bar = element("div", "head");
    this.selects = FILTERS.map(([name, title, column]) => {
      const label = element("label", "", title);
      const select = element("select");
      label.append(select);
      bar.append(label);
      const wanted = this.model.get("filters")[name] ?? "";
      select.addEventListener("change", () => {
        this.page = 0;
        this.draw();
      });
      return { select, column, wanted };
    });
    this.count = element("span", "count");
    this.count.setAttribute("role", "status");
    bar.append(this.count);
    return bar;
  }

  makeProblem() {
    this.problem = element("p", "problem");
    this.problem.setAttribute("role", "status");
    return this.problem;
  }

  makeTable() {
    const scroll = element("div", "scroll");
    const table = element("table");
    table.append(element("caption", "", "Runs of tasks, the newest first. The button of a run shows its log below the table."));
    const head = table.createTHead().insertRow();
    for (const title of COLUMNS) {
      const cell = element("th", "", title);
      cell.scope = "col";
      head.append(cell);
    }
    this.body = table.createTBody();
    this.empty = element("p", "empty");
    scroll.append(table, this.empty);
    return scroll;
  }

  makePages() {
    this.pages = element("nav", "pages");
    this.pages.setAttribute("aria-label", "Pages of runs");
    this.newer = element("button", "", "Newer");
    this.older = element("button", "", "Older");
    this.place = element("span");
    this.newer.addEventListener("click", () => this.turn(-1));
    this.older.addEventListener("click", () => this.turn(1));
    this.pages.append(this.newer, this.place, this.older);
    return this.pages;
  }

  turn(by) {
    this.page += by;
    this.draw();
    this.speaker.say(this.place.textContent);
    // A button that has just been disabled has lost the focus: it goes to the other one.
    if (this.newer.disabled && by < 0) this.older.focus();
    if (this.older.disabled && by > 0) this.newer.focus();
  }

  take(content) {
    if (content.all) {
      const known = this.rows.size > 0;
      const before = this.rows;
      this.rows = new Map(content.all.map((row) => [row[KEY], row]));
      if (known) for (const row of content.all) this.tell(before.get(row[KEY]), row);
    } else if (content.rows) {
      for (const row of content.rows) {
        this.tell(this.rows.get(row[KEY]), row);
        this.rows.set(row[KEY], row);
      }
    } else return;
    this.draw();
  }

  /** Say to screen readers that a run has begun or ended. */
  tell(before, row) {
    if (before && before[STATUS] === row[STATUS]) return;
    if (before && STATUSES[row[STATUS]] === "going") return;
    this.speaker.say(`Run ${row[RUN]} of ${row[TASK] || "no task"} in ${row[REGISTRY]}: ${row[STATUS]}.`);
  }

  draw() {
    const sorted = [...this.rows.values()].sort((a, b) => (a[CREATED] < b[CREATED] ? 1 : a[CREATED] > b[CREATED] ? -1 : 0));
    this.fillFilters(sorted);
    const chosen = this.selects.map(({ select, column }) => [select.value, column]).filter(([value]) => value);
    const found = sorted.filter((row) => chosen.every(([value, column]) => row[column] === value));
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    this.drawRows(found.slice(this.page * PAGE, (this.page + 1) * PAGE));
    const all = this.rows.size;
    put(this.count, found.length === all ? `${all} ${all === 1 ? "run" : "runs"}` : `${found.length} of ${all} runs`);
    put(this.place, `Page ${this.page + 1} of ${pages}`);
    this.newer.disabled = this.page === 0;
    this.older.disabled = this.page === pages - 1;
    this.pages.hidden = pages === 1;
    this.empty.hidden = found.length > 0;
    put(this.empty, all ? "No run is like that." : "There is no run yet.");
    put(this.problem, this.model.get("problem"));
  }

  /** The options are the values that occur; what is chosen stays chosen. */
  fillFilters(rows) {
    for (const filter of this.selects) {
      const values = [...new Set(rows.map((row) => row[filter.column]).filter(Boolean))].sort();
      const chosen = filter.select.value || filter.wanted;
      if (chosen && !values.includes(chosen)) values.push(chosen);
      const told = JSON.stringify(values);
      if (told !== filter.told) {
        filter.told = told;
        const options = ["", ...values].map((value) => {
          const option = element("option", "", value || "all");
          option.value = value;
          return option;
        });
        filter.select.replaceChildren(...options);
        filter.select.value = chosen;
      }
      filter.wanted = "";
    }
  }

  /** Rows are changed where they stand, so that the focus stays. */
  drawRows(rows) {
    const wanted = new Set(rows.map((row) => row[KEY]));
    for (const [key, line] of this.drawn) {
      if (!wanted.has(key)) {
        line.remove();
        this.drawn.delete(key);
      }
    }
    rows.forEach((row, index) => {
      let line = this.drawn.get(row[KEY]);
      if (!line) {
        line = this.makeRow(row[KEY]);
        this.drawn.set(row[KEY], line);
      }
      this.fillRow(line, row);
      if (this.body.children[index] !== line) this.body.insertBefore(line, this.body.children[index] ?? null);
    });
  }

  makeRow(key) {
    const line = element("tr");
    for (let at = 0; at < COLUMNS.length; at++) line.append(element("td"));
    const button = element("button", "run");
    button.addEventListener("click", () => {
      this.model.send({ open: this.model.get("opened") === key ? "" : key });
    });
    line.children[0].append(button);
    line.children[3].append(element("span", "chip"));
    return line;
  }

  fillRow(line, row) {
    const [run, task, registry, status, trigger, started, took] = line.children;
    const opened = this.model.get("opened") === row[KEY];
    put(run.firstChild, row[RUN]);
    run.firstChild.setAttribute("aria-expanded", String(opened));
    run.firstChild.title = opened ? "Close the log" : "Show the log";
    line.toggleAttribute("data-opened", opened);
    put(task, row[TASK] || "(quick run)");
    task.title = row[TASK];
    put(registry, row[REGISTRY]);
    put(status.firstChild, `${row[MARK]} ${row[STATUS]}`);
    status.firstChild.dataset.kind = row[TONE];
    put(trigger, row[TRIGGER]);
    put(started, row[STARTED]);
    put(took, row[TOOK] === null ? "" : duration(row[TOOK]));
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const draw = () => view.draw();
    const cease = listen(model, {
      "msg:custom": (content) => view.take(content),
      "change:opened": draw,
      "change:problem": draw,
    });
    const leave = attend(model);
    return () => {
      cease();
      view.speaker.end();
      leave();
    };
  },
};
