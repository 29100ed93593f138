// The site. Its page is somebody else's: it is shown in a frame that may run and reach nothing, and what
// it says of itself becomes text.

const TONES = { Running: "good", Creating: "going", Pending: "going", Waiting: "going", Repairing: "going" };
const PATIENCE = 3000; // milliseconds in which the address answers the browser

const element = maker("lab-site");

/** Whether this browser can open the address. The answer stays unread: it is another origin's. */
async function answers(url) {
  try {
    await fetch(url, {
      mode: "no-cors",
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE),
    });
    return true;
  } catch {
    return false;
  }
}

const isOwn = () => ["localhost", "[::1]"].includes(location.hostname) || location.hostname.startsWith("127.");

class View {
  constructor(model, root) {
    this.model = model;
    this.build(root);
    this.told = undefined;
    this.refresh();
  }

  build(root) {
    this.root = element("section");
    this.root.className = "cloud-picture lab-view lab-site";
    this.root.setAttribute("aria-label", "The site");
    const head = element("div", "head");
    this.status = element("span", "chip");
    this.swatch = element("span", "swatch");
    this.swatch.setAttribute("aria-hidden", "true");
    this.facts = element("span", "facts");
    this.link = element("a", "link");
    this.link.target = "_blank";
    this.link.rel = "noopener noreferrer";
    head.append(this.status, this.swatch, this.facts, this.link);
    this.note = element("div", "note");
    this.problem = element("div", "problem");
    this.frame = element("iframe", "frame");
    this.frame.setAttribute("sandbox", ""); // no script, no form, no storage, no origin
    this.frame.referrerPolicy = "no-referrer";
    this.root.append(head, this.problem, this.note, this.frame);
    this.speaker = speaker(this.root);
    root.append(this.root);
  }

  refresh() {
    const { model } = this;
    const [url, state, color, version, problem] =
      ["url", "state", "color", "version", "problem"].map((name) => model.get(name));
    this.status.textContent = state || "No site";
    this.status.dataset.kind = TONES[state] ?? (state ? "bad" : "idle");
    paint(this.swatch, color);
    this.swatch.hidden = !color;
    this.facts.textContent = [version && `Version ${version}`, color && `Background ${color}`]
      .filter(Boolean).join(" · ");
    this.link.hidden = !/^https?:\/\//.test(url);
    if (this.link.hidden) this.link.removeAttribute("href");
    else this.link.href = url;
    this.link.textContent = `Open ${url} in a new tab`;
    this.problem.textContent = problem;
    this.root.toggleAttribute("data-old", Boolean(problem) || (Boolean(state) && state !== "Running"));
    this.tell(version, color, state);
    this.draw();
  }

  tell(version, color, state) {
    const now = color || version ? `The site is version ${version}, background ${color}.` : `The site is ${state}.`;
    if (this.told !== undefined && now !== this.told) this.speaker.say(now);
    this.told = now;
  }

  /** The page itself where this browser can open it, else the copy that the kernel has fetched. */
  async draw() {
    const { model } = this;
    const [url, page, fetched, elsewhere] =
      ["url", "page", "fetched", "elsewhere"].map((name) => model.get(name));
    const wanted = `${url} ${fetched}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.frame.hidden = !page;
    this.frame.title = this.told ?? "The site";
    if (!page) {
      this.note.hidden = true;
      return;
    }
    const near = !model.get("loopback") || (isOwn() && !elsewhere);
    const real = near && (await answers(url));
    if (wanted !== this.drawn || this.closed) return; // something newer is on its way
    this.note.hidden = real;
    if (real) {
      this.frame.removeAttribute("srcdoc");
      this.frame.src = url;
    } else {
      const place = elsewhere ? `in ${elsewhere}` : "where this notebook's kernel runs";
      const copy = `What you see is a copy, as the kernel fetched it at ${fetched}.`;
      this.note.textContent = near
        ? `Your browser cannot open this address. ${copy}`
        : `This is an address of the machine ${place}, not of yours: the link leads nowhere from here. ${copy}`;
      this.frame.removeAttribute("src");
      this.frame.srcdoc = page;
    }
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    const cease = listen(model, { change: () => view.refresh() });
    const leave = attend(model);
    return () => {
      view.closed = true;
      view.speaker.end();
      cease();
      leave();
    };
  },
};
