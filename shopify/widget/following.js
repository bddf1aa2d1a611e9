// Every change of a generation, until it ends: by server-sent events, and by polling where those do not come. A proxy
// that keeps events back until the stream ends looks like a stream that is silent.

const POLL_MS = 2000;
const SILENCE_MS = 5000; // after which a stream is given up
const PATIENCE = 10; // polls in a row that may fail while the browser says it is online

let eventsCome = typeof EventSource === "function"; // until one stream failed on this page

// -> the last state. `path`: of the generation; `ask`: its state by a plain request.
export async function follow(path, ask, onChange) {
  return (eventsCome && (await streamed(`${path}/events`, onChange))) || polled(ask, onChange);
}

const isFinal = ({ status }) => status === "COMPLETED" || status === "FAILED";

// -> the last state, or nothing when the stream broke or fell silent.
function streamed(url, onChange) {
  return new Promise((resolve) => {
    const events = new EventSource(url);
    let patience;
    const end = (generation) => {
      eventsCome = Boolean(generation);
      clearTimeout(patience);
      events.close();
      resolve(generation);
    };
    const wait = () => {
      clearTimeout(patience);
      patience = setTimeout(end, SILENCE_MS);
    };
    events.addEventListener("error", () => end());
    events.addEventListener("generation", ({ data }) => {
      const generation = JSON.parse(data);
      wait();
      onChange(generation);
      if (isFinal(generation)) {
        end(generation);
      }
    });
    wait();
  });
}

async function polled(ask, onChange) {
  for (let misses = 0; ; ) {
    try {
      const generation = await ask();
      misses = 0;
      onChange(generation);
      if (isFinal(generation)) {
        return generation;
      }
    } catch (error) {
      misses += navigator.onLine;
      if (error.code === "GENERATION_NOT_FOUND" || misses > PATIENCE) {
        throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
