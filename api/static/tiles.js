// Rows of pictures to choose from: radio buttons, so that arrow keys and screen readers know them.

export function tile(group, { title, image }, onChoose) {
  const label = element("label", "tile");
  const input = element("input", "for-ears");
  Object.assign(input, { type: "radio", name: group });
  input.addEventListener("change", onChoose);
  label.append(input, face(image), Object.assign(element("span", "name"), { textContent: title }));
  return label;
}

export function chip(group, title, onChoose) {
  const label = element("label", "chip");
  const input = element("input", "for-ears");
  Object.assign(input, { type: "radio", name: group });
  input.addEventListener("change", onChoose);
  label.append(input, Object.assign(element("span"), { textContent: title }));
  return label;
}

export const choose = (label) => {
  label.querySelector("input").checked = true;
};

function face(image) {
  const picture = element("img");
  Object.assign(picture, { src: image, alt: "", loading: "lazy", decoding: "async", draggable: false });
  const frame = element("span", "face");
  frame.append(picture);
  return frame;
}

function element(name, className = "") {
  return Object.assign(document.createElement(name), { className });
}
