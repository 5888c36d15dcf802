// On a phone the parts of the page are views: shows the one where something has just
// been put. In a wide window all are in sight anyway.
import { sight, type View } from "./sight";

export function reveal(view: View): void {
  sight.value = view;
}
