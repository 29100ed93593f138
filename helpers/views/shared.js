// What all views do: they make elements, tell the kernel that they are looked at, and speak to screen readers.

/** What makes elements: each has a class of the shared style sheet, and one of its view's own. */
const maker = (block) => (name, kind, text) => {
  const one = document.createElement(name);
  if (kind) one.className = `lab-view__${kind} ${block}__${kind}`;
  if (text !== undefined) one.textContent = text;
  // JupyterLab takes arrow keys and letters for its own, but from an element that says this.
  if (["a", "button", "input", "pre", "select"].includes(name)) one.dataset.lmSuppressShortcuts = "true";
  if (name === "button") one.type = "button";
  return one;
};

/** Give a node a text; one that it has already is not touched, so that nothing is selected or said anew. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function paint(swatch, color) {
  swatch.style.backgroundColor = "";
  swatch.style.backgroundColor = color; // what is no colour is not taken
}

const duration = (seconds) => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`);

/** Call functions by the events of a model, until the result is called. */
function listen(model, handlers) {
  const all = Object.entries(handlers);
  for (const [event, handler] of all) model.on(event, handler);
  return () => {
    for (const [event, handler] of all) model.off(event, handler);
  };
}

/** Tell the kernel that this view is here, and by the result that it is gone: for good, by that name. */
function attend(model) {
  let name;
  const come = () => {
    name ??= `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    model.send({ came: name });
  };
  const leave = () => {
    if (name) model.send({ went: name });
    name = undefined;
  };
  come();
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", come); // back from the history
  window.addEventListener("online", come);
  return () => {
    window.removeEventListener("pagehide", leave);
    window.removeEventListener("pageshow", come);
    window.removeEventListener("online", come);
    leave();
  };
}

/** A place that screen readers read from, politely; what it is told at once is said together. */
function speaker(root) {
  const place = document.createElement("div");
  place.className = "lab-view__said";
  place.setAttribute("role", "status");
  place.setAttribute("aria-live", "polite");
  root.append(place);
  let words = [];
  let waiting;
  return {
    say(text) {
      if (!text) return;
      words.push(text);
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        place.textContent = words.slice(-5).join(" ");
        words = [];
      }, 500);
    },
    end() {
      clearTimeout(waiting);
    },
  };
}
