// A picture that changes. Its HTML is made by helpers/pictures, which holds no markup of strangers.

export default {
  render({ model, el }) {
    const picture = document.createElement("div");
    el.append(picture);
    const { say, end } = speaker(el);
    let shown;
    const draw = () => {
      const html = model.get("html");
      if (html === shown) return; // a selection stays where nothing has changed
      shown = html;
      picture.innerHTML = html;
    };
    const speak = () => say(model.get("said"));
    model.on("change:html", draw);
    model.on("change:said", speak);
    draw();
    const leave = attend(model);
    return () => {
      model.off("change:html", draw);
      model.off("change:said", speak);
      end();
      leave();
    };
  },
};
