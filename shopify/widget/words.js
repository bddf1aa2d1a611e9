// What the widget says, in English. A storefront gives its own language's words for any of these; {braces} are filled
// in. An error's word is named by its code; {message} is the server's own sentence, which is English, and {when} the
// time to come back.

export const ENGLISH = {
  title: "Try it on",
  close: "Close",
  choose_hint: "A photo of you from the front, arms visible, in good light.",
  drop: "You can drop it here.",
  consent: "I agree that my photo is sent to this shop’s fitting room to make the pictures I ask for.",
  consent_needed: "Please tick the box first: your photo is only sent if you agree.",
  loading: "One moment …",
  retention: "Your photo is deleted after {photo}, the pictures after {pictures}, and both whenever you say so.",
  privacy: "Privacy policy",
  take: "Take a photo",
  upload: "Choose a photo",
  camera_hint: "Step back until your arms can be seen. The photo is taken after 3 seconds.",
  camera_refused: "The camera cannot be used. Allow it in your browser’s settings, or choose a photo.",
  shoot: "Take the photo",
  back: "Back",
  your_photo: "Your photo",
  preparing: "Preparing your photo …",
  sending: "Sending your photo · {percent}",
  photo_ready: "Your photo is ready.",
  version: "Version",
  try: "Try it on",
  another: "Another photo",
  own: "Use my own photo",
  again: "Make another",
  waiting: "{count} ahead of you",
  next: "You are next",
  dressing: "Making your picture · {percent}",
  progress: "Progress of your picture",
  patience: "This takes a few seconds.",
  slow: "This takes longer than usual. You can wait, or cancel: it does not count then.",
  cancel: "Cancel",
  cancelled: "Cancelled. It does not count.",
  done: "Your picture is ready. Slide to compare.",
  wearing: "{person}, wearing {product}",
  made: "Made by a computer: fit and colours may differ.",
  compare: "Compare before and after",
  split: "{before} before, {after} after",
  before: "Before",
  after: "After",
  cart: "Add to cart",
  cart_sold_out: "Sold out",
  cart_added: "It is in your cart.",
  cart_view: "View cart",
  share: "Share",
  share_title: "Tried on: {product}",
  shared: "Anyone with this link can see the picture until {date}:",
  link_copied: "Link copied. Anyone who has it can see the picture until {date}.",
  download: "Download",
  email: "E-mail address (optional)",
  email_why: "So that this shop can write to you. It keeps the address with its customers; your photo and pictures do not go with it.",
  email_marketing: "Send me this shop’s news and offers, too.",
  email_leave: "Leave it",
  email_skip: "No, thanks",
  email_invalid: "This is no e-mail address. One looks like name@example.com.",
  email_thanks: "Thank you. Your address goes to the shop.",
  delete: "Delete my photo",
  deleted: "Your photo and the pictures made of it have been deleted.",
  offline: "The fitting room cannot be reached. Please check your connection and try again.",
  trouble: "Something went wrong on our side. Please try again in a minute.",
  closed: "The fitting room is closed for now. Please come back later.",
  picture_lost: "Your picture is ready, but it could not be loaded. Please try again: it does not count twice.",
  later: "later",
  error_photo_unusable: "{message}",
  error_too_large: "{message}",
  error_quota_exceeded: "{message}",
  error_rate_limit_exceeded: "{message}",
  error_too_often: "{message}",
  error_billing_not_allowed: "{message}",
  error_creation_failed: "{message}",
  error_queue_full: "{message}",
  error_garment_unreachable: "{message}",
  error_garment_not_placed: "{message}",
  error_product_not_found: "This product cannot be tried on. Please choose another.",
  error_garment_unusable: "{message}",
  error_unavailable: "{message}",
  error_internal: "{message}",
  error_worker_lost: "{message}",
  error_internal_error: "{message}",
};

// word(name, filling): a sentence in the page's language. `retryAfter`, in seconds, fills {when}.
export function wordsOf(own, language) {
  const words = { ...ENGLISH, ...own };
  return (name, { retryAfter, ...filling } = {}) => {
    const told = { when: retryAfter ? soon(retryAfter, language) : words.later, ...filling };
    return (words[name] ?? "").replace(/\{(\w+)\}/g, (whole, key) => told[key] ?? whole);
  };
}

// What to tell of an error: by its code if the language has a word for it, else as the server said it.
export function sentence(word, { code = "", message = "", retryAfter }) {
  const name = code.toLowerCase();
  return word(name) || word(`error_${name}`, { message, retryAfter }) || message || word("trouble");
}

// "7 days", "1 hour", in the page's language.
export function term(days, language) {
  const [amount, unit] = days < 1 ? [Math.round(days * 24), "hour"] : [Math.round(days * 10) / 10, "day"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(amount);
}

// "in 3 days", in the page's language: to one unit, rounded up, as the server says it.
function soon(seconds, language) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const [unit, length] = units.find(([, length]) => seconds > length) ?? units.at(-1);
  return new Intl.RelativeTimeFormat(language).format(Math.ceil(seconds / length), unit);
}
