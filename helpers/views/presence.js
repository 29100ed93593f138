// What every live view does: it tells the kernel that it is looked at, and speaks to screen readers.

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
  place.className = "lab-said";
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
