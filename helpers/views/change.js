// A change of the base image. Lines of files and messages are other people's: they become text.

const HEADER = 2; // lines of a difference that name the file
const KINDS = { "-": "bad", "+": "good" };
const WAITING = 4000; // milliseconds, after which a kernel that does not answer is busy
const element = maker("lab-change");
let made = 0;

function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

class View {
  constructor(model, root) {
    this.model = model;
    this.number = ++made;
    this.asked = 0; // questions that are not answered yet
    this.build(root);
    this.color.value = model.get("color");
    this.refresh();
  }

  build(root) {
    this.root = element("section");
    this.root.className = "cloud-picture lab-view lab-change";
    const head = element("div", "head");
    this.title = element("span", "title");
    this.now = element("span", "now");
    this.nowSwatch = element("span", "swatch");
    this.nowText = element("span");
    this.now.append("Background now: ", this.nowSwatch, this.nowText);
    head.append(this.title, this.now);

    this.form = element("form", "form");
    this.color = this.field("New colour", "text", "A name, or # and six digits");
    const list = element("datalist");
    list.id = `lab-change-colors-${this.number}`;
    list.append(...this.model.get("names").map((name) => Object.assign(element("option"), { value: name })));
    this.color.setAttribute("list", list.id);
    this.color.maxLength = 40;
    this.eye = element("input", "eye");
    this.eye.type = "color";
    this.eye.setAttribute("aria-label", "New colour, picked by eye");
    this.color.parentElement.append(this.eye, list);
    this.diff = element("pre", "diff");
    this.diff.tabIndex = 0;
    this.diff.setAttribute("role", "region");
    this.diff.setAttribute("aria-label", "What the commit changes");
    this.form.append(this.diff);
    this.message = this.field("Commit message", "text", "");
    this.message.maxLength = 200;
    this.push = element("button", "push", "Commit and push");
    this.push.type = "submit";
    this.starts = element("span", "starts");
    const last = element("div", "row");
    last.append(this.push, this.starts);
    this.problem = element("div", "problem");
    this.form.append(last, this.problem);

    this.done = element("div", "done");
    this.root.append(head, this.form, this.done);
    this.speaker = speaker(this.root);
    root.append(this.root);

    this.color.addEventListener("input", () => this.consider(this.color.value));
    this.eye.addEventListener("input", () => {
      this.color.value = this.eye.value;
      this.consider(this.eye.value);
    });
    this.message.addEventListener("input", () => (this.own = this.message.value !== ""));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  field(text, type, hint) {
    const row = element("div", "row");
    const label = element("label", "", text);
    const input = element("input");
    input.type = type;
    input.id = `lab-change-${this.number}-${this.form.children.length}`;
    input.placeholder = hint;
    input.autocomplete = "off";
    input.spellcheck = false;
    label.htmlFor = input.id;
    row.append(label, input);
    this.form.append(row);
    return input;
  }

  consider(color) {
    clearTimeout(this.typing);
    this.push.disabled = true;
    this.typing = setTimeout(() => this.ask({ ask: "choose", color: color.trim() }), 250);
  }

  send() {
    if (this.push.disabled) return;
    this.push.disabled = true;
    this.pushing = true;
    this.ask({ ask: "push", color: this.color.value.trim(), message: this.message.value });
    this.refresh();
  }

  ask(question) {
    this.asked += 1;
    this.model.send(question);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.busy = true;
      this.refresh();
    }, WAITING);
  }

  answered() {
    this.asked = Math.max(0, this.asked - 1);
    if (this.asked) return;
    clearTimeout(this.waiting);
    this.busy = this.pushing = false;
  }

  refresh() {
    const { model } = this;
    const [title, current, color, diff, starts, problem] =
      ["title", "current", "color", "diff", "starts", "problem"].map((name) => model.get(name));
    this.title.textContent = title;
    this.root.setAttribute("aria-label", title);
    this.nowText.textContent = current;
    paint(this.nowSwatch, current);
    const chosen = this.color.value.trim();
    const fresh = chosen === color;
    if (/^#[0-9a-f]{6}$/i.test(chosen)) this.eye.value = chosen;
    else this.eye.value = this.code(chosen) ?? this.eye.value;
    this.draw(diff);
    this.diff.hidden = !diff.length;
    if (!this.own) this.message.value = diff.length ? `Change the background to ${color}` : "";
    this.push.disabled = !fresh || !diff.length || this.pushing;
    this.push.textContent = this.pushing ? "Pushing…" : "Commit and push";
    this.starts.textContent = !diff.length ? "" : starts.length
      ? `It will start ${listed(starts)}.` : "It will start nothing: no task has a trigger for commits here.";
    const said = this.busy ? "The kernel is busy with a cell, and answers when that is done." : problem;
    this.problem.textContent = said;
    this.tell(said);
    this.drawDone();
  }

  /** The code of a colour's name, as the browser knows it. */
  code(name) {
    const context = (this.context ??= document.createElement("canvas").getContext("2d"));
    if (!name || !CSS.supports("color", name) || !context) return undefined;
    context.fillStyle = name;
    return /^#[0-9a-f]{6}$/.test(context.fillStyle) ? context.fillStyle : undefined;
  }

  draw(diff) {
    const told = diff.join("\n");
    if (told === this.drawn) return;
    this.drawn = told;
    this.diff.replaceChildren(...diff.map((line, number) => {
      const row = element("span", "line", `${line}\n`);
      const quiet = number < HEADER || line.startsWith("@@");
      row.dataset.kind = quiet ? "quiet" : KINDS[line[0]] ?? "";
      return row;
    }));
  }

  drawDone() {
    const [commit, runs] = ["commit", "runs"].map((name) => this.model.get(name));
    this.done.hidden = !commit;
    if (!commit) return;
    if (commit !== this.pushed) this.own = false; // the next message is a new one
    this.pushed = commit;
    const lines = [element("div", "", `Pushed as commit ${commit.slice(0, 7)}.`)];
    for (const { text, status } of runs) {
      const line = element("div", "", `${text}: `);
      const chip = element("span", "chip", status);
      chip.dataset.kind = STATUSES[status] ?? "bad";
      line.append(chip);
      lines.push(line);
    }
    if (!runs.length && this.model.get("starts").length) {
      lines.push(element("div", "", "What it starts will be told here."));
    }
    this.done.replaceChildren(...lines);
    this.tell(this.done.textContent);
  }

  tell(text) {
    this.spoken ??= new Set();
    if (!text || this.spoken.has(text)) return;
    this.spoken.add(text);
    this.speaker.say(text);
  }

  close() {
    clearTimeout(this.typing);
    clearTimeout(this.waiting);
    this.speaker.end();
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const refresh = () => view.refresh();
    const answered = () => {
      view.answered();
      view.refresh();
    };
    const cease = listen(model, { change: refresh, "change:answers": answered });
    const leave = attend(model);
    return () => {
      cease();
      view.close();
      leave();
    };
  },
};
