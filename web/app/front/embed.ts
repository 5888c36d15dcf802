// What to put into one's own page to have this one there.
const place = document.querySelector<HTMLElement>(".embed-code");

if (place) {
  const url = new URL(place.dataset.path!, location.href);
  url.hash = location.hash;
  place.textContent = `<iframe src="${url.href}" title="${document.title}" width="100%" height="720" loading="lazy" allow="clipboard-write"></iframe>`;
  place.closest<HTMLElement>("details")!.hidden = false;
}
