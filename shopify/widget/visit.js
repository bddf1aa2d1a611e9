// One shopper in the room: chooses a photograph, tries products on, and takes the picture along.

import { canFilm, film, isPhone } from "./camera.js";
import { addToCart } from "./cart.js";
import { Refused } from "./contract.js";
import * as memory from "./memory.js";
import { photograph, snapshot } from "./photograph.js";
import { shareLink } from "./sharing.js";
import { term } from "./words.js";

const UNUSABLE = ["PHOTO_UNUSABLE", "TOO_LARGE", "CONSENT_MISSING"];

export class Visit {
  #room;
  #service;
  #word;
  #shop;
  #facts; // what the service told of itself
  #person = null; // a sample figure, to whom a shopper without a photograph returns
  #photo = null; // { blob, url, consent, isOwn, title } and, once the server has it, fileId
  #product = null;
  #made = new Map(); // wish -> the generation that fulfilled it
  #key = ""; // of the request that is under way
  #jobId = "";
  #stop = null; // ends the sending
  #camera = null;

  // `shop`: { language, cart, cartPage, privacy }, what the page knows.
  constructor(room, service, word, shop) {
    this.#room = room;
    this.#service = service;
    this.#word = word;
    this.#shop = shop;
    this.#listen();
    const kept = memory.kept();
    this.#show(kept && { ...kept, url: URL.createObjectURL(kept.blob), isOwn: true, title: word("your_photo") });
  }

  // Ask what must be known before a photograph is; again each time the room is entered.
  async enter() {
    if (this.#room.isBusy) {
      return;
    }
    try {
      const [isOpen] = await Promise.all([this.#service.isOpen(), this.#learn()]);
      if (!isOpen) {
        throw new Refused("closed");
      }
      if (this.#room.step === "closed") {
        this.#rest();
        this.#room.say();
      }
    } catch (error) {
      if (error.code === "closed") {
        this.#room.enter("closed");
      }
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
    this.#product = product;
    const { garment, name, cart } = this.#room.parts;
    garment.src = product.image;
    name.textContent = product.title;
    cart.disabled = product.available === false;
    cart.textContent = this.#word(cart.disabled ? "cart_sold_out" : "cart");
    if (this.#room.isBusy || this.#room.step === "closed") {
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
    this.#person = { title, url: image, consent: { consentVersion: "sample-figure" } };
    this.#show(this.#person);
  }

  get #wish() {
    return [this.#photo?.url, this.#product?.productId, this.#product?.variantId].join(" ");
  }

  #listen() {
    const { parts } = this.#room;
    const acts = {
      take: () => this.#take(),
      upload: () => this.#agreed() && parts.file.click(),
      shoot: () => this.#shoot(),
      try: () => this.#tryOn(),
      again: () => this.#made.delete(this.#wish) && this.#tryOn(),
      cancel: () => this.#cancel(),
      cart: () => this.#addToCart(),
      share: () => this.#share(),
      back: () => this.#back(),
      another: () => this.#another(),
      delete: () => this.#delete(),
    };
    parts.stage.parentElement.addEventListener("click", ({ target }) => {
      const act = acts[target.closest("[data-act]")?.dataset.act];
      act && Promise.resolve(act()).catch((error) => this.#room.complain(error));
    });
    for (const input of [parts.file, parts.capture]) {
      input.addEventListener("change", () => {
        const [file] = input.files;
        input.value = "";
        file && this.#takeIn(file);
      });
    }
    parts.take.dataset.in = isPhone() || canFilm() ? "choose" : "";
    parts.cart.dataset.in = this.#shop.cart ? "done" : "";
    parts.privacy.hidden = !this.#shop.privacy;
    parts.privacy.href = this.#shop.privacy ?? "";
    this.#takeDrops(parts.stage);
  }

  #takeDrops(stage) {
    const mark = (isTarget) => (event) => {
      event.preventDefault();
      stage.classList.toggle("is-target", isTarget && !this.#room.isBusy);
    };
    stage.addEventListener("dragover", mark(true));
    stage.addEventListener("dragleave", mark(false));
    stage.addEventListener("drop", (event) => {
      mark(false)(event);
      const [file] = event.dataTransfer.files;
      if (file && !this.#room.isBusy && this.#agreed()) {
        this.#takeIn(file);
      }
    });
  }

  async #learn() {
    this.#facts ??= await this.#service.facts();
    const { photoRetentionDays, resultRetentionDays } = this.#facts;
    const [photo, pictures] = [photoRetentionDays, resultRetentionDays].map((days) => term(days, this.#shop.language));
    this.#room.parts.retention.textContent = this.#word("retention", { photo, pictures });
  }

  // Whether the shopper has read for how long what is kept, and ticked the box; says so if not.
  #agreed() {
    if (!this.#facts) {
      this.enter();
      return false;
    }
    if (!this.#room.parts.agree.checked) {
      this.#room.enter("choose");
      this.#room.complain(new Refused("consent_needed"));
      this.#room.parts.agree.focus();
      return false;
    }
    return true;
  }

  async #take() {
    if (!this.#agreed()) {
      return;
    }
    if (isPhone() || !canFilm()) {
      this.#room.parts.capture.click();
      return;
    }
    this.#room.say();
    this.#room.parts.shoot.disabled = true;
    this.#room.enter("camera");
    try {
      const camera = await film(this.#room.parts.film);
      if (this.#room.step !== "camera") {
        return camera.stop();
      }
      this.#camera = camera;
      this.#room.parts.shoot.disabled = false;
      this.#room.parts.shoot.focus();
    } catch {
      this.#back();
      throw new Refused("camera_refused");
    }
  }

  async #shoot() {
    const { count, film: video, shoot } = this.#room.parts;
    shoot.disabled = true;
    const isOn = await this.#camera.countdown((left) => {
      count.textContent = left;
      this.#room.say(String(left));
    });
    count.textContent = "";
    if (isOn) {
      const picture = await snapshot(video);
      this.#closeCamera();
      await this.#takeIn(picture);
    }
  }

  async #takeIn(file) {
    this.#room.say(this.#word("preparing"));
    const consent = { consentVersion: consentVersion(this.#word("consent")), consentGivenAt: new Date().toISOString() };
    const picture = await photograph(file, this.#facts.photoHeight);
    this.#show({ ...picture, consent, isOwn: true, title: this.#word("your_photo") });
    this.#room.enter("sending");
    try {
      await this.#sent(this.#photo);
      this.#rest();
      this.#room.say(this.#word("photo_ready"), this.#facts.notice);
    } catch (error) {
      if (this.#stop?.signal.aborted || UNUSABLE.includes(error.code)) {
        this.#forget();
      }
      this.#rest();
      this.#stop?.signal.aborted ? this.#room.say() : this.#room.complain(error);
    }
  }

  // -> the id under which the server knows the photograph, which is sent when it does not.
  async #sent(photo) {
    if (photo.fileId) {
      return photo.fileId;
    }
    photo.blob ??= await fetch(photo.url).then((reply) => reply.blob(), () => Promise.reject(new Refused("offline")));
    this.#stop = new AbortController();
    const tell = (share) => {
      const percent = Math.round(100 * share);
      this.#room.progress(this.#word("sending", { percent: `${percent} %` }), percent);
    };
    tell(0);
    const { fileId, fileUrl } = await this.#service.send(photo, tell, this.#stop.signal);
    photo.fileId = fileId;
    if (!photo.url) {
      photo.url = fileUrl; // as the server could read it
      this.#show(photo);
      this.#room.enter("sending");
    } else if (photo.isOwn) {
      memory.keep(photo);
    }
    return fileId;
  }

  async #tryOn() {
    const wish = this.#wish;
    this.#room.enter("working");
    this.#room.say(this.#word("patience"));
    this.#room.progress(this.#word("next"), 0);
    try {
      this.#jobId = this.#made.get(wish) ?? (await this.#order());
      const end = await this.#service.follow(this.#jobId, (generation) => this.#tell(generation));
      await this.#reveal(end, wish);
    } catch (error) {
      if (error.code === "GENERATION_NOT_FOUND") {
        this.#made.delete(wish);
      }
      this.#rest();
      this.#stop?.signal.aborted ? this.#room.say(this.#word("cancelled")) : this.#room.complain(error);
    } finally {
      this.#jobId = "";
      this.#stop = null;
    }
  }

  async #order() {
    const { productId, variantId } = this.#product;
    const photo = this.#photo;
    const ask = async () => {
      const userImageId = await this.#sent(photo);
      this.#key ||= memory.newId();
      return this.#service.generate({ userImageId, productId, variantId }, this.#key);
    };
    const again = (error) => {
      if (error.code !== "IMAGE_NOT_FOUND") {
        throw error;
      }
      photo.fileId = this.#key = ""; // the server has deleted it, as it does after some days
      return ask();
    };
    try {
      const { jobId } = await ask().catch(again);
      this.#key = "";
      return jobId;
    } catch (error) {
      this.#key = error.code === "offline" ? this.#key : ""; // what may have arrived is not asked for twice
      throw error;
    }
  }

  #tell({ status, progress, queuePosition }) {
    const percent = Math.round(100 * progress);
    const words = {
      PENDING: () => (queuePosition > 0 ? this.#word("waiting", { count: queuePosition }) : this.#word("next")),
      PROCESSING: () => this.#word("dressing", { percent: `${percent} %` }),
    };
    words[status] && this.#room.progress(words[status](), percent);
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
    const alt = this.#word("wearing", { person: this.#photo.title, product: this.#product.title });
    if (!(await this.#room.picture("after", resultImageUrl, alt))) {
      throw new Refused("picture_lost");
    }
    this.#room.parts.download.href = this.#service.download(generationId);
    this.#room.parts.made.textContent = [this.#word("made"), this.#facts?.notice].filter(Boolean).join(" ");
    this.#room.enter("done");
    this.#room.say(this.#word("done"), ...(warnings ?? []));
  }

  async #cancel() {
    this.#stop?.abort();
    if (this.#jobId) {
      await this.#service.cancel(this.#jobId);
    }
  }

  async #addToCart() {
    const line = await addToCart(this.#shop.cart, this.#product.variantId);
    this.#room.say(this.#word("cart_added"));
    if (this.#shop.cartPage) {
      this.#room.link(this.#shop.cartPage, this.#word("cart_view"));
    }
    this.#room.tell("cart", line);
  }

  async #share() {
    const { shareUrl, expiresAt } = await this.#service.share(this.#made.get(this.#wish));
    const date = new Date(expiresAt).toLocaleDateString(this.#shop.language, { dateStyle: "long" });
    const how = await shareLink(shareUrl, this.#word("share_title", { product: this.#product.title }));
    this.#room.say(how && this.#word(how, { date }));
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
    this.#closeCamera();
    this.#rest();
    this.#room.say();
  }

  #closeCamera() {
    this.#camera?.stop();
    this.#camera = null;
  }

  async #delete() {
    await this.#service.forget(this.#photo.fileId);
    this.#forget();
    this.#rest();
    this.#room.say(this.#word("deleted"));
  }

  #forget() {
    memory.forget();
    this.#made.clear();
    this.#room.parts.agree.checked = false;
    this.#show(this.#person);
  }

  #show(photo) {
    this.#photo = photo;
    const { another, delete: remove } = this.#room.parts;
    another.textContent = this.#word(photo?.isOwn ? "another" : "own");
    remove.hidden = !photo?.isOwn;
    this.#room.picture("before", photo?.url, photo?.title ?? "");
    this.#room.tell("photo", { isOwn: Boolean(photo?.isOwn), title: photo?.title });
    this.#rest();
  }

  // The step between two deeds.
  #rest() {
    this.#room.enter(this.#photo ? "ready" : "choose");
    this.#room.parts.back.hidden = this.#room.step !== "camera";
  }
}

// Names the text that was agreed to by a sum of it (FNV-1a), so that another text has another name.
function consentVersion(text) {
  const sum = [...new TextEncoder().encode(text)].reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5);
  return `widget-${(sum >>> 0).toString(16).padStart(8, "0")}`;
}
