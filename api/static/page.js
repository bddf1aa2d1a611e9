// The demo page: whom the widget beside it dresses, and in what.

import { chip, choose, chooseFirst, tile } from "./tiles.js";

const $ = (id) => document.getElementById(id);
const widget = document.querySelector("fitting-room");

function wear(product, variant = product.variants[0]) {
  const { productId, title, image } = product;
  widget.product = { productId, title, variantId: variant?.variantId, image: variant?.image ?? image };
}

function pick(product) {
  const chips = product.variants.map((variant) => chip("variant", variant.title, () => wear(product, variant)));
  $("variants").replaceChildren(...chips);
  if (chips.length > 0) {
    choose(chips[0]);
  }
  wear(product);
}

function describe({ model }) {
  if (model) {
    $("notice").textContent = model.notice;
    $("operator").hidden = model.name !== "paperdoll";
    $("about").hidden = false;
  }
}

function list({ figures, products, ...shop }) {
  describe(shop);
  $("products").replaceChildren(...products.map((product) => tile("product", product, () => pick(product))));
  $("figures").replaceChildren(...figures.map((figure) => tile("person", figure, () => (widget.person = figure))));
  chooseFirst($("products"));
  chooseFirst($("figures"));
}

widget.addEventListener("fitting-room:step", ({ detail: { step } }) => {
  $("people").disabled = $("garments").disabled = step === "sending" || step === "working";
});

// A figure is chosen unless the shopper's own photograph is shown.
widget.addEventListener("fitting-room:photo", ({ detail: { isOwn, title } }) => {
  $("figures")
    .querySelectorAll("label")
    .forEach((label) => (label.querySelector("input").checked = !isOwn && label.textContent === title));
});

fetch("/products.json")
  .then((reply) => reply.json())
  .then(list)
  .catch((error) => {
    console.error(error);
    $("lost").hidden = false;
  });
