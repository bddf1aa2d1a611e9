// <fitting-room>: the button that a theme styles, and the room behind it.
//
//   <fitting-room base="/apps/fitting-room" cart="/cart/add.js">
//     <button type="button">Try it on</button>
//     <script type="application/json">{"product": {"productId": "gid://…", "title": "…", "image": "…", "variants": []}}</script>
//   </fitting-room>
//
// Attributes: `base`, below which the service's /public/ lies; `cart`, `cart-page` and `privacy`, the shop's addresses;
// `email`, to ask for an e-mail address, with the shop's sentence of what it is for, if it has one; `counts`, to have
// counted what shoppers do: "room", in the room, or "page", on the page as well; `inline`, to stand in the page without a
// button. Its colours are CSS variables, its words come with the JSON.

import { contract } from "./contract.js";
import { count } from "./events.js";
import { Room } from "./room.js";
import { Visit } from "./visit.js";
import { wordsOf } from "./words.js";

const CART_FORM = "form[action*='/cart/add']"; // the theme's own

let isPageCounted = false; // once, however many of these it has

class FittingRoom extends HTMLElement {
  #visit;
  #told;
  #dialog;

  connectedCallback() {
    if (this.#told) {
      return;
    }
    this.#told = JSON.parse(this.querySelector("script[type='application/json']")?.textContent || "{}");
    this.#countPage();
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = this.hasAttribute("inline") ? "<div></div>" : "<slot></slot><dialog aria-labelledby='title'></dialog>";
    if (this.hasAttribute("inline")) {
      return;
    }
    [, this.#dialog] = root.children;
    root.firstChild.addEventListener("click", () => this.open());
    this.querySelector("button")?.setAttribute("aria-haspopup", "dialog");
  }

  disconnectedCallback() {
    this.#visit?.leave();
  }

  // What is tried on: { productId, variantId, title, image }, or with `variants` to choose from.
  set product(product) {
    this.#told.product = product;
    this.#furnish();
    this.#wear(product.variantId);
  }

  // A figure that tries on, until the shopper gives a photograph: { title, image }.
  set person(person) {
    this.#furnish();
    this.#visit.person = person;
  }

  open() {
    this.#furnish();
    const { product } = this.#told;
    this.#wear(chosenOnPage(this, product.variants) ?? product.variants?.[0]?.variantId);
    this.#dialog.showModal();
    this.#dialog.querySelector("#title").focus();
    this.#visit.enter();
    this.#count("widget:button_click", { productId: product.productId });
  }

  // Once something can be tried on; before, nothing is asked of the service and nothing costs the page time.
  #furnish() {
    if (this.#visit) {
      return;
    }
    const inside = this.shadowRoot.lastChild;
    const language = this.closest("[lang]")?.lang || undefined;
    const word = wordsOf(this.#told.words, language);
    const room = new Room(this.shadowRoot, inside, word);
    this.#visit = new Visit(room, contract(this.#base), word, {
      language,
      cart: this.getAttribute("cart"),
      cartPage: this.getAttribute("cart-page"),
      privacy: this.getAttribute("privacy"),
      email: this.getAttribute("email") ?? undefined,
      count: (event, properties) => this.#count(event, properties),
    });
    room.parts.versions.addEventListener("change", ({ target }) => this.#wear(target.value));
    inside.addEventListener("click", ({ target }) => {
      if (target.closest("[data-act='close']") || target === this.#dialog) {
        this.#dialog.close(); // also by a click beside it
      }
    });
    this.#dialog?.addEventListener("close", () => this.#visit.leave());
    this.#list(room.parts);
    if (!this.#dialog) {
      this.#visit.enter();
    }
  }

  get #base() {
    return this.getAttribute("base") ?? "";
  }

  #count(event, properties) {
    this.hasAttribute("counts") && count(this.#base, event, properties);
  }

  #countPage() {
    if (this.getAttribute("counts") !== "page" || isPageCounted) {
      return;
    }
    isPageCounted = true;
    const tell = (action) => this.#count(`product_page:${action}`, { productId: this.#told.product?.productId });
    if (document.prerendering) {
      document.addEventListener("prerenderingchange", () => tell("page_view"), { once: true });
    } else {
      tell("page_view");
    }
    document.addEventListener("submit", ({ target }) => target.matches(CART_FORM) && tell("cart_add"), true);
  }

  #list({ version, versions }) {
    const variants = this.#told.product?.variants ?? [];
    version.hidden = variants.length < 2;
    versions.replaceChildren(...variants.map(({ variantId, title }) => new Option(title, variantId)));
  }

  #wear(variantId) {
    const { variants = [], ...product } = this.#told.product;
    const variant = variants.find((one) => one.variantId === variantId);
    const versions = this.shadowRoot.querySelector("#versions");
    versions.value = variantId;
    this.#visit.product = { ...product, variantId, image: variant?.image ?? product.image, available: variant?.available };
  }
}

// The version that the theme's own form has chosen, else the address.
function chosenOnPage(element, variants = []) {
  const here = element.closest(".shopify-section") ?? document;
  const field = `${CART_FORM} [name='id']`;
  const number = (here.querySelector(field) ?? document.querySelector(field))?.value;
  const candidates = [number, new URLSearchParams(location.search).get("variant")];
  const ids = candidates.map((id) => `gid://shopify/ProductVariant/${id}`);
  return ids.find((id) => variants.some(({ variantId }) => variantId === id));
}

customElements.get("fitting-room") ?? customElements.define("fitting-room", FittingRoom);
