// A link goes out by the system's own sheet on a phone, else by the clipboard, else it is shown.

// -> the word for what was done; nothing when the shopper thought better of it.
export async function shareLink(url, title) {
  if (matchMedia("(pointer: coarse)").matches && navigator.share) {
    try {
      await navigator.share({ url, title });
      return "";
    } catch (error) {
      if (error.name === "AbortError") {
        return "";
      }
    }
  }
  try {
    await navigator.clipboard.writeText(url);
    return "link_copied";
  } catch {
    return "shared";
  }
}
