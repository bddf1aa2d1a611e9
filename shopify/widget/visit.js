// One shopper in the room: gives a photograph, tries products on, and takes the picture along.

import { addToCart } from "./cart.js";
import { Choosing } from "./choosing.js";
import { Refused } from "./contract.js";
import { Errand } from "./errand.js";
import { Letter } from "./letter.js";
import * as memory from "./memory.js";
import { photograph } from "./photograph.js";
import { shareLink } from "./sharing.js";

const UNUSABLE = ["PHOTO_UNUSABLE", "TOO_LARGE", "CONSENT_MISSING"];

export class Visit {
  #room;
  #service;
  #word;
  #shop;
  #choosing;
  #errand;
  #letter;
  #person = null; // a sample figure, to whom a shopper without a photograph returns
  #photo = null; // { blob, url, consent, isOwn, title } and, once the server has it, fileId
  #product = null;
  #next = null; // a product that is chosen while something is under way
  #made = new Map(); // wish -> the generation that fulfilled it

  // `shop`: { language, cart, cartPage, privacy, email, count }, what the page knows.
  constructor(room, service, word, shop) {
    this.#room = room;
    this.#service = service;
    this.#word = word;
    this.#shop = shop;
    this.#choosing = new Choosing(room, service, word, shop.language, (file) => this.#takeIn(file));
    this.#errand = new Errand(service, room, word, (action) => this.#count(action));
    this.#letter = new Letter(room, service, word, shop.email, () => this.#count("email_collected"));
    this.#listen();
    const kept = memory.kept();
    this.#show(kept && this.#own({ ...kept, url: URL.createObjectURL(kept.blob) }));
  }

  // Ask what must be known before a photograph is; again each time the room is entered.
  async enter() {
    if (this.#room.isBusy) {
      return;
    }
    try {
      const [isOpen] = await Promise.all([this.#service.isOpen(), this.#choosing.learn()]);
      if (!isOpen) {
        this.#room.enter("closed");
        throw new Refused("closed");
      }
      if (this.#room.step === "closed") {
        this.#back();
      }
    } catch (error) {
      this.#room.complain(error);
    }
  }

  leave() {
    if (this.#room.step === "camera") {
      this.#back();
    }
  }

  // { productId, variantId, title, image, available }
  set product(product) {
    if (this.#room.isBusy) {
      this.#next = product;
      return;
    }
    this.#product = product;
    const { garment, name, cart } = this.#room.parts;
    garment.src = product.image;
    name.textContent = product.title;
    cart.disabled = product.available === false;
    cart.textContent = this.#word(cart.disabled ? "cart_sold_out" : "cart");
    if (this.#room.step === "closed") {
      return;
    }
    this.#room.say();
    if (this.#made.has(this.#wish)) {
      this.#tryOn(); // it is there already
    } else if (this.#room.step === "done") {
      this.#rest();
    }
  }

  // A sample figure { title, image }, who agrees to everything.
  set person({ title, image }) {
    this.#person = { id: image, title, url: image, consent: { consentVersion: "sample-figure" } };
    this.#show(this.#person);
  }

  get #wish() {
    return [this.#photo?.id, this.#product.productId, this.#product.variantId].join(" ");
  }

  #listen() {
    const { parts } = this.#room;
    const acts = {
      take: () => this.#choosing.take(),
      upload: () => this.#choosing.upload(),
      shoot: () => this.#choosing.shoot(),
      try: () => this.#tryOn(),
      again: () => this.#made.delete(this.#wish) && this.#tryOn(),
      cancel: () => this.#errand.cancel(),
      cart: () => this.#addToCart(),
      share: () => this.#share(),
      download: () => this.#count("download_clicked"),
      skip: () => this.#letter.skip(),
      back: () => this.#back(),
      another: () => this.#another(),
      delete: () => this.#delete(),
    };
    parts.stage.parentElement.addEventListener("click", ({ target }) => {
      const act = acts[target.closest("[data-act]")?.dataset.act];
      act && Promise.resolve(act()).catch((error) => this.#room.complain(error));
    });
    parts.cart.dataset.in = this.#shop.cart ? "done" : "";
    parts.privacy.hidden = !this.#shop.privacy;
    parts.privacy.href = this.#shop.privacy ?? "";
  }

  async #takeIn(file) {
    this.#room.say(this.#word("preparing"));
    const picture = await photograph(file, this.#choosing.facts.photoHeight);
    const photo = { ...picture, id: memory.newId(), consent: this.#choosing.consent };
    this.#show(this.#own(photo), "sending");
    try {
      await this.#errand.send(this.#photo);
      this.#show(this.#photo);
      this.#room.say(this.#word("photo_ready"), this.#choosing.facts.notice);
      picture.url && memory.keep(this.#photo); // what this browser cannot show is chosen again
    } catch (error) {
      if (this.#errand.isCancelled || UNUSABLE.includes(error.code)) {
        this.#forget();
      }
      this.#rest();
      this.#errand.isCancelled ? this.#room.say() : this.#room.complain(error);
    }
    this.#catchUp();
  }

  async #tryOn() {
    const wish = this.#wish;
    this.#room.enter("working");
    this.#room.say(this.#word("patience"));
    this.#room.progress(this.#word("next"), 0);
    try {
      await this.#reveal(await this.#errand.make(this.#photo, this.#product, this.#made.get(wish)), wish);
    } catch (error) {
      if (error.code === "GENERATION_NOT_FOUND") {
        this.#made.delete(wish);
      }
      this.#rest();
      this.#errand.isCancelled ? this.#room.say(this.#word("cancelled")) : this.#room.complain(error);
    }
    this.#catchUp();
  }

  #catchUp() {
    if (this.#next) {
      this.product = this.#next;
      this.#next = null;
    }
  }

  #own(photo) {
    return { ...photo, isOwn: true, title: this.#word("your_photo") };
  }

  async #reveal({ status, generationId, resultImageUrl, warnings, errorCode, errorMessage }, wish) {
    if (errorCode === "CANCELLED") {
      this.#rest();
      return this.#room.say(this.#word("cancelled"));
    }
    if (status === "FAILED") {
      throw new Refused(errorCode, errorMessage);
    }
    this.#made.set(wish, generationId);
    if (!this.#room.parts.before.hasAttribute("src")) {
      this.#room.picture("before", this.#photo.url, this.#photo.title);
    }
    const alt = this.#word("wearing", { person: this.#photo.title, product: this.#product.title });
    if (!(await this.#room.picture("after", resultImageUrl, alt))) {
      throw new Refused("picture_lost");
    }
    this.#room.parts.download.href = this.#service.download(generationId);
    this.#room.parts.made.textContent = [this.#word("made"), this.#choosing.facts?.notice].filter(Boolean).join(" ");
    this.#letter.offer(this.#choosing.facts);
    this.#room.enter("done");
    this.#count("result_view");
    this.#room.say(this.#word("done"), ...(warnings ?? []));
  }

  // Told with the product alone.
  #count(action) {
    const { productId, variantId } = this.#product ?? {};
    this.#shop.count(`widget:${action}`, { productId, variantId });
  }

  async #addToCart() {
    this.#count("add_to_cart_clicked");
    const line = await addToCart(this.#shop.cart, this.#product.variantId);
    this.#count("add_to_cart_success");
    this.#room.answer(this.#word("cart_added"));
    if (this.#shop.cartPage) {
      this.#room.link(this.#shop.cartPage, this.#word("cart_view"));
    }
    this.#room.tell("cart", line);
  }

  async #share() {
    this.#count("share_clicked");
    const { shareUrl, expiresAt } = await this.#service.share(this.#made.get(this.#wish));
    const date = new Date(expiresAt).toLocaleDateString(this.#shop.language, { dateStyle: "long" });
    const how = await shareLink(shareUrl, this.#word("share_title", { product: this.#product.title }));
    this.#room.answer(how && this.#word(how, { date }));
    if (how === "shared") {
      this.#room.link(shareUrl, shareUrl);
    }
  }

  #another() {
    this.#room.say();
    this.#room.enter("choose");
    this.#room.parts.back.hidden = false;
  }

  #back() {
    this.#choosing.stop();
    this.#rest();
    this.#room.say();
  }

  async #delete() {
    await this.#service.forget(this.#photo.fileId);
    this.#forget();
    this.#room.answer(this.#word("deleted"));
  }

  #forget() {
    memory.forget();
    this.#made.clear();
    this.#room.parts.agree.checked = false;
    this.#show(this.#person);
  }

  #show(photo, step) {
    this.#photo = photo;
    const { another, delete: remove } = this.#room.parts;
    another.textContent = this.#word(photo?.isOwn ? "another" : "own");
    remove.hidden = !photo?.isOwn;
    this.#room.picture("before", photo?.url, photo?.title ?? "");
    this.#room.tell("photo", { isOwn: Boolean(photo?.isOwn), title: photo?.title });
    this.#rest(step);
  }

  // The step between two deeds, unless another is named.
  #rest(step = this.#photo ? "ready" : "choose") {
    this.#room.enter(step);
  }
}
