// The before/after slider: a range input for keyboards and screen readers, the whole picture for fingers and mice.

export function compare(stage, range) {
  const show = () => {
    stage.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} percent before, ${100 - range.value} percent after`);
  };
  const drag = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    range.value = Math.round((100 * (event.clientX - left)) / width);
    show();
  };

  range.addEventListener("input", show);
  stage.addEventListener("pointerdown", (event) => {
    if (range.disabled || event.button !== 0) {
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

  return {
    start() {
      range.disabled = false;
      range.value = 50;
      show();
    },
    stop() {
      range.disabled = true;
    },
  };
}
