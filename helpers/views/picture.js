// A picture that changes. Its HTML is made by helpers/pictures, which holds no markup of strangers.

/** For how long something goes on that began at a time. */
function elapsed(start) {
  return duration(Math.max(0, Math.round((Date.now() - new Date(start)) / 1000)));
}

function render({ model, el }, spoken) {
  const picture = document.createElement("div");
  el.append(picture);
  const { say, end } = speaker(el);
  let shown;
  const tick = () => {
    for (const one of picture.querySelectorAll("[data-since]")) {
      one.dataset.text ??= one.textContent;
      one.textContent = `${one.dataset.text}, ${elapsed(one.dataset.since)} so far`;
    }
  };
  const draw = () => {
    const html = model.get("html");
    if (html === shown) return; // a selection stays where nothing has changed
    shown = html;
    picture.innerHTML = html;
    tick();
  };
  const speak = () => say(model.get("said"));
  const cease = listen(model, { "change:html": draw, "change:said": speak });
  draw();
  // Drawn anew in the moment in which something was said: it would be lost with the old place.
  if (Date.now() - spoken.at < 2000) speak();
  const clock = setInterval(tick, 1000);
  const leave = attend(model);
  return () => {
    cease();
    clearInterval(clock);
    end();
    leave();
  };
}

export default () => {
  const spoken = { at: -Infinity };
  return {
    initialize({ model }) {
      model.on("change:said", () => {
        spoken.at = Date.now();
      });
    },
    render: (context) => render(context, spoken),
  };
};
