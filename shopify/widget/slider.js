// The before/after slider: a range input for keyboards and screen readers, the whole picture for fingers and mice.
// A picture is no text: before is on the left in every language.

export function slider(stage, range, word) {
  const show = () => {
    const after = 100 - range.value;
    stage.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", word("split", { before: `${range.value} %`, after: `${after} %` }));
  };
  const drag = ({ clientX }) => {
    const { left, width } = stage.getBoundingClientRect();
    range.value = Math.round((100 * (clientX - left)) / width);
    show();
  };

  range.addEventListener("input", show);
  stage.addEventListener("pointerdown", (event) => {
    if (range.hidden || event.button !== 0) {
      return;
    }
    stage.setPointerCapture(event.pointerId);
    drag(event);
    event.preventDefault();
    range.focus({ preventScroll: true });
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) {
      drag(event);
    }
  });

  return () => {
    range.value = 50;
    show();
  };
}
