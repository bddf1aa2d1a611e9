// Rows of pictures to choose from: radio buttons, so that arrow keys and screen readers know them.

export function tile(group, { title, image }, onChoose) {
  const label = element("label", "tile");
  label.append(radio(group, onChoose), face(image), name(title));
  return label;
}

export function chip(group, title, onChoose) {
  const label = element("label", "chip");
  label.append(radio(group, onChoose), name(title));
  return label;
}

export const choose = (label) => {
  label.querySelector("input").checked = true;
};

// As if its first tile had been clicked; also while the tiles are disabled.
export function chooseFirst(tiles) {
  const first = tiles.querySelector("input");
  if (first) {
    first.checked = true;
    first.dispatchEvent(new Event("change"));
  }
}

function radio(group, onChoose) {
  const input = element("input", "over");
  Object.assign(input, { type: "radio", name: group });
  input.addEventListener("change", onChoose);
  return input;
}

const name = (title) => Object.assign(element("span", "name"), { textContent: title });

function face(image) {
  const picture = element("img", "fill");
  Object.assign(picture, { src: image, alt: "", loading: "lazy", decoding: "async", draggable: false });
  const frame = element("span", "face");
  frame.append(picture);
  return frame;
}

const element = (kind, className) => Object.assign(document.createElement(kind), { className });
