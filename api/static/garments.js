// What to wear: a product, and one of its versions.

import { $, chosen, enter, say } from "./mirror.js";
import { chip, choose, chooseFirst, tile } from "./tiles.js";

export function listGarments(products) {
  $("products").replaceChildren(...products.map((product) => tile("product", product, () => pick(product))));
  chooseFirst($("products"));
}

function pick(product) {
  chosen.product = product;
  chosen.variant = product.variants[0] ?? null;
  const chips = product.variants.map((variant) =>
    chip("variant", variant.title, () => {
      chosen.variant = variant;
      hang(variant.image);
    }),
  );
  $("variants").replaceChildren(...chips);
  if (chips.length > 0) {
    choose(chips[0]);
  }
  hang(chosen.variant?.image ?? product.image);
}

function hang(image) {
  const [picture, words] = $("chosen").children;
  picture.src = image;
  words.textContent = chosen.product.title;
  $("chosen").hidden = false;
  say("");
  enter("idle");
}
