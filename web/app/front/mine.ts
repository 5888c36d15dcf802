// On the first page: the way back to clusters that this browser has open.
import { mine } from "../state/mine";

const place = document.querySelector<HTMLElement>(".mine");

function draw(): void {
  const all = mine();
  place!.hidden = all.length === 0;
  place!.replaceChildren("Still there:", ...all.map(([id, m]) => {
    const link = document.createElement("a");
    link.href = m.at;
    link.dataset.session = id;
    const minutes = Math.ceil((m.ends - Date.now()) / 60_000);
    link.textContent = `${m.title}, ${minutes > 90 ? `${Math.round(minutes / 60)} hours` : `${minutes} minutes`} left`;
    return link;
  }));
}

if (place) {
  draw();
  addEventListener("pageshow", draw);
}
