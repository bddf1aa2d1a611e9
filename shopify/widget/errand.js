// What is asked of the service for a shopper, one thing at a time: a photograph is sent, a picture is made.

import { Refused } from "./contract.js";
import { newId } from "./memory.js";

const SLOW_MS = 30_000; // without any progress, after which the shopper is told

export class Errand {
  #service;
  #room;
  #word;
  #count;
  #jobId = "";
  #key = ""; // of a request that may have arrived
  #stop = new AbortController(); // of the sending
  #state = "";
  #movedAt = 0; // when that was another

  // `count`: tells that something was done.
  constructor(service, room, word, count) {
    this.#service = service;
    this.#room = room;
    this.#word = word;
    this.#count = count;
  }

  get isCancelled() {
    return this.#stop.signal.aborted;
  }

  async cancel() {
    this.#stop.abort();
    if (this.#jobId) {
      await this.#service.cancel(this.#jobId);
    }
  }

  // Makes sure that the server knows the photograph, by its fileId.
  send(photo) {
    this.#stop = new AbortController();
    return this.#send(photo);
  }

  // -> the last state of the generation: of the one that was made before, or of a new one.
  async make(photo, product, made) {
    this.#stop = new AbortController();
    try {
      this.#jobId = made ?? (await this.#order(photo, product));
      if (this.isCancelled) {
        await this.#service.cancel(this.#jobId); // it was on its way
      }
      return await this.#service.follow(this.#jobId, (generation) => this.#tell(generation));
    } finally {
      this.#jobId = "";
    }
  }

  async #send(photo) {
    if (photo.fileId) {
      return;
    }
    photo.blob ??= await fetch(photo.url).then((reply) => reply.blob(), () => Promise.reject(new Refused("offline")));
    const tell = (share) => {
      const percent = Math.round(100 * share);
      this.#room.progress(this.#word("sending", { percent: `${percent} %` }), percent);
    };
    tell(0);
    const { fileId, fileUrl } = await this.#service.send(photo, tell, this.#stop.signal);
    photo.fileId = fileId;
    photo.url ??= fileUrl; // as the server could read it
    photo.isOwn && this.#count("image_upload");
  }

  async #order(photo, { productId, variantId }) {
    const ask = async () => {
      await this.#send(photo);
      this.#key ||= newId();
      return this.#service.generate({ userImageId: photo.fileId, productId, variantId }, this.#key);
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
      this.#count("generation_start");
      return jobId;
    } catch (error) {
      this.#key = error.code === "offline" ? this.#key : ""; // what may have arrived is not asked for twice
      throw error;
    }
  }

  #tell({ status, progress, queuePosition }) {
    const percent = Math.round(100 * progress);
    if (status === "PENDING") {
      this.#room.progress(this.#word(queuePosition > 0 ? "waiting" : "next", { count: queuePosition }), percent);
    } else if (status === "PROCESSING") {
      this.#room.progress(this.#word("dressing", { percent: `${percent} %` }), percent);
    }
    this.#watch(`${this.#jobId} ${status} ${queuePosition} ${percent}`);
  }

  // Says once that nothing moves.
  #watch(state) {
    if (state !== this.#state) {
      this.#state = state;
      this.#movedAt = Date.now();
    } else if (Date.now() - this.#movedAt > SLOW_MS) {
      this.#movedAt = Infinity;
      this.#room.say(this.#word("slow"));
    }
  }
}
